// Package gateway is the story of liaison: how a form travels from one
// participant to the others, and the words for it.
//
//	adapter.Receive ─ Inbound ─▶ classify ▶ open ▶ decode ▶ check ▶ ┃ store.Accept ┃ ▶ Receipt ─▶ adapter acknowledges
//	                              structure  OpenPGP  form     policy   commit point
//	                                                                    form + verdict + deliveries + answer + audit entry: one transaction
//
//	┃ store.Claim ┃ ─▶ Delivery ▶ policy ▶ encode ▶ seal ▶ Outbound ─▶ adapter.Send ─▶ evidence ─▶ ┃ store.Finish ┃
//	  lease              again here   language  OpenPGP                                             state, next attempt, fallback channel
//
// The commit point is Store.Accept. Before it the peer still owns the message;
// after it we do. An error means that nothing was recorded: don't acknowledge,
// offer again. A Receipt means that a decision was: acknowledge.
//
// The package guarantees that nothing leaves it in the clear but what policy.go
// allows, that nothing of an opened message goes to anyone who is not proven,
// and that no delivery's state moves to a lower rank. It does no input or
// output of its own: the store, the adapters, the key ring and the clock are
// handed in.
//
// Read Gateway, then examine.go, accept.go, policy.go, deliver.go.
package gateway
