// Package websocket is the channel between the gateway and a participant's own
// system: GET /v1/channel, subprotocol jco-form.v1, JSON text frames.
//
//	participant                      gateway
//	     ◀─ challenge ─────────────────  nonce for this connection, 30 seconds
//	     ── hello ─────────────────────▶ proof by a confirmed OpenPGP key, position
//	     ◀─ welcome ───────────────────  proof by the gateway's key, limits
//	     ── submit ────────────────────▶ Inbound ▶ offer ▶ Receipt
//	     ◀─ accepted | held | rejected ─ only after the receipt
//	     ◀─ form | status ─────────────  numbered just before they are written
//	     ── ack ───────────────────────▶ cumulative; what is not acknowledged comes again
//
// It guarantees that nobody has a session without proving a key that is
// confirmed for the participant and the operation, over the host dialled, the
// gateway's fingerprint and both nonces; that frames go out in the order of
// their numbers without a gap, and on a reconnect again from the position that
// the participant names; that a submit is answered only after a decision about
// it was recorded; that a connection's memory is bounded whatever the other side
// does or leaves undone.
//
// It opens no message and decides nothing: what a submit is worth is the offer's
// business, what may be delivered the renderer's.
//
// README.md is the protocol, for those who write a participant's system. Read
// Server and its session, then Client; frame.go and proof.go hold the frames and
// what proofs cover, window.go the sequence, wire.go how a connection ends.
// Package agent is the participant's everyday tool on top of Client.
package websocket
