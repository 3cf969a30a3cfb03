package store

import (
	"context"
	"database/sql"
	"log/slog"

	driver "modernc.org/sqlite"
)

const (
	// checkpointEvery is after how many pages in SQLite's write-ahead log they are
	// carried into the file.
	checkpointEvery = 1000
	// logMost is the log's length, in pages, at which the writer carries them there
	// itself, so that the log doesn't grow without bound while others lag.
	logMost = 8000
)

// checkpointer carries what is in SQLite's write-ahead log into the file
// (sqlite.org/wal.html, section 3) on a connection of its own, beside the writer,
// which would have to stop for it. A checkpoint that fails loses nothing: what is
// in the log is durable there, and the next one carries it.
type checkpointer struct {
	db    *sql.DB
	log   *slog.Logger
	asked chan struct{} // holds one
	ended chan struct{}
	pages int // in the log since it was last asked; the writer's
}

func startCheckpointer(path string, log *slog.Logger) (*checkpointer, error) {
	db, err := sql.Open(sqlite.driver, sqliteDSN(path, "&_pragma=wal_autocheckpoint(0)&_pragma=synchronous(FULL)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	c := &checkpointer{db: db, log: log, asked: make(chan struct{}, 1), ended: make(chan struct{})}
	go c.run()
	return c, nil
}

func (c *checkpointer) run() {
	defer close(c.ended)
	for range c.asked {
		var busy, inLog, carried int
		if err := c.db.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &inLog, &carried); err != nil {
			c.log.Warn("the store's log couldn't be carried into its file; nothing is lost, and it is tried again", "error", err)
		}
	}
}

// after tells it of what the writer has committed since it was told last.
func (c *checkpointer) after(writer *sql.Conn) {
	written := checkpointEvery // where it can't be known
	_ = writer.Raw(func(conn any) error {
		status, ok := conn.(driver.DBStatus)
		if !ok {
			return nil
		}
		n, _, err := status.Status(driver.DBStatusCacheWrite, true)
		if err == nil {
			written = n
		}
		return err
	})
	if c.pages += written; c.pages >= checkpointEvery {
		c.pages = 0
		signal(c.asked)
	}
}

// close ends it after the checkpoint that is under way.
func (c *checkpointer) close() {
	close(c.asked)
	<-c.ended
	_ = c.db.Close()
}
