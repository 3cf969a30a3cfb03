package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// freshDatabase makes an empty database for one run on the server that dsn names,
// whose user may create some, and says how durable its commits are.
func freshDatabase(ctx context.Context, dsn string) (fresh, durable string, drop func() error, err error) {
	at, err := url.Parse(dsn)
	if err != nil || at.Scheme != "postgres" && at.Scheme != "postgresql" {
		return "", "", nil, wrongf("--store %q: name a server as postgres://user@host/database; its user may create databases", dsn)
	}
	name := fmt.Sprintf("liaison_bench_%d_%d", os.Getpid(), time.Now().UnixNano())
	if durable, err = onServer(ctx, dsn, "CREATE DATABASE "+name); err != nil {
		return "", "", nil, fmt.Errorf("create a database for the run: %w", err)
	}
	at.Path = "/" + name
	return at.String(), durable, func() error {
		_, err := onServer(context.WithoutCancel(ctx), dsn, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		return err
	}, nil
}

// onServer does one thing on a server and says what it does to make a commit last.
func onServer(ctx context.Context, dsn, statement string) (durable string, err error) {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return "", err
	}
	var fsync, commit string
	err = conn.QueryRow(ctx, "SELECT current_setting('fsync'), current_setting('synchronous_commit')").Scan(&fsync, &commit)
	return fmt.Sprintf("PostgreSQL with fsync %s, synchronous_commit %s", fsync, commit), err
}
