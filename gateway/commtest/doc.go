// Package commtest is the communications test: it proves to the organiser,
// participant by participant and channel by channel, before the operation, that
// a form gets there, can be opened, understood and answered, and comes back.
//
//	Plan ─▶ probes (TST forms over the ordinary outbox) ─▶ evidence, as the flow
//	                                                       and the adapters bring it
//	         Judge(evidence) ─▶ steps, findings ─▶ Conclude ─▶ GREEN · AMBER · RED · AWAY
//	         Next(judged)    ─▶ reminders, another style, the deputy, the end
//
// It guarantees that a verdict is a function of the recorded evidence alone:
// Judge and Conclude are pure, and whoever has the evidence gets the same
// verdict. A run's state changes in the transaction that sends what follows from
// it, so that no death forgets a participant or asks one twice. It sees only what
// adapters bring, never what a simulated participant was told to do wrong.
//
// It doesn't stop live forms: the gate lists and asks. It reaches nothing by
// itself; what it needs is handed to Runner. Read Judge, Conclude, Next, Runner.
package commtest
