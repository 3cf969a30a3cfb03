package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib" // the "pgx" driver, too
	driver "modernc.org/sqlite"

	"liaison/gateway"
)

// StorageKey is the key that wraps the operations' data keys: 32 bytes. It
// refuses to print.
type StorageKey [32]byte

// String refuses to print.
func (StorageKey) String() string { return "[storage key]" }

// GoString refuses to print.
func (StorageKey) GoString() string { return "[storage key]" }

// LogValue refuses to print.
func (StorageKey) LogValue() slog.Value { return slog.StringValue("[storage key]") }

// Options are what a store is opened with.
type Options struct {
	Node  string     // this node's name, unlike any other's; "" means "gateway"
	Key   StorageKey // wraps the data keys; all zero is refused
	Clock func() time.Time
	Log   *slog.Logger
	// SignHead signs a tree head's text; nil: heads aren't signed.
	SignHead func([]byte) ([]byte, error)
}

// The times that leases go by.
const (
	beatEvery  = 2 * time.Second
	deadAfter  = 8 * time.Second
	leaseFor   = 30 * time.Second
	attemptMax = 6 * time.Minute // a claim is prolonged no longer than this
	freshFor   = time.Minute     // one that is older begins anew with its attempt, which may last five
)

// readConnections to a SQLite file: more don't read faster.
const readConnections = 8

type mode int

const (
	serving mode = iota
	beside
	reading
)

// Store is the record. It is safe for concurrent use.
type Store struct {
	d      dialect
	opt    Options
	mode   mode
	db     *sql.DB         // transactions; SQLite: the writer's one connection
	server *pgx.ConnConfig // PostgreSQL
	reads  *sql.DB
	reader querier // on reads
	lock   *fileLock
	codec  *codec
	dsn    string

	epoch int64 // of this node, fixed at Open

	groups groups    // PostgreSQL
	writes chan *job // SQLite
	quit   chan struct{}
	done   chan struct{}
	once   sync.Once

	wake chan struct{}
	hint chan struct{} // PostgreSQL: a commit wants other nodes woken
	beat atomic.Int64  // local time of the last heartbeat that succeeded

	beats  atomic.Bool  // Run goes on
	lapsed atomic.Int64 // local time of the last heartbeat that came too late: earlier claims are void

	ops     opCache
	due     dueLanes
	reached tally
}

// Open opens the record for a serving node: it applies migrations, takes the
// file lock on SQLite (one serving gateway per file), gives the node a new
// epoch and voids the claims and sessions of its earlier ones.
func Open(ctx context.Context, dsn string, opt Options) (*Store, error) {
	return open(ctx, dsn, opt, serving)
}

// OpenBeside opens the record for a short command beside a serving gateway: it
// reads and writes, and never claims.
func OpenBeside(ctx context.Context, dsn string, opt Options) (*Store, error) {
	return open(ctx, dsn, opt, beside)
}

// OpenReader opens the record for reading alone; methods that write return an
// error.
func OpenReader(ctx context.Context, dsn string, opt Options) (*Store, error) {
	return open(ctx, dsn, opt, reading)
}

