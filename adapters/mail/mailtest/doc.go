// Package mailtest is a small mail server for the demo and for tests: IMAP and
// SMTP for a few accounts, with faults on demand, and helpers that start real
// mail servers (Dovecot, Postfix) beside a test.
//
// It guarantees that a mail answered with 250 is in its mailbox, or was handed
// on over LMTP; that UIDs and UIDVALIDITY survive a restart where a folder
// keeps them; that IDLE tells of every mail, whenever it came; that a slow
// client holds up nobody else.
//
// It is no mail server for the world: it knows its own accounts alone, sends
// nothing outside, and listens on loopback unless told otherwise.
//
// Read Server, then mailbox.go and session.go for IMAP, submission.go for SMTP,
// and Fault for what can go wrong.
package mailtest
