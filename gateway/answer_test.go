package gateway_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// wrongEverywhere is a seizure with a value in every box that plain mail may carry,
// but the type.
func wrongEverywhere(value string) string {
	var boxes []string
	for _, b := range form.Boxes() {
		alone := form.New("SEZ")
		alone.Set(b.Code, value)
		if b.Code != "A1" && b.Code != "A16" && !form.Nominal(alone, b.Code, nil) {
			boxes = append(boxes, b.Code+": ["+value+"]")
		}
	}
	return seizure(value, boxes...)
}

// TestPlainAnswerRepeatsNothingThatWasSent: whatever stands in whatever box, and
// wherever else, an answer in the clear names the box and what belongs there.
func TestPlainAnswerRepeatsNothingThatWasSent(t *testing.T) {
	words := []string{"PETROV", "IVANOV IVAN", "Mobile +995 555 0199", "GZ-417-AB", "1.234", "31.12.1970", "PETROV-X-1970-17", "ПЕТРОВ", "JUNGLE;77;Q"}
	sent := map[string]string{
		"no form":                  "PETROV\n",
		"an unknown type":          "A1: [PETROV]\nH1: [IVANOV]\n",
		"a type not for plain":     "A1: [WRN]\nA4: [PETROV]\n",
		"a reference and no more":  "A1: [SEZ]\nA4: [PETROV]\n",
		"a reference, accepted":    seizure("OCU", "A4: [PETROV-IVANOV-1970-1]"),
		"urgent":                   seizure("OCU", "A9: [U]", "C4: [PETROV]", "A4: [IVANOV-PETROV-1970-2]"),
		"urgent, to nobody":        seizure("PETROV", "A9: [U]", "A4: [IVANOV-PETROV-1970-3]"),
		"another form beside":      seizure("OCU", "C4: [PETROV]") + "JCOFORM/1 BEGIN\nA1: [SEZ]\nA4: [PETROV-IVANOV]\nB1: [IVANOV]\nJCOFORM/1 END\n",
		"an unknown box":           seizure("OCU", "C4: [x]", "ZQ77: [PETROV]"),
		"a row that can't be":      seizure("OCU", "B3.77: [PETROV]"),
		"text outside":             seizure("OCU", "C4: [] PETROV 12"),
		"a box twice":              seizure("OCU", "C5: [PETROV] C5: [IVANOV]"),
		"a bracket left open":      seizure("OCU", "C5: [PETROV\n"),
		"no code":                  seizure("OCU", "C5: [x] Name: [PETROV]"),
		"a package":                seizure("OCU", "C9: [12 PETROV]", "F7: [PETROV:1]", "A21: [PETROV:1]"),
		"an identifier":            seizure("OCU", "E2: [IMO]", "E3: [PETROV]", "E6: [PETROV]"),
		"another sender":           seizure("OCU", "A6: [PETROV]"),
		"a correction's reference": seizure("OCU", "A5: [PETROV-IVANOV-1970-4]", "C4: [x]"),
		"another mode":             seizure("OCU", "A10: [PETROV]", "A2: [PETROV]"),
		"K and P and Q":            "A1: [DLY]\nK1: [PETROV]\nK6: [PETROV]\nK7: [PETROV]\nK9: [PETROV]\nP1: [IVANOV]\nQ1: [IVANOV]\n",
		"the same, another time":   seizure("OCU", "A4: [PETROV-IVANOV-1970-1]", "C4: [7]"),
	}
	for _, w := range words {
		sent["everywhere "+w] = wrongEverywhere(w)
	}
	for _, lang := range form.Languages() {
		t.Run(lang, func(t *testing.T) {
			f := newFlowOf(t, strings.Replace(operationYAML, "reference: RS, languages: [en]", "reference: RS, languages: ["+lang+"]", 1))
			for _, text := range sent {
				f.accept(f.vouched("GE", text))
			}
			for _, json := range []string{`{"A1":"SEZ","PETROV":"x","C":[{"PETROV":"x","C4":["PETROV"]}]}`, `{"A1":"SEZ","C":"PETROV"}`, `{"A1":"SEZ","A1":"PETROV"}`, `{"A1":PETROV}`} {
				f.accept([]byte(strings.Join([]string{"Authentication-Results: " + mx + "; dmarc=pass header.from=ge.example", "From: duty@ge.example", "To: " + unitAddress,
					"Message-ID: <PETROV@ge.example>", "Subject: PETROV", "MIME-Version: 1.0", "Content-Type: application/json; name=form.json", "Content-Disposition: attachment; filename=form.json", "", json, ""}, "\r\n")))
			}
			f.pass(0)
			answers := f.got("GE")
			if all := strings.Join(answers, "\n"); len(answers) < len(sent)/2 || !strings.Contains(all, "[*]") || !strings.Contains(all, "form.json") {
				t.Errorf("%d answers to %d forms; want more, also to form.json:\n%s", len(answers), len(sent), all)
			}
			for _, answer := range answers {
				for _, word := range append(words, "IVANOV", "ZQ77", ".77", "555") {
					if strings.Contains(answer, word) {
						t.Errorf("an answer holds %q of what was sent:\n%s", word, answer)
					}
				}
			}
		})
	}
}

