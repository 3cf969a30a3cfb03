package storetest_test

import (
	"testing"

	"liaison/gateway/store"
	"liaison/gateway/store/storetest"
)

func TestClusterComesBackAfterACrash(t *testing.T) {
	c := storetest.NewCluster(t)
	if err := c.Exec("CREATE DATABASE liaison"); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), c.DSN("liaison"), store.Options{Key: storetest.Key()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := c.Crash(); err != nil {
		t.Fatal(err)
	}
	if err := s.Heartbeat(t.Context()); err == nil {
		t.Error("Heartbeat without a database = nil; want an error")
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var last error
	for range 30 { // connections that broke are found one by one
		if last = s.Heartbeat(t.Context()); last == nil {
			return
		}
	}
	t.Errorf("Heartbeat after the database came back = %v; want nil", last)
}
