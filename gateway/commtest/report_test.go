package commtest_test

import (
	"errors"
	stdhtml "html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
)

// de has no confirmed key; ge has plain mail alone.
const de = `  - {code: DE, country: DE, class: eu-member, authority: Zoll, reference: GZD, languages: [de], duty: {phone: "+49 1"}, addresses: [jco@de.example], channels: [{kind: pgp-mail, address: jco@de.example}]}
`

const ge = `  - {code: GE, country: GE, class: third-country, authority: Revenue Service, reference: RS, languages: [en], duty: {phone: "+995 1"}, addresses: [duty@ge.example], channels: [{kind: mail, address: duty@ge.example}]}
`

// mixed is a run after which EE is green, LV and GE are amber, PL is red, FI is
// waived, and DE, whose key is blocked, is neither.
func mixed(t *testing.T) commtest.Standing {
	t.Helper()
	w := newWorld(t, tuesday, ee, fi, ge, de)
	w.block("DE")
	for _, p := range []operation.ParticipantCode{"CY", "LV", "EE", "GE"} {
		w.answers[p] = w.fills(string(p) + "X")
	}
	id := w.begin(commtest.Order{Deadline: operation.Term{Time: 4 * time.Hour}})
	for _, p := range []operation.ParticipantCode{"EE", "GE"} {
		w.must("hear", w.hear(gateway.Hearing{Run: id, Operation: w.op.Code, Participant: p, At: w.now, Kind: gateway.HeardCall, SpokeTo: "B. Invented", Number: "+000"}))
	}
	w.must("until", w.until(tuesday.Add(5*time.Hour), 20*time.Minute))
	s := w.standing()
	waiver := commtest.NewWaiver(s.Stand(w.op.Participant("FI")), w.op, "their system is delivered on 8 January; phone until then", w.op.Phases.Operation.From.Time, w.now)
	s.Waivers = commtest.ReadWaivers([]gateway.Waiver{{Operation: "OP-7K3", Participant: "FI", Statement: waiver.Statement()}}, func(_, _ []byte) (string, error) { return "AAAA", nil })
	return s
}

func TestReportOfAMixedRunSaysWhatIsReadyAndWhoMustDoWhatByWhen(t *testing.T) {
	r := commtest.NewReport(mixed(t), "en")
	html, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	page := stdhtml.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(html), " "))
	for name, document := range map[string]string{"text": string(r.Text()), "html": page} {
		for _, want := range []string{
			"Not ready to begin: 2 are not ready and not waived (PL, DE). Of 7 participants 1 is ready, 3 are ready with limits, 1 is waived by the organiser (FI).",
			"up to and including",
			"liaison test waive OP-7K3 PARTICIPANT",
			"pgp-mail jco@pl.example: proven up to L3 (no error came back), stops at L4 (decrypted there)",
			"mail desk@other.example: proven up to L8 (answered before the deadline)",
			"plain: no nominal data",
			"2027-01-11: their system is delivered on 8 January; phone until then; the operation lasts until 2027-01-17: before the waiver is over, test again or waive anew",
			"One person can do it; nobody has shown yet that somebody else can too.",
			"2026-12-21", // by when: the next scheduled test
			"Call +48 1: did the mail arrive",
			"Let the deputy or a second contact answer the same test call",
			"OP-7K3-T001",
		} {
			if !strings.Contains(document, want) {
				t.Errorf("the report as %s lacks %q:\n%s", name, want, document)
			}
		}
	}
	for _, forbidden := range []string{"http://", "https://", "src=", "<script", "<link"} {
		if text := strings.ReplaceAll(string(html), "http://www.w3.org/2000/svg", ""); strings.Contains(text, forbidden) {
			t.Errorf("the page has %q; want everything in it, and nothing that runs", forbidden)
		}
	}
	needed := map[operation.ParticipantCode]commtest.Code{}
	for _, task := range r.Needed() {
		needed[task.Participant] = task.Code
	}
	if diff := cmp.Diff(map[operation.ParticipantCode]commtest.Code{"PL": commtest.NoAnswer, "FI": commtest.WSDown, "DE": commtest.KeyRevoked}, needed); diff != "" {
		t.Errorf("needed tasks (-want +got):\n%s", diff)
	}
}