func TestPlainRefusalNamesTheBoxAndWhatBelongsThere(t *testing.T) {
	f := newFlow(t)
	f.submit("GE", seizure("OCU", "B3: [PETROV]", "C4: [Mobile +995 555]", "C5: [IVANOV]", "C7: [1.234]"), gateway.Rejected)
	f.pass(0)
	f.gets("GE", "PLAIN|Country (box B3): [*] is not a country code. Write two letters, e.g. LV.|Quantity (box C4): [*] is not a number. Write digits|Unit (box C5): [*] is not in the list. Write one of: KGM|Value (box C7): [*] can mean two numbers. Write nothing between the thousands|Codes: 12 B3, 14 C4, 12 C5, 14 C7")
	f.submit("GE", seizure("OCU", "A4: [GE-RS-2027-000001]", "C4: [x]"), gateway.Rejected)
	f.pass(0)
	f.gets("GE", "PLAIN|GE-RS-2027-000001|box C4")
}

// plainAlone is a mail channel on which everything sealed bounces.
type plainAlone struct{ *flow }

func (p plainAlone) Send(ctx context.Context, out *gateway.Outbound) (gateway.Evidence, error) {
	if out.Message != nil {
		return gateway.Evidence{Outcome: gateway.Bounced}, nil
	}
	return p.flow.Send(ctx, out)
}

func TestAnswerThatFallsBackToPlainMailRepeatsNothing(t *testing.T) {
	f := newFlow(t)
	f.setMail(plainAlone{f})
	f.submit("EE", seizure("PL", "B3: [PETROV]", "H1: [Seen by IVANOV]"), gateway.Rejected)
	f.submit("EE", seizure("PL, LV", "H1: [Seen by IVANOV]", "G1: [driver]", "G2: [P]", "G3: [PETROV]", "A4: [IVANOV-PETROV-1970-1]"), gateway.Accepted)
	f.pass(0)
	got := f.got("EE")
	all := strings.Join(got, "\n")
	if len(got) < 2 || !strings.Contains(all, "Country (box B3): [*]") || !strings.Contains(all, "It goes to: 2.") {
		t.Errorf("EE got %d messages; want a refusal and a receipt in the clear\n%s", len(got), all)
	}
	for _, word := range []string{"PETROV", "IVANOV", "Cigarettes", "TOBA"} {
		if strings.Contains(all, word) {
			t.Errorf("EE is told %q in the clear:\n%s", word, all)
		}
	}
}

// overSocket submits a form over a participant's session, signed by one key, and
// returns the verdict and the answer as it reads there, "" for none.
func (f *flow) overSocket(session, signer, text string) (gateway.Verdict, string) {
	f.t.Helper()
	f.mails++
	sealed, err := openpgp.Seal(entity.Inner(text, nil, ""), keyOf()[signer], openpgp.SealedFormat(keyOf()["OCU"].Certificate()), f.now)
	if err != nil {
		f.t.Fatal(err)
	}
	raw, err := sealed.For(keyOf()["OCU"].Certificate())
	if err != nil {
		f.t.Fatal(err)
	}
	s := gateway.Session{ID: "s1", Operation: "OP-001", Participant: operation.ParticipantCode(session), Fingerprint: session}
	sum := sha256.Sum256(raw)
	r, err := f.g.Accept(f.t.Context(), &gateway.Inbound{Medium: gateway.ByWebSocket, Raw: raw, Received: f.now, Session: &s, SubmitID: fmt.Sprint(f.mails),
		Repeats: []gateway.Repeat{{Name: fmt.Sprint("ws ", f.mails), Digest: sum, Exclusive: true}}})
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := f.g.SealAnswer(f.t.Context(), r, s)
	if err != nil {
		f.t.Fatal(err)
	}
	if answer == nil {
		return r.Verdict, ""
	}
	m := gateway.Examiner{Keys: []*openpgp.SecretKey{keyOf()[session]}, At: f.now}.Sealed(answer)
	f.bound(session, m.Reading.Attachments)
	return r.Verdict, m.Reading.Text
}

