// Package storetest is the store's conformance suite: what every database under
// the store has to keep, whichever it is, and a temporary PostgreSQL for tests.
//
// Run takes a Record and plays the stories of the design against it: accepts
// that are repeated, claims that are lost, sessions that are replaced, kills
// between two steps. It doesn't test what the gateway decides.
package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/form"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

// Record is one database under test.
type Record interface {
	// Open opens a node's handle, with the storage key Key where none is named, and
	// closes it at the test's end.
	Open(t testing.TB, node string, opt store.Options) *store.Store
	// Kill makes the record as it would be found after kill -9 of all nodes, and
	// lets their handles go.
	Kill(t testing.TB) Record
	// Exec changes the tables behind the store's back.
	Exec(t testing.TB, statement string, args ...any)
	// Shared reports whether several nodes may serve it at once.
	Shared() bool
}

// Key is the storage key of all tests.
func Key() store.StorageKey { return sha256.Sum256([]byte("storage key of the tests")) }

// Run runs the suite; fresh makes an empty record.
func Run(t *testing.T, fresh func(t testing.TB) Record) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Record)
	}{
		{"AcceptIsReadBackWhole", acceptIsReadBackWhole},
		{"AnOfferOfThisProcessInterruptsNothing", offerAgain},
		{"ADeathOverAnOfferCountsAndAPeacefulEndDoesNot", offerOfTheDead},
		{"WhatALivingNodeHasOpenIsNotInterrupted", offerOfTheLiving},
		{"BlameCountsTheMessagesFaultAlone", blame},
		{"AcceptTwiceIsOneForm", acceptTwice},
		{"NamesOfAnyBytesAreRecordedAndKnownAgain", anyNames},
		{"AReferenceOfAnyBytesIsLookedUp", anyReferences},
		{"AcceptAtOnceIsOneForm", acceptAtOnce},
		{"AnExclusiveNameWithOtherBytesIsAnError", exclusiveNames},
		{"ADecisionThatFailsRecordsNothing", failingDecision},
		{"OneOfManyAtOnceFailsAlone", failingAmongMany},
		{"OnlyAcceptedAndHeldFormsOccupyAReference", occupiedReferences},
		{"WhatWasRefusedIsFoundByItsAnswer", refusals},
		{"NumbersAndReferencesAreTakenOnce", numbersOnce},
		{"ClaimTakesUrgentFirstAndEachOnce", claimOrder},
		{"PhoneAndFutureAreNeverClaimed", neverClaimed},
		{"WebSocketGoesToTheSessionsNode", websocketClaims},
		{"ASessionThatEndsDuringAClaimMakesNothingUnreachable", sessionEndsDuringClaim},
		{"WhoConnectsWhileItsAbsenceIsRecordedWaitsNoLonger", connectsMeanwhile},
		{"NothingIsClaimedForAMediumThatIsFull", fullMedium},
		{"ALongQueueOfOneLaneIsClaimedWithoutAnythingElseThatWakes", longQueue},
		{"FinishAfterTheLeaseRecordsEvidenceAlone", fencedFinish},
		{"AttemptsCountAnewOnAnotherChannel", channelChange},
		{"StateOnlyMovesForward", stateForward},
		{"WithheldIsLeftByReleaseAlone", withheldRelease},
		{"StatesAreCountedWhenTheyAreCommitted", reachedStates},
		{"AHeldFormIsReleasedOnce", heldRelease},
		{"ReplaceDropsWhatWaitsAndNamesWhoHasIt", replaceForms},
		{"TheNewestAcceptedCorrectionIsAFormsVersion", versionsOfAForm},
		{"WhatComesBackGoesOnOverTheNextChannelAndKeepsItsState", goesOnOverTheNextChannel},
		{"WhatIsConfirmedThoughItCameBackGoesNowhere", confirmedThoughItCameBack},
		{"WhatIsReplacedThoughItCameBackGoesNowhere", replacedThoughItCameBack},
		{"ACorrectionWaitsForTheAttemptAtWhatItReplaces", correctionFollows},
		{"SequenceHasNoGaps", sequenceNoGaps},
		{"ANewerSessionReplacesTheOlder", sessionReplaced},
		{"AcknowledgeSettlesOnce", acknowledgeOnce},
		{"UnacknowledgedIsWhatTheWebSocketWasGivenAndDidntSettle", unacknowledged},
		{"KeysAreFoundByIDAndParticipant", keyRecords},
		{"ChangesOfCertificatesAreOneAfterTheOther", keyChanges},
		{"OperationsChangeVersionAndClose", operations},
		{"ErasingDestroysContentAlone", erasing},
		{"AStorageKeyThatIsNotTheRecordsIsTold", storageKeyChecked},
		{"AuditLogHoldsWhileItGrows", verifyingMeanwhile},
		{"DueRowsAreClaimedLikeDeliveries", dueRows},
		{"ConfirmationRousesTheWatchOfAnUrgentForm", rousing},
		{"ATestReplyThatTravelsOnIsSeenFromBothEnds", travellingReply},
		{"ALeaseHasOneHolder", leases},
		{"MailPositionIsKept", mailPosition},
		{"TheAuditLogVerifies", auditVerifies},
		{"ATamperedEntryIsNamed", auditNamesTheEntry},
		{"ARewrittenLogIsCaughtByAHead", auditRewritten},
		{"ATruncatedLogIsCaughtByAKeptHead", auditTruncated},
		{"AnExportVerifiesWithoutTheStore", auditExport},
		{"WhatWasAcceptedSurvivesAKill", killAfterAccept},
		{"AKillBetweenClaimAndFinishLosesNothing", killAfterClaim},
		{"AnotherNodeTakesOverADeadNodesWork", failOver},
		{"WorkKeepsANewProcessWaitingAndNotTheHeartbeat", heartbeatBesideWork},
		{"TwoNodesNeverClaimTheSame", disjointClaims},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// The cast of the tests; nobody in it exists.
const (
	opCode  operation.Code            = "OP-7K3"
	latvia  operation.ParticipantCode = "LV"
	poland  operation.ParticipantCode = "PL"
	finland operation.ParticipantCode = "FI"
)

var dawn = time.Date(2027, 1, 11, 6, 0, 0, 0, time.UTC)

func ctx(t testing.TB) context.Context { return t.Context() }

// inbound is a mail known by one repeat.
func inbound(name string) *gateway.Inbound {
	raw := []byte("Subject: " + name + "\r\n\r\nopaque bytes of " + name)
	return &gateway.Inbound{Medium: gateway.ByMail, Account: "imap:ocu@imap.gateway.example/INBOX", Raw: raw, Received: dawn,
		Repeats: []gateway.Repeat{{Name: "mid:<" + name + "@vid.example>", Digest: sha256.Sum256(raw)}}}
}

// newForm is a form of Latvia's with one filled box.
func newForm(reference string, state gateway.FormState) gateway.Form {
	f := form.New("SEZ")
	f.Set("A4", reference)
	f.Set("C2", "tobacco in the secret compartment")
	return gateway.Form{ID: gateway.NewFormID(), Operation: opCode, Role: gateway.Original, Type: "SEZ", Reference: reference, Sender: latvia, State: state,
		Assurance: gateway.Signed, Signer: "AAAA", Priority: gateway.Routine, Received: dawn, Hash: sha256.Sum256([]byte(reference)),
		Content: gateway.Content{Boxes: f, JSON: f.JSON(), Text: "beside the boxes",
			Attachments: []gateway.Attachment{{Name: "photo.jpg", Type: "image/jpeg", Content: []byte("pixels"), Nominal: true}}}}
}

func to(p operation.ParticipantCode, channel operation.ChannelKind) gateway.NewDelivery {
	return gateway.NewDelivery{ID: gateway.NewDeliveryID(), Participant: p, Channel: channel, Priority: gateway.Routine, State: gateway.Pending, NotBefore: dawn}
}

// decision accepts one form with its deliveries.
func decision(f gateway.Form, deliveries ...gateway.NewDelivery) func(gateway.Ledger) (*gateway.Decision, error) {
	return func(l gateway.Ledger) (*gateway.Decision, error) {
		f := f
		n, err := l.NextNumber(f.Operation)
		if err != nil {
			return nil, err
		}
		f.Number = n
		verdict := gateway.Accepted
		if f.State == gateway.FormHeld {
			verdict = gateway.Held
		}
		return &gateway.Decision{Verdict: verdict, Operation: f.Operation, Sender: f.Sender, Reason: "as it should be", Subject: f.ID,
			Forms: []gateway.NewForm{{Form: f, Deliveries: deliveries}}, Audit: []gateway.AuditEntry{entry("form accepted", f.Reference)}}, nil
	}
}

func entry(action, reference string) gateway.AuditEntry {
	return gateway.AuditEntry{Kind: gateway.Collection, At: dawn, Actor: "LV", Action: action, Operation: opCode, Reference: reference}
}

// accept records one form with deliveries and returns its id.
func accept(t testing.TB, s *store.Store, reference string, deliveries ...gateway.NewDelivery) gateway.FormID {
	t.Helper()
	f := newForm(reference, gateway.FormAccepted)
	if _, err := s.Accept(ctx(t), inbound(reference), decision(f, deliveries...)); err != nil {
		t.Fatalf("Accept(%s) = %v", reference, err)
	}
	return f.ID
}

func claim(t testing.TB, s *store.Store, now time.Time) []gateway.Delivery {
	t.Helper()
	ds, err := s.Claim(ctx(t), gateway.Want{Limit: 64, Share: share}, now)
	if err != nil {
		t.Fatalf("Claim = %v", err)
	}
	return ds
}

// share is how long the WebSocket has for itself in these tests.
func share(_ gateway.Lane, p gateway.Priority) time.Duration {
	return map[gateway.Priority]time.Duration{gateway.Urgent: 2 * time.Minute, gateway.Prior: 15 * time.Minute, gateway.Routine: time.Hour}[p]
}

func state(t testing.TB, s *store.Store, id gateway.DeliveryID) gateway.State {
	t.Helper()
	d, err := s.Delivery(ctx(t), id)
	if err != nil {
		t.Fatalf("Delivery(%s) = %v", id, err)
	}
	return d.State
}

// handedOver is an attempt whose next hop took it.
func handedOver(d gateway.Delivery) *gateway.Attempt {
	return &gateway.Attempt{Delivery: d, Evidence: gateway.Evidence{Outcome: gateway.Sent, Channel: d.Channel, At: dawn, Detail: "250 2.0.0 queued", By: "mx.example"},
		Next: gateway.Next{State: gateway.HandedOver}}
}

// node is a clock that tests turn.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func open(t testing.TB, r Record) *store.Store {
	t.Helper()
	return r.Open(t, "a", store.Options{})
}

func mustFail(t testing.TB, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s = nil; want an error", what)
	}
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s = %v", what, err)
	}
}

func name(format string, args ...any) string { return fmt.Sprintf(format, args...) }