func TestWaiverHoldsForWhatItNamesUntilItsLastDay(t *testing.T) {
	s := mixed(t)
	fi := s.Operation.Participant("FI")
	for _, c := range []struct {
		name  string
		now   time.Time
		codes []commtest.Code
		err   error
		want  bool
	}{
		{"as it was signed", s.Now, []commtest.Code{commtest.WSDown}, nil, true},
		{"on its last day", time.Date(2027, 1, 11, 23, 0, 0, 0, time.UTC), []commtest.Code{commtest.WSDown}, nil, true},
		{"a day later", time.Date(2027, 1, 12, 1, 0, 0, 0, time.UTC), []commtest.Code{commtest.WSDown}, nil, false},
		{"for something else", s.Now, []commtest.Code{commtest.NoAnswer}, nil, false},
		{"with somebody else's signature", s.Now, []commtest.Code{commtest.WSDown}, errors.New("this is no good signature of the organiser"), false},
	} {
		w := commtest.Waived{Participant: "FI", Operation: "OP-7K3", Verdict: commtest.Red, Codes: c.codes, Reason: "by phone", Until: time.Date(2027, 1, 11, 0, 0, 0, 0, time.UTC), On: s.Now}
		s := s
		s.Now = c.now
		s.Waivers = commtest.ReadWaivers([]gateway.Waiver{{Operation: "OP-7K3", Participant: "FI", Statement: w.Statement()}}, func(_, _ []byte) (string, error) { return "AAAA", c.err })
		if got := s.Stand(fi); got.Passes() != c.want {
			t.Errorf("%s: FI passes: %v (%s); want %v", c.name, got.Passes(), got.Waived.Why, c.want)
		}
	}
}

func TestWaiverOfAnotherParticipantHoldsForNobody(t *testing.T) {
	s := mixed(t)
	w := commtest.Waived{Participant: "FI", Operation: "OP-7K3", Codes: []commtest.Code{commtest.NoAnswer, commtest.WSDown}, Reason: "by phone", Until: s.Operation.Phases.Operation.To.Time, On: s.Now}
	for _, row := range []gateway.Waiver{{Operation: "OP-7K3", Participant: "PL"}, {Operation: "OP-7K4", Participant: "FI"}} {
		row.Statement = w.Statement()
		s.Waivers = commtest.ReadWaivers([]gateway.Waiver{row}, func(_, _ []byte) (string, error) { return "AAAA", nil })
		if got := s.Stand(s.Operation.Participant(row.Participant)); got.Passes() || got.Waived == nil || got.Waived.Why == "" {
			t.Errorf("a waiver signed for FI in OP-7K3 that stands in the record of %s in %s: %s passes: %v, %+v; want not, and why", row.Participant, row.Operation, row.Participant, got.Passes(), got.Waived)
		}
	}
}

// A report in which nobody is ready speaks of nobody who is, one that is about one
// participant of one, and one that isn't signed of no signature.
func TestReportSpeaksOfNothingThatIsNotThere(t *testing.T) {
	documents := func(r commtest.Report) map[string]string {
		html, err := r.HTML()
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"text": string(r.Text()), "html": strings.Join(strings.Fields(stdhtml.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(html), " "))), " ")}
	}
	w := newWorld(t, tuesday)
	w.begin(commtest.Order{Deadline: operation.Term{Time: 4 * time.Hour}}, "PL")
	w.must("until", w.until(tuesday.Add(5*time.Hour), 20*time.Minute))
	r := commtest.NewReport(w.standing(), "en")
	for name, document := range documents(r) {
		for _, wrong := range []string{"0 are ready", "safer who are ready", "SAFER WHO ARE READY", "signature is by", "signature beside"} {
			if strings.Contains(document, wrong) {
				t.Errorf("the report as %s, with nobody ready and unsigned, says %q:\n%s", name, wrong, document)
			}
		}
		if want := "Of 3 participants nobody is ready."; !strings.Contains(document, want) || !strings.Contains(document, "It is not signed") {
			t.Errorf("the report as %s lacks %q, or that it isn't signed:\n%s", name, want, document)
		}
	}
	untested := w.standing()
	untested.Past[0].Parts = nil
	for name, document := range documents(commtest.NewReport(untested, "en")) {
		if strings.Contains(document, "Nothing is left to do") || !strings.Contains(document, "test those who are not ready") {
			t.Errorf("the report as %s, with nobody tested, says that nothing is left to do:\n%s", name, document)
		}
	}
	r.Participants, r.Signed, r.Fingerprint = r.Participants[:1], true, "AAAA"
	for name, document := range documents(r) {
		if !strings.Contains(document, "Of 1 participant ") || !strings.Contains(document, "The signature beside this file is by the key AAAA") {
			t.Errorf("the signed report as %s lacks its one participant or its signature:\n%s", name, document)
		}
	}
	for name, document := range documents(commtest.NewReport(mixed(t), "en")) { // LV has one way alone
		if !strings.Contains(document, "ONEWAY") || strings.Contains(document, "ONEWAY ,") || strings.Contains(document, "ONEWAY :") {
			t.Errorf("the report as %s names a finding without a channel with a gap:\n%s", name, document)
		}
	}
}