func TestWrongOperationOverASessionIsAnsweredByItsName(t *testing.T) {
	f := newFlow(t)
	verdict, answer := f.overSocket("FI", "FI", "A1: [MSG]\nA7: [OCU]\nA3: [OP-01]\nH1: [typo]\n")
	want := "Operation (box A3) says OP-01, but this form came over a session for the operation OP-001. Please write OP-001 there|60 A3"
	if verdict != gateway.Rejected || !holdsAll(answer, want) {
		t.Errorf("a form for OP-01 in a session of OP-001 is %s:\n%s\nwant a refusal that says %q", verdict, answer, want)
	}
	verdict, answer = f.overSocket("FI", "PL", "A1: [MSG]\nA7: [OCU]\nA3: [OP-01]\nH1: [typo]\n")
	if verdict != gateway.Rejected || answer != "" {
		t.Errorf("a form that PL signed in a session of FI is %s:\n%s\nwant it refused without an answer", verdict, answer)
	}
}

func TestWrongSenderInAFormIsToldWhoSignedIt(t *testing.T) {
	f := newFlow(t)
	f.submit("LV", seizure("EE", "A6: [PL]"), gateway.Rejected)
	f.submit("GE", seizure("OCU", "A6: [PL]"), gateway.Rejected)
	f.pass(0)
	f.gets("LV", "From (box A6) says PL, but LV signed this form. Please write LV there, or let PL sign it.|62 A6")
	f.gets("GE", "From (box A6) says [*], but this form came from GE. Please write GE there.|62 A6")
}

func TestRefusalKeepsApartWhatDidNotCauseItAndNeverSaysThatTheFormWasTaken(t *testing.T) {
	for _, lang := range form.Languages() {
		t.Run(lang, func(t *testing.T) {
			f := newFlowOf(t, strings.Replace(operationYAML, "reference: VID, languages: [en]", "reference: VID, languages: ["+lang+"]", 1))
			f.now = duringPreparation
			f.submit("LV", seizure("PL", "B1: []", "C4: []", "A10: [LIVE]", "A17: [NAPLES2]", "ZQ77: [x]"), gateway.Rejected)
			f.pass(0)
			answer := strings.Join(f.got("LV"), "\n")
			for _, taken := range []string{"taken all the same", "trotzdem angenommen", "pris quand même", "vis tiek priimta", "tomēr pieņemta", "Παρ' όλα αυτά", "Все пак е приет",
				"passed on", "weitergegeben", "transmise", "perduotas", "nodota tālāk", "διαβιβάστηκε", "предадена"} {
				if strings.Contains(answer, taken) {
					t.Errorf("the refusal says %q:\n%s", taken, answer)
				}
			}
			_, after, found := strings.Cut(answer, "13 B1, 13 C4\n\n")
			if warnings, _, _ := strings.Cut(after, "\n\n"); !found || !holdsAll(warnings, "14 A1|15 ZQ77") || strings.Contains(warnings, "13 ") {
				t.Errorf("the refusal doesn't list the errors and, apart from them, the warnings:\n%s", answer)
			}
		})
	}
}

