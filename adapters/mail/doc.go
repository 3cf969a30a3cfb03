// Package mail is the channel over e-mail: it reads the gateway's mailbox over
// IMAP, takes mail over LMTP from a mail server beside it, and sends over SMTP.
//
//	mailbox ── UID, size, body ─▶ Inbound ▶ offer ▶ Receipt ─▶ MOVE, position
//	LMTP ───── MAIL RCPT DATA ──▶ Inbound ▶ offer ▶ Receipt ─▶ 250
//	Outbound ▶ frame ▶ MAIL RCPT DATA ─▶ 2xx sent · 4xx deferred · 5xx bounced
//
// It guarantees that nothing is acknowledged before a receipt: no flag, no
// move, no position and no 250. What ended in an error is offered again, while
// other mail goes on; where nothing can be recorded (gateway.Transient), or the
// connection broke, all waits in its order. The position in a mailbox is the
// lowest unsettled UID and depends on no flag. Every mail carries the same names
// of its transport whichever way it came, so that both ways together bring it
// once. Senders take turns in the mailbox, so that a flood from one delays nobody
// else. Every wait for a server is bounded, and ends with the context at once.
//
// It opens nothing and decides nothing: what a mail is worth is the offer's
// business. It doesn't look up mail exchangers: outgoing mail goes to one
// submission server.
//
// Read Adapter, then reader.go for the mailbox and smtp.go for sending.
package mail
