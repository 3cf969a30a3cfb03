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
	// passesMost is how often it goes on with what came meanwhile.
	passesMost = 3
	// logMost is the log's length, in pages, from which on the writer carries what is
	// left of them itself: the log begins anew only where all was carried and nothing
	// came meanwhile.
	logMost = 8000
)

// checkpointer carries what is in SQLite's write-ahead log into the file
// (sqlite.org/wal.html, section 3) on a connection of its own, beside the writer,
// so that little is left for which the writer has to stop. A checkpoint that fails loses nothing: what is
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
		if err := c.carry(); err != nil {
			c.log.Warn("the store's log couldn't be carried into its file; nothing is lost, and it is tried again", "err", err)
		}
	}
}

// carry makes passes until nothing came during the last one. Only such a pass
// brings the file to the disk, which is the dearest part.
func (c *checkpointer) carry() error {
	before := -1
	for range passesMost {
		var busy, inLog, carried int
		err := c.db.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &inLog, &carried)
		if err != nil || busy != 0 || inLog == before {
			return err
		}
		before = inLog
	}
	return nil
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
