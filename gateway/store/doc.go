// Package store is the record: forms, verdicts, deliveries, evidence,
// certificates, sequences and the audit log, on SQLite or PostgreSQL.
//
// It implements gateway.Store, gateway.Reads, gateway.Sequencer and
// gateway.KeyRecords. Every method that writes is one transaction. On SQLite one
// writer gathers what waits, 128 at a time, into one commit, and a Finish waits up
// to 10 milliseconds for it while nobody is in a hurry. Where one transaction fails,
// all of its commit run again, each in its own savepoint. On PostgreSQL each is its
// own, but for acceptances that wait for each other, and a deadlock or serialization
// failure is retried here.
//
// It guarantees that a method that returned nil survives a kill or a power cut,
// Offer and Claim on SQLite a kill alone (what they note means nothing after a new
// start of the machine), that a delivery's state never moves to a lower rank, that a sequence has no
// gaps, and that what is secret is ciphertext on disk: content goes through one
// codec, with a key per operation that is wrapped by the storage key.
//
// It doesn't decide anything, knows no channel and keeps no plaintext cache.
// SQLite files must lie on a local disk: network file systems break its locks.
//
// Read Store, then migrations/sqlite/00001_first.sql, accept.go and claim.go.
package store