func open(ctx context.Context, dsn string, opt Options, m mode) (_ *Store, err error) {
	if opt.Node == "" {
		opt.Node = "gateway"
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Key == (StorageKey{}) {
		return nil, errors.New("open the store: no storage key was given")
	}
	d, path, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	s := &Store{d: d, opt: opt, mode: m, dsn: path, wake: make(chan struct{}, 1), hint: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
		due: dueLanes{lanes: make(map[gateway.Lane]struct{}), sweep: true}}
	defer func() {
		if err != nil {
			_ = s.closeFiles()
		}
	}()
	if s.codec, err = newCodec(opt.Key); err != nil {
		return nil, err
	}
	if err := s.connect(ctx, path); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	if err := s.upToDate(ctx); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	if err := s.startWriter(ctx); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	if err := s.register(ctx); err != nil {
		_ = s.stopWriter()
		return nil, fmt.Errorf("register node %q: %w", opt.Node, err)
	}
	return s, nil
}

func (s *Store) connect(ctx context.Context, path string) error {
	if s.d.driver == postgres.driver {
		return s.connectServer(ctx, path)
	}
	if s.mode == serving {
		l, err := lockFile(path + ".lock")
		if err != nil {
			return err
		}
		s.lock = l
	}
	// A commit waits until the bytes and the file's size are on the disk, and not
	// for its times; where the system has no such call it waits for all.
	_, _ = driver.Fdatasync(true)
	var err error
	if s.mode != reading {
		if err := ownFile(path); err != nil {
			return err
		}
		if s.db, err = sql.Open(s.d.driver, sqliteDSN(path, fmt.Sprintf("&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=temp_store(MEMORY)&_pragma=wal_autocheckpoint(%d)&_pragma=cache_size(-32768)&_txlock=immediate", logMost))); err != nil {
			return err
		}
		s.db.SetMaxOpenConns(1)
		if err := s.db.PingContext(ctx); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if s.reads, err = sql.Open(s.d.driver, sqliteDSN(path, "&mode=ro&_pragma=query_only(1)")); err != nil {
		return err
	}
	s.reads.SetMaxOpenConns(readConnections)
	s.reads.SetMaxIdleConns(readConnections) // opening one costs more than a read
	s.reader = newPool(s.reads)
	if s.mode == reading {
		if err := s.reads.PingContext(ctx); err != nil {
			return fmt.Errorf("%s: %w (has this gateway ever been started?)", path, err)
		}
	}
	return nil
}

// connectionsMost is how many connections to PostgreSQL a node has beside the one
// that listens; pool_max_conns in the store's address sets another number.
const connectionsMost = 24

// connectServer opens two pools, a third of the connections for what reads: a
// transaction that asks beside itself never waits for one that waits for it.
func (s *Store) connectServer(ctx context.Context, dsn string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	most := connectionsMost
	if set, ok := config.RuntimeParams[poolParameter]; ok {
		delete(config.RuntimeParams, poolParameter) // the server doesn't know it
		if most, err = strconv.Atoi(set); err != nil || most < 3 || most > 1000 {
			return fmt.Errorf("%s=%s in the store's address: want a number from 3 to 1000", poolParameter, set)
		}
	}
	pool := func(most int) *sql.DB {
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(most)
		db.SetMaxIdleConns(most) // opening one costs more than most that is asked
		return db
	}
	s.server, s.db, s.reads = config, pool(most-most/3), pool(most/3)
	s.reader = plain{s.reads}
	return s.db.PingContext(ctx)
}

// poolParameter is named as in pgx's own pool.
const poolParameter = "pool_max_conns"

// ownFile makes the file where it isn't there yet, for its owner alone: who
// writes to whom is no one else's business, sealed content or not. SQLite gives
// its journal the same mode. A file that is there isn't opened: to close it would
// give back the locks that another connection of this process holds on it.
func ownFile(path string) error {
	if _, err := os.Stat(path); err == nil {
		return readableAndWritable(path)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("%w (does its folder exist and may we write there?)", err)
	}
	return f.Close()
}

// Close ends the writer and closes the files. It gives this node's claims back,
// so that another node goes on at once.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		if s.mode == serving {
			ctx, stop := context.WithTimeout(context.Background(), time.Second)
			err = s.leave(ctx)
			stop()
		}
		err = errors.Join(err, s.stopWriter(), s.closeFiles())
	})
	return err
}

func (s *Store) closeFiles() error {
	var errs []error
	if s.reads != nil {
		errs = append(errs, s.reads.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}

func (s *Store) read() querier { return s.reader }

// Wake says that something may be due. It may miss or invent: poll as well.
func (s *Store) Wake() <-chan struct{} { return s.wake }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
