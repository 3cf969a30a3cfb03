package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a temporary PostgreSQL of this test process, on a socket in its own
// folder. Its shell waits on stdin: when the process ends, however it ends, the
// pipe closes and the shell stops the server.
type Cluster struct {
	under        string // where its folder is made; "" where temporary ones are
	dir, program string
	user         *syscall.SysProcAttr // who runs it: never root
	args         string
	port         string // on loopback; "" where the socket alone is listened on
	forget       string // the folder, where it goes with the server
	shell        *exec.Cmd
	stdin        io.Closer
	log          bytes.Buffer
}

var (
	started   = sync.OnceValues(func() (*Cluster, error) { return startCluster(&Cluster{args: "-c fsync=off"}) })
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
		base = c.DSN("postgres")
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

// NewCluster starts a server of the test's own, which survives crashes as a
// production server does; without PostgreSQL the test is skipped, and fails with
// CI set.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	return newCluster(t, &Cluster{})
}

func newCluster(t testing.TB, c *Cluster) *Cluster {
	t.Helper()
	c, err := startCluster(c)
	if errors.Is(err, errNoPostgres) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.stdin.Close() // ends the shell
		_ = c.shell.Wait()  // however it ended
		os.RemoveAll(c.dir)
	})
	return c
}

// NewListeningCluster is NewCluster with its data under a folder, on a disk of the
// caller's, and with a port on loopback beside the socket, for who puts something
// between the server and its clients; address is host:port.
func NewListeningCluster(t testing.TB, under string) (c *Cluster, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	return newCluster(t, &Cluster{under: under, port: port}), "127.0.0.1:" + port
}

// DSN names a database of the cluster.
func (c *Cluster) DSN(database string) string {
	dsn := "postgres:///" + database + "?user=postgres&host=" + url.QueryEscape(c.dir)
	if c.port != "" {
		dsn += "&port=" + c.port
	}
	return dsn
}

// Exec runs a statement, such as CREATE DATABASE.
func (c *Cluster) Exec(statement string) error { return onServer(c.DSN("postgres"), statement) }

// Crash kills the server as a power cut would; Start starts it again.
func (c *Cluster) Crash() error {
	pid, err := c.pid()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill postgres: %w", err)
	}
	_ = c.stdin.Close()
	_ = c.shell.Wait() // it was killed
	return nil
}

func (c *Cluster) pid() (int, error) {
	data, err := os.ReadFile(filepath.Join(c.dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strconv.Atoi(line)
}

// startCluster makes and starts a server. PostgreSQL refuses to run as root, so
// root lends it another user.
func startCluster(c *Cluster) (*Cluster, error) {
	initdb, err := program("initdb")
	if err != nil {
		return nil, err
	}
	if c.program, err = program("postgres"); err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp(c.under, "liaison-pg"); err != nil {
		return nil, err
	}
	if c.user, err = lend(c.dir); err != nil {
		return nil, err
	}
	if c.args != "" { // the shared one: nobody else clears up
		c.forget = c.dir
	}
	init := exec.Command(initdb, "-D", filepath.Join(c.dir, "data"), "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
	init.Dir, init.SysProcAttr = c.dir, c.user
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return c, c.Start()
}

// Start starts the server and waits until it answers.
func (c *Cluster) Start() error {
	listen, port := "", "5432"
	if c.port != "" {
		listen, port = "127.0.0.1", c.port
	}
	// Its own process group: an interrupt at the terminal reaches the shell through the pipe alone.
	c.shell = exec.Command("sh", "-c", `"$1" -D "$2/data" -k "$2" -c listen_addresses="$5" -c port="$6" -c max_connections=200 -c log_min_messages=fatal $3 & p=$!; read x; kill -INT $p; wait $p; [ -z "$4" ] || rm -rf "$4"`,
		"sh", c.program, c.dir, c.args, c.forget, listen, port)
	c.shell.Dir, c.shell.SysProcAttr = c.dir, &syscall.SysProcAttr{Setpgid: true, Credential: c.user.Credential}
	c.shell.Stderr = &c.log
	var err error
	if c.stdin, err = c.shell.StdinPipe(); err != nil {
		return err
	}
	if err := c.shell.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		if err = c.Exec("SELECT 1"); err == nil {
			return nil
		}
		<-tick.C
	}
	_ = c.stdin.Close()
	_ = c.shell.Wait() // it never answered
	return fmt.Errorf("postgres doesn't answer: %w\n%s", err, c.log.String())
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