func TestAnswerIsLiveOrAnExerciseAsItsFormIs(t *testing.T) {
	f := newFlow(t)
	exercise := func(text string) bool { return strings.Contains(text, "EXERCISE EXERCISE EXERCISE") }
	for _, now := range []time.Time{duringPreparation, duringOperation} {
		f.now = now
		for mode, want := range map[string]bool{"LIVE": false, "EXER": true, "TEST": true} {
			reference := fmt.Sprintf("LV-VID-%d-%06d", now.Year(), len(mode)+int(mode[0]))
			f.outcome["PL"] = gateway.Bounced
			f.submit("LV", seizure("PL", "A10: ["+mode+"]", "C4: [x]"), gateway.Rejected)
			f.submit("LV", seizure("PL", "A10: ["+mode+"]", "A4: ["+reference+"]"), gateway.Accepted)
			f.pass(11 * time.Minute)
			f.submit("LV", seizure("PL", "A10: ["+mode+"]", "A4: ["+reference+"]"), gateway.Duplicate)
			f.submit("LV", "A1: [MSG]\nA10: ["+mode+"]\nA9: [U]\nA7: [QQ]\nH1: ["+now.String()+"]\n", gateway.Held)
			f.pass(0)
			got := f.got("LV")
			if len(got) != 5 { // refused, accepted, not delivered, here already, held
				t.Errorf("LV got %d answers; want 5\n%s", len(got), strings.Join(got, "\n---\n"))
			}
			for _, text := range got {
				if exercise(text) != want {
					t.Errorf("on %s the answer to a form that is %s is an exercise: %v; want %v\n%s", now, mode, !want, want, text)
				}
			}
		}
	}
}

func TestNoticeOfTheLimitIsLiveOrAnExerciseAsItsFormIs(t *testing.T) {
	f := newFlow(t)
	f.submit("LV", seizure("PL", "A9: [U]", "A10: [EXER]"), gateway.Accepted)
	f.pass(0)
	f.got("LV")
	f.pass(11 * time.Minute)
	f.gets("LV", "EXERCISE|Not confirmed in time")
}

var duringPreparation = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

const warning = "A1: [WRN]\nA7: [PL, FI, GE]\nE1: [4]\nE2: [FLIGHT]\nE3: [XX 001]\nH3: [CHECK]\n"

func TestFormThatAsksAPersonSaysHowToConfirmOverItsChannel(t *testing.T) {
	for _, lang := range form.Languages() {
		t.Run(lang, func(t *testing.T) {
			f := newFlowOf(t, strings.ReplaceAll(operationYAML, "languages: [en]", "languages: ["+lang+"]"))
			f.session("FI")
			r := f.submit("LV", warning, gateway.Accepted)
			f.pass(0)
			sentence := func(text string) string {
				first, _, _ := strings.Cut(strings.TrimPrefix(text, "PLAIN "), "\n")
				return first
			}
			byMail, bySocket, plain := sentence(f.got("PL")[0]), sentence(f.got("FI")[0]), sentence(f.got("GE")[0])
			if !strings.Contains(byMail, "OK") || strings.Contains(byMail, r.Reference) {
				t.Errorf("PL is told %q; want a reply to the mail", byMail)
			}
			if !holdsAll(bySocket, r.Reference+"|A5|MSG|FBK|H1|out") || strings.ContainsAny(bySocket, "[]") {
				t.Errorf("FI is told %q; want a form in out that answers %s, and no brackets", bySocket, r.Reference)
			}
			if !holdsAll(plain, "+000 1|OP-001 000001") || strings.Contains(plain, "OK") {
				t.Errorf("GE is told %q; want a call", plain)
			}
		})
	}
}

func TestFormThatAnswersOverTheSocketConfirmsByPersonAsTheTextSays(t *testing.T) {
	for name, answer := range map[string]string{"MSG": "A1: [MSG]\nH1: [OK]\n", "FBK": "A1: [FBK]\nH4: [PENDING]\n"} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t)
			f.session("FI")
			r := f.submit("LV", warning, gateway.Accepted)
			f.pass(0)
			if verdict, text := f.overSocket("FI", "FI", answer+"A5: ["+r.Reference+"]\n"); verdict != gateway.Accepted {
				t.Fatalf("the answer is %s:\n%s", verdict, text)
			}
			if d := f.deliveryTo("FI", r.Form); d.State != gateway.ConfirmedByPerson {
				t.Errorf("the delivery is %s; want confirmed by person", d.State)
			}
		})
	}
}

// session opens a participant's WebSocket session.
func (f *flow) session(code string) {
	f.t.Helper()
	s := gateway.Session{ID: "s1", Operation: "OP-001", Participant: operation.ParticipantCode(code), Fingerprint: code}
	if _, _, err := f.store.OpenSession(f.t.Context(), s); err != nil {
		f.t.Fatal(err)
	}
}
