package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is a temporary PostgreSQL of this test process. Its shell waits on
// stdin: when the process ends, however it ends, the pipe closes, the shell
// stops the server and removes its folder.
type cluster struct {
	base  string // a DSN without a database
	stdin io.Closer
}

var (
	started   = sync.OnceValues(startCluster)
	databases atomic.Int64
)

// errNoPostgres: there is no server program on this machine.
var errNoPostgres = errors.New("no PostgreSQL: install it (initdb and postgres in PATH or /usr/lib/postgresql), or name a server in LIAISON_TEST_PG")

// Postgres returns the DSN of a fresh, empty database: on the server that
// LIAISON_TEST_PG names (a postgres:// DSN of a user who may create databases),
// else on a temporary one. Where there is none the test is skipped; with CI set
// it fails.
func Postgres(t testing.TB) (dsn string) {
	t.Helper()
	base := os.Getenv("LIAISON_TEST_PG")
	if base == "" {
		c, err := started()
		if errors.Is(err, errNoPostgres) && os.Getenv("CI") == "" {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		base = c.base
	}
	name := fmt.Sprintf("liaison_test_%d_%d", os.Getpid(), databases.Add(1))
	if err := onServer(base, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := onServer(base, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("LIAISON_TEST_PG: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

func onServer(dsn, statement string) error {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return "", errNoPostgres
	}
	return found[len(found)-1], nil
}

// startCluster makes and starts a server that listens on a socket in its own
// folder alone. PostgreSQL refuses to run as root, so root lends it another user.
func startCluster() (*cluster, error) {
	initdb, err := program("initdb")
	if err != nil {
		return nil, err
	}
	server, err := program("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "liaison-pg")
	if err != nil {
		return nil, err
	}
	cred, err := lend(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	init := exec.Command(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
	init.Dir, init.SysProcAttr = dir, cred
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// Its own process group: an interrupt at the terminal reaches the shell through the pipe alone.
	run := exec.Command("sh", "-c", `"$1" -D "$2" -k "$3" -c listen_addresses= -c fsync=off -c max_connections=200 -c log_min_messages=fatal & p=$!; read x; kill -INT $p; wait $p; rm -rf "$3"`,
		"sh", server, data, dir)
	run.Dir, run.SysProcAttr = dir, &syscall.SysProcAttr{Setpgid: true, Credential: cred.Credential}
	var log bytes.Buffer
	run.Stderr = &log
	stdin, err := run.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := run.Start(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	c := &cluster{base: "postgres:///postgres?user=postgres&host=" + url.QueryEscape(dir), stdin: stdin}
	return c, c.await(&log)
}

func (c *cluster) await(log *bytes.Buffer) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var err error
	for range 400 {
		if err = onServer(c.base, "SELECT 1"); err == nil {
			return nil
		}
		<-tick.C
	}
	_ = c.stdin.Close()
	return fmt.Errorf("postgres doesn't answer: %w\n%s", err, log.String())
}

// lend gives the folder to a user that isn't root.
func lend(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, uid, gid)
}
