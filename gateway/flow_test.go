package gateway_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"liaison/crypto/keyring"
	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/simulator"
)

func TestFormGoesToWhomItNamesAndItsSenderIsAnswered(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("PL, EE"), gateway.Accepted)
	f.pass(0)
	f.gets("PL", "Signed by LV|C4: [120]|LV-VID-2027-000001")
	f.gets("EE", "Signed by LV|C4: [120]")
	f.gets("LV", r.Reference+"|EE|PL")
}

func TestWhoWaitsBehindOwnMailIsTold(t *testing.T) {
	f := newFlow(t)
	f.waited = 3*time.Minute + 20*time.Second
	f.submit("LV", seizure("PL"), gateway.Accepted)
	f.pass(0)
	f.gets("LV", "It waited 3 minutes behind other mail of yours")
	f.waited = 59 * time.Second
	f.submit("LV", seizure("EE"), gateway.Accepted)
	f.pass(0)
	if got := strings.Join(f.got("LV"), "\n"); strings.Contains(got, "waited") {
		t.Errorf("LV is told of less than a minute:\n%s", got)
	}
}

func TestTurnsGoByRegisteredAddresses(t *testing.T) {
	f := newFlow(t)
	for from, want := range map[string]string{
		"From: J. Example <JCO@LV.example>\r\n":              "LV",
		"From: nobody@else.example, jco@pl.example\r\n":      "PL",
		"From: \"jco@lv.example\" <nobody@else.example>\r\n": "",
		"From: cut sh": "",
		"":             "",
	} {
		if got := f.g.Claimed(t.Context(), []byte(from)); got != want {
			t.Errorf("Claimed(%q) = %q; want %q", from, got, want)
		}
	}
}

func TestNominalDataGoesOnlyToTheClearedAndNeverInTheClear(t *testing.T) {
	nominal := []string{"G1: [driver]", "G2: [P]", "G3: [INVENTED]", "A16: [Y]"}
	f := newFlow(t)
	f.submit("LV", seizure("PL, GE, TR", nominal...), gateway.Accepted)
	f.pass(0)
	f.gets("PL", "G3: [INVENTED]")
	f.gets("TR")
	f.gets("LV", "Withheld from TR: not cleared")
	if got := f.got("GE"); len(got) != 1 || strings.Contains(got[0], "INVENTED") || strings.Contains(got[0], "TOBA") || !strings.Contains(got[0], "A form waits for you") {
		t.Errorf("GE got %q; want a notice that holds nothing of the form", got)
	}

	f.now = time.Date(2027, 1, 20, 9, 0, 0, 0, time.UTC) // the evaluation: nobody is cleared for it
	f.submit("LV", seizure("PL", nominal...), gateway.Accepted)
	f.pass(0)
	f.gets("PL")
	f.gets("LV", "Withheld from PL: not cleared")
}

func TestMarkingsAreEnforcedWhereADeliveryIsMade(t *testing.T) {
	for name, c := range map[string]struct {
		to, marking string
		reach       []string
		notice      []string
	}{
		"TLP:RED goes to those named one by one":        {"PL, EE", "A13: [TLP:RED]", []string{"PL", "EE"}, nil},
		"TLP:RED goes to nobody by a group":             {"ALL", "A13: [TLP:RED]", nil, nil},
		"TLP:RED in the clear is a notice alone":        {"GE", "A13: [TLP:RED]", nil, []string{"GE"}},
		"TLP:AMBER+STRICT in the clear is a notice too": {"GE, PL", "A13: [TLP:AMBER+STRICT]", []string{"PL"}, []string{"GE"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t)
			f.submit("LV", seizure(c.to, c.marking), gateway.Accepted)
			f.pass(0)
			for _, p := range []string{"PL", "EE", "GE", "TR"} {
				got := strings.Join(f.got(p), "\n")
				if want := contains(c.reach, p); strings.Contains(got, "C4: [120]") != want {
					t.Errorf("%s has the form: %v; want %v\n%s", p, !want, want, got)
				}
				if want := contains(c.notice, p); strings.Contains(got, "A form waits for you") != want {
					t.Errorf("%s has a notice: %v; want %v\n%s", p, !want, want, got)
				}
			}
		})
	}
}

func contains(list []string, s string) bool {
	return strings.Contains(" "+strings.Join(list, " ")+" ", " "+s+" ")
}

func TestPlainCopyWithholdsFreeText(t *testing.T) {
	f := newFlow(t)
	f.submit("LV", seizure("GE", "H1: [Seen at the border]", "E2: [ROAD]", "E3: [AB1234]"), gateway.Accepted)
	f.submit("LV", seizure("GE", "H1: [Seen at the border]"), gateway.Accepted)
	f.pass(0)
	f.gets("GE", "A form waits for you", "PLAIN|C1: [TOBA]|C2: [*]|H1: [*]|C4: [120]")
}

func TestUnprovenMailIsHeldAndNothingGoesBack(t *testing.T) {
	stranger := officer("XX")
	stranger.Address = "jco@lv.example"
	spoofed := officer("PL")
	spoofed.Address = "jco@lv.example"
	unsigned := officer("LV")
	unsigned.Key = nil
	for name, p := range map[string]func(*flow) []byte{
		"a key that nobody registered":     func(f *flow) []byte { return f.write(stranger, seizure("PL"), "") },
		"a good signature by someone else": func(f *flow) []byte { return f.write(spoofed, seizure("PL"), "") },
		"no signature at all":              func(f *flow) []byte { return f.write(unsigned, seizure("PL"), "") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t)
			if r := f.accept(p(f)); r.Verdict != gateway.Held {
				t.Errorf("verdict = %s; want held", r.Verdict)
			}
			f.pass(0)
			for _, p := range []string{"LV", "PL"} {
				f.gets(p)
			}
		})
	}
}

func TestUrgentFormWithAWrongBoxGoesOnAndOneWithoutReadableRecipientIsHeld(t *testing.T) {
	f := newFlow(t)
	f.submit("LV", seizure("PL", "A9: [U]", "C4: [many]"), gateway.Accepted)
	f.pass(0)
	f.gets("PL", "C4")
	f.gets("LV", "C4")
	r := f.submit("LV", seizure("QQ", "A9: [U]"), gateway.Held)
	in, err := f.store.Inbound(t.Context(), r.Inbound)
	if err != nil || in.Alarm == "" {
		t.Errorf("Inbound = %+v, %v; want an alarm", in, err)
	}
	f.submit("LV", seizure("PL", "C4: [many]"), gateway.Rejected)
}

func TestCorrectionReachesEveryoneWhoReceivedTheOriginal(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("PL, GE"), gateway.Accepted)
	f.pass(0)
	f.got("PL")
	f.got("GE")
	f.got("LV")
	f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nA7: [OCU]\nC4: [240]\n", gateway.Accepted)
	f.pass(0)
	f.gets("PL", "CORRECTED, C4: was 120, now 240|C1: [TOBA]|C4: [240]")
	f.gets("GE", "CORRECTED|C4: [240]")
	f.submit("LV", "A1: [CAN]\nA5: ["+r.Reference+"]\n", gateway.Accepted)
	f.pass(0)
	f.gets("PL", "CANCELLED: form "+r.Reference)
	f.gets("GE", "CANCELLED: form "+r.Reference)
	f.submit("PL", "A1: [COR]\nA5: ["+r.Reference+"]\nA7: [LV]\nC4: [1]\n", gateway.Rejected) // not PL's to correct
}

func TestCancellationOfWhatHasNotLeftLeavesNothingBehind(t *testing.T) {
	f := newFlow(t)
	f.outcome["PL"] = gateway.Deferred
	r := f.submit("LV", seizure("PL"), gateway.Accepted)
	f.pass(0)
	f.submit("LV", "A1: [CAN]\nA5: ["+r.Reference+"]\nA7: [OCU]\n", gateway.Accepted)
	delete(f.outcome, "PL")
	f.pass(time.Hour)
	if got := f.got("PL"); len(got) > 1 || len(got) == 1 && strings.Contains(got[0], "C4: [120]") {
		t.Errorf("PL got %q; want nothing of a form cancelled before it left", got)
	}
}

func TestSameFormAgainIsOneFormAndAnotherUnderItsReferenceIsRefused(t *testing.T) {
	f := newFlow(t)
	f.submit("LV", seizure("PL", "A4: [LV-VID-2027-000017]"), gateway.Accepted)
	f.submit("LV", seizure("PL", "A4: [LV-VID-2027-000017]"), gateway.Duplicate)
	f.submit("LV", seizure("PL", "A4: [LV-VID-2027-000017]", "C4: [121]"), gateway.Rejected)
	f.pass(0)
	f.gets("PL", "C4: [120]")
	f.gets("LV", "26 A4", "LV-VID-2027-000017|already", "accepted: LV-VID-2027-000017")
}

func TestFormWithoutReferenceThatIsThereAlreadyWaitsForAPerson(t *testing.T) {
	f := newFlow(t)
	f.submit("LV", seizure("PL"), gateway.Accepted)
	f.submit("LV", seizure("PL"), gateway.Held)
	f.submit("LV", seizure("PL")+"sent anew, since nobody answered\n", gateway.Held)
	f.now = f.now.Add(25 * time.Hour)
	f.submit("LV", seizure("PL")+"another one of the same kind\n", gateway.Accepted)
}

func TestChannelThatFailsIsFollowedByTheNextAndTheSenderHears(t *testing.T) {
	f := newFlow(t)
	f.outcome["EE"] = gateway.Bounced
	f.submit("LV", seizure("EE"), gateway.Accepted)
	f.pass(0)
	f.gets("LV", "LV-VID-2027-000001", "weaker channel", "did not reach EE|+372 1")
	f.outcome["PL"] = gateway.Bounced
	f.submit("LV", seizure("PL", "C4: [9]"), gateway.Accepted)
	f.pass(0)
	f.gets("LV", "LV-VID-2027-000002", "did not reach PL|+48 1")
}

// comesBack lets the mail of the delivery of a form to a participant come back from one
// of its channels.
func (f *flow) comesBack(form gateway.FormID, to operation.ParticipantCode, tag string) {
	f.t.Helper()
	d := f.delivery(form, to)
	f.mails++
	at := f.now.Add(time.Duration(f.mails)) // another mail each time
	about := []byte("Message-ID: <" + string(d.ID) + "@gateway.example>\r\nSubject: OP-001 000001\r\n\r\n")
	report := simulator.Report{Action: "failed", Status: "5.1.1", Text: "550 5.1.1 no such user"}
	if r := f.accept(report.Mail(about, "jco@ee.example", strings.ReplaceAll(tag, "ID", string(d.ID)), at)); r.Verdict != gateway.Noted {
		f.t.Fatalf("a report is %s; want it noted", r.Verdict)
	}
	f.pass(0)
}

func (f *flow) delivery(form gateway.FormID, to operation.ParticipantCode) gateway.Delivery {
	f.t.Helper()
	ds, err := f.store.DeliveriesOf(f.t.Context(), form)
	if err != nil {
		f.t.Fatal(err)
	}
	i := slices.IndexFunc(ds, func(d gateway.Delivery) bool { return d.Participant == to })
	if i < 0 {
		f.t.Fatalf("the form goes to %v; want %s among them", ds, to)
	}
	return ds[i]
}

func TestMailThatComesBackGoesOnOverTheNextChannelAndTheSenderHears(t *testing.T) {
	for _, tag := range []string{"ocu+d-ID@gateway.example", unitAddress} {
		f := newFlow(t)
		r := f.submit("LV", seizure("EE"), gateway.Accepted)
		f.pass(0)
		f.gets("EE", "Signed by LV")
		f.got("LV")
		f.comesBack(r.Form, "EE", tag)
		f.gets("EE", "PLAIN")
		f.gets("LV", "weaker channel")
		if d := f.delivery(r.Form, "EE"); d.State != gateway.HandedOver || d.Channel != operation.Mail || d.Queued {
			t.Errorf("the delivery is %+v; want it handed over by mail", d)
		}
	}
}

func TestWhatComesBackFromAnEarlierChannelIsNoNewsAndFromTheLastAFailure(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("EE"), gateway.Accepted)
	f.pass(0)
	f.comesBack(r.Form, "EE", "ocu+d-ID@gateway.example")
	f.got("EE")
	f.got("LV")
	f.comesBack(r.Form, "EE", "ocu+d-ID@gateway.example")
	f.gets("EE")
	f.gets("LV")
	if d := f.delivery(r.Form, "EE"); d.State != gateway.HandedOver {
		t.Errorf("the delivery is %s after a second report about its first channel; want it handed over", d.State)
	}
	f.comesBack(r.Form, "EE", "ocu+d-ID.1@gateway.example")
	f.gets("LV", "did not reach EE|the mail came back|+372 1")
	if d := f.delivery(r.Form, "EE"); d.State != gateway.Failed {
		t.Errorf("the delivery is %s after its last channel's mail came back; want failed", d.State)
	}
}

func TestWhatComesBackDuringItsNextChannelsPauseStaysThere(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("EE"), gateway.Accepted)
	f.pass(0)
	f.got("EE")
	f.outcome["EE"] = gateway.Deferred
	f.comesBack(r.Form, "EE", "ocu+d-ID@gateway.example")
	if d := f.delivery(r.Form, "EE"); d.State != gateway.HandedOver || !d.Queued {
		t.Errorf("the delivery is %+v; want it to wait for the next channel, and no lower than handed over", d)
	}
	delete(f.outcome, "EE")
	f.pass(time.Hour)
	f.gets("EE", "PLAIN")
}

func TestWhatComesBackAfterItsCorrectionGoesNowhere(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("EE"), gateway.Accepted)
	f.pass(0)
	f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nC4: [240]\n", gateway.Accepted)
	f.pass(0)
	f.got("EE")
	f.comesBack(r.Form, "EE", "ocu+d-ID@gateway.example")
	f.gets("EE")
}

func TestWhatMayNotGoOverTheNextChannelHasFailed(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("EE", "G1: [driver]", "G2: [P]", "G3: [INVENTED]"), gateway.Accepted)
	f.pass(0)
	f.got("EE")
	f.pass(10 * 24 * time.Hour) // EE isn't cleared for the evaluation
	f.got("LV")
	f.comesBack(r.Form, "EE", "ocu+d-ID@gateway.example")
	f.gets("EE")
	if d := f.delivery(r.Form, "EE"); d.State != gateway.Failed {
		t.Errorf("the delivery is %s; want failed, since no channel is left", d.State)
	}
	f.gets("LV", "weaker channel", "did not reach EE|not cleared")
}

func TestNoServerIsBlamedForWhatNeverLeft(t *testing.T) {
	f := newFlow(t)
	f.submit("LV", seizure("PL"), gateway.Accepted)
	f.setMail(nil)
	f.pass(0)
	form, err := f.store.FormByReference(t.Context(), "OP-001", "LV", "LV-VID-2027-000001")
	if err != nil {
		t.Fatal(err)
	}
	ds, err := f.store.DeliveriesOf(t.Context(), form.ID)
	if err != nil || len(ds) != 1 || ds[0].State != gateway.Failed || ds[0].Reason != "no-channel" {
		t.Errorf("deliveries of a gateway without a mail channel = %+v, %v; want one that failed for want of a channel", ds, err)
	}
}

func TestFormWaitsForASystemThatHasNoOtherChannelHoweverLongItIsAway(t *testing.T) {
	f := newFlowOf(t, strings.Replace(operationYAML, "{kind: websocket}, {kind: pgp-mail, address: jco@fi.example}", "{kind: websocket}", 1))
	f.submit("LV", seizure("FI"), gateway.Accepted)
	f.submit("LV", "A9: [U] "+seizure("FI", "C4: [9]"), gateway.Accepted)
	for range 20 { // more days than a mail is tried
		f.pass(24 * time.Hour)
	}
	for _, text := range f.got("LV") {
		if strings.Contains(text, "did not reach") {
			t.Errorf("LV is told:\n%s\nwant nothing given up", text)
		}
	}
	f.gets("FI")
	_, _, err := f.store.OpenSession(t.Context(), gateway.Session{ID: "s1", Operation: "OP-001", Participant: "FI", Fingerprint: "FI"})
	if err != nil {
		t.Fatal(err)
	}
	f.pass(0)
	f.gets("FI", "LV-VID-2027-000001", "LV-VID-2027-000002")
}

func TestSenderOfAnUrgentFormHearsWhoHasNotConfirmedInTimeAndWhenAllHave(t *testing.T) {
	f := newFlow(t)
	f.submit("LV", seizure("PL, TR", "A9: [U]"), gateway.Accepted)
	f.pass(0)
	f.got("LV")
	var ids []string
	for _, out := range f.sent {
		ids = append(ids, string(out.Delivery))
	}
	f.pass(9 * time.Minute)
	f.gets("LV")
	f.pass(2 * time.Minute)
	f.gets("LV", "Not confirmed in time|PL: sent, not confirmed|+48 1|TR: sent, not confirmed")
	f.pass(time.Hour)
	f.gets("LV") // once
	for i, code := range []string{"PL", "TR"} {
		if f.sent[i].Participant != operation.ParticipantCode(code) {
			i = 1 - i
		}
		raw := f.write(officer(code), "OK", "<"+ids[i]+"@gateway.example>")
		if r := f.accept(raw); r.Verdict != gateway.Noted {
			t.Fatalf("reply of %s is %s; want noted", code, r.Verdict)
		}
	}
	f.pass(time.Second)
	f.gets("LV", "All recipients|PL: read by a person|TR: read by a person")
}

func TestUrgentFormConfirmedBeforeItsLimitIsToldAtOnce(t *testing.T) {
	f := newFlow(t)
	f.submit("LV", seizure("PL", "A9: [U]"), gateway.Accepted)
	f.pass(0)
	f.got("LV")
	f.accept(f.write(officer("PL"), "OK", "<"+string(f.sent[0].Delivery)+"@gateway.example>"))
	f.pass(time.Second)
	f.gets("LV", "All recipients|PL: read by a person")
	f.pass(time.Hour)
	f.gets("LV")
}

// TestReplyThatQuotesTheFormConfirmsIt: mail programs quote what they answer; the
// form below "OK" is the one that was delivered, not one that PL sends.
func TestReplyThatQuotesTheFormConfirmsIt(t *testing.T) {
	for name, quote := range map[string]func(string) string{
		"quoted":             func(s string) string { return "> " + strings.ReplaceAll(s, "\n", "\n> ") },
		"quoted and wrapped": func(s string) string { return "> " + strings.NewReplacer("\n", "\n> ", " C", "\nC").Replace(s) },
		"unquoted": func(s string) string {
			return "-----Original Message-----\nFrom: OCU\nSent: Monday\nTo: PL\nSubject: x\n\n" + s
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t)
			f.submit("LV", seizure("PL", "A9: [U]"), gateway.Accepted)
			f.pass(0)
			f.got("LV")
			id := "<" + string(f.sent[0].Delivery) + "@gateway.example>"
			delivered := f.got("PL")[0]
			r := f.accept(f.write(officer("PL"), "OK\n\nOn Mon, 11 Jan 2027 at 10:15, OCU <"+unitAddress+"> wrote:\n"+quote(delivered), id))
			if r.Verdict != gateway.Noted && name != "quoted and wrapped" { // what wrapping left unquoted is for a person to read
				t.Fatalf("the reply is %s; want noted", r.Verdict)
			}
			f.pass(time.Second)
			f.gets("LV", "All recipients|PL: read by a person")
		})
	}
}

func TestSenderHearsOnceADayWhatElseWasNotConfirmedInTime(t *testing.T) {
	f := newFlow(t) // 11:00 in Riga; the digest comes at 07:00 there
	warning := "A1: [WRN]\nA7: [PL]\nE1: [3]\nE2: [ROAD]\nE3: [AB1234]\nH3: [CHECK]\n"
	f.submit("LV", warning, gateway.Accepted)
	f.submit("LV", strings.Replace(warning, "A7: [PL]", "A7: [EE]\nA9: [P]", 1), gateway.Accepted)
	f.submit("LV", seizure("PL"), gateway.Accepted) // asks nobody
	f.pass(0)
	f.got("LV")
	f.pass(3 * time.Hour)
	f.gets("LV")
	f.pass(18 * time.Hour) // P passed its limit, R not yet
	f.gets("LV", "Not confirmed in time|LV-VID-2027-000002, EE: sent, not confirmed|+372 1")
	f.pass(24 * time.Hour)
	f.gets("LV", "Not confirmed in time|LV-VID-2027-000001, PL")
	f.pass(24 * time.Hour)
	f.gets("LV")
}

func TestPlainLetterIsHeldAndItsSenderHearsOnceAnHourWhatToDo(t *testing.T) {
	f := newFlow(t)
	f.submit("GE", "See you on Monday.\n", gateway.Held)
	f.submit("GE", "Is anybody there?\n", gateway.Held)
	f.pass(0)
	f.gets("GE", "PLAIN|there is no form in it|C4: []")
	f.pass(2 * time.Hour)
	f.submit("GE", "Hello?\n", gateway.Held)
	f.pass(0)
	f.gets("GE", "PLAIN|there is no form in it")
}

func TestFormThatComesAgainAndAgainIsNotAnsweredEachTime(t *testing.T) {
	f := newFlow(t)
	text := seizure("PL", "A4: [LV-VID-2027-000017]")
	f.submit("LV", text, gateway.Accepted)
	for i := range 5 {
		f.submit("LV", text+strings.Repeat("-- \nlist footer\n", i), gateway.Duplicate)
	}
	f.pass(0)
	f.gets("LV", "accepted: LV-VID-2027-000017", "already")
}

func TestHeldMessageIsTakenOnlyByAPersonAndOnlyAsUnproven(t *testing.T) {
	f := newFlow(t)
	unknown := officer("XX") // signed, but by nobody whom we know
	unknown.Address = "jco@lv.example"
	raw := f.write(unknown, seizure("PL, GE"), "")
	r := f.accept(raw)
	f.pass(0)
	f.gets("PL")
	held, err := f.store.Inbound(t.Context(), r.Inbound)
	if err != nil {
		t.Fatal(err)
	}
	decide, err := f.g.Taken(t.Context(), held.AsInbound(), held.ID, "OP-001", "LV")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.Settle(t.Context(), held.ID, "A. Invented", "called +371 1: it is theirs", decide); err != nil {
		t.Fatal(err)
	}
	f.pass(0)
	f.gets("PL", "NOT PROVEN|C4: [120]")
	if err := f.store.Settle(t.Context(), held.ID, "A. Invented", "again", decide); err == nil {
		t.Error("a message was taken twice")
	}

	for name, text := range map[string]string{"no form in it": "Hello", "a wrong one": seizure("PL", "C4: [many]")} {
		r := f.accept(f.write(unknown, text, ""))
		held, err := f.store.Inbound(t.Context(), r.Inbound)
		if err != nil {
			t.Fatal(err)
		}
		decide, err := f.g.Taken(t.Context(), held.AsInbound(), held.ID, "OP-001", "LV")
		if err == nil {
			err = f.store.Settle(t.Context(), held.ID, "A. Invented", "called", decide)
		}
		if gateway.KindOf(err) != gateway.Refused {
			t.Errorf("%s: taken with %v; want a refusal", name, err)
		}
	}
}

func TestTemplateGoesToARegisteredAddressAlone(t *testing.T) {
	f := newFlow(t)
	stranger := officer("XX")
	stranger.Key = nil
	stranger.Address = "somebody@elsewhere.example"
	known := officer("EE")
	known.Key = nil
	for p, want := range map[*simulator.Participant]bool{&stranger: false, &known: true} {
		r := f.accept(f.write(*p, "Hello", ""))
		held, err := f.store.Inbound(t.Context(), r.Inbound)
		if err != nil {
			t.Fatal(err)
		}
		decide, err := f.g.Answered(t.Context(), held.AsInbound(), "call")
		if (err == nil) != want {
			t.Errorf("answering %s = %v; want allowed: %v", p.Address, err, want)
		}
		if err == nil {
			if err := f.store.Settle(t.Context(), held.ID, "A. Invented", "told to call", decide); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.pass(0)
	f.gets("EE", "PLAIN|call the number you had before")
}

func TestWhoWaitsForAFormThatIsCorrectedGetsTheCorrectedOne(t *testing.T) {
	f := newFlow(t)
	f.outcome["PL"] = gateway.Deferred
	r := f.submit("LV", seizure("PL, EE"), gateway.Accepted)
	f.pass(0)
	f.got("EE")
	f.got("LV")
	f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nC4: [240]\n", gateway.Accepted)
	delete(f.outcome, "PL")
	f.pass(time.Hour)
	f.gets("PL", "CORRECTED, C4: was 120, now 240|C1: [TOBA]|C4: [240]")
	f.gets("EE", "CORRECTED, C4: was 120, now 240|C1: [TOBA]|C4: [240]")
	f.gets("LV", "PL|EE")
}

func TestACorrectionThatWasHeldReplacesItsOriginalWhenItIsReleased(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("PL"), gateway.Accepted)
	f.pass(0)
	f.got("PL")
	held := f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nA7: [QQ]\nA9: [U]\nC4: [240]\n", gateway.Held)
	form, err := f.store.Form(t.Context(), held.Form)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.ReleaseForm(t.Context(), held.Form, "A. Invented", "called LV", f.g.Released(t.Context(), form)); err != nil {
		t.Fatal(err)
	}
	f.pass(0)
	f.gets("PL", "CORRECTED, C4: was 120, now 240|C1: [TOBA]|C4: [240]")
	if was, err := f.store.Form(t.Context(), r.Form); err != nil || was.State != gateway.FormCorrected {
		t.Errorf("the original is %s (%v); want corrected", was.State, err)
	}
}

func TestWhatIsReleasedCountsAsSignedOnlyUnderAConfirmedKey(t *testing.T) {
	for confirmed, want := range map[bool]string{false: "NOT PROVEN", true: "Signed by LV"} {
		f := newFlow(t)
		ring := keyring.New(f.store, func() time.Time { return f.now })
		cert := keyOf()["XX"].Certificate()
		if _, err := ring.Propose(t.Context(), "OP-001", "LV", keyring.Proposal{Certificate: cert, Source: "test", By: "test"}); err != nil {
			t.Fatal(err)
		}
		device := officer("XX")
		device.Address = officer("LV").Address
		r := f.accept(f.write(device, seizure("PL"), ""))
		held, err := f.store.Form(t.Context(), r.Form)
		if err != nil || held.State != gateway.FormHeld {
			t.Fatalf("a form under a key that isn't confirmed: %+v, %v; want it held", r, err)
		}
		for _, who := range []string{"A. Invented", "B. Invented"} { // a participant's second key needs both
			if !confirmed {
				break
			}
			if _, err := ring.Confirm(t.Context(), "OP-001", "LV", string(cert.Fingerprint()), who, "read back in a test"); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.store.ReleaseForm(t.Context(), r.Form, "A. Invented", "called LV", f.g.Released(t.Context(), held)); err != nil {
			t.Fatal(err)
		}
		f.pass(0)
		f.gets("PL", want)
		f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nC4: [240]\n", gateway.Accepted) // never on less than the original
	}
}

func TestACorrectionGoesOnFromTheOneBeforeIt(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("PL"), gateway.Accepted)
	f.pass(0)
	f.got("PL")
	f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nA7: [EE]\nC4: [240]\n", gateway.Accepted)
	f.pass(0)
	f.gets("PL", "C4: was 120, now 240")
	f.gets("EE", "C4: was 120, now 240")
	f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nC2: [Cigars]\n", gateway.Accepted)
	f.pass(0)
	f.gets("PL", "C2: was Cigarettes, now Cigars|C4: [240]")
	f.gets("EE", "C2: was Cigarettes, now Cigars|C4: [240]")
	f.submit("LV", "A1: [CAN]\nA5: ["+r.Reference+"]\n", gateway.Accepted)
	f.pass(0)
	f.gets("PL", "CANCELLED: form "+r.Reference)
	f.gets("EE", "CANCELLED: form "+r.Reference)
}

// meddling reads the record, and lets something happen right after one form was looked
// for: what was read is old by then.
type meddling struct {
	gateway.Reads
	then func()
}

func (m *meddling) FormByReference(ctx context.Context, op operation.Code, sender operation.ParticipantCode, reference string) (*gateway.Form, error) {
	f, err := m.Reads.FormByReference(ctx, op, sender, reference)
	if then := m.then; then != nil {
		m.then = nil
		then()
	}
	return f, err
}

// during makes the gateway anew: what happens does so while it decides the next
// correction or cancellation.
func (f *flow) during(happens func()) {
	f.opt.Reads = &meddling{f.store, happens}
	f.setMail(f)
}

func TestTwoCorrectionsInTheSameMomentBothStand(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("PL"), gateway.Accepted)
	f.pass(0)
	f.got("PL")
	for _, earlier := range []string{"C4: [240]", "C5: [GRM]"} { // the first of all, and one that goes on from another
		f.during(func() { f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\n"+earlier+"\n", gateway.Accepted) })
		f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nC2: [Cigars and "+earlier[:2]+"]\n", gateway.Accepted)
	}
	f.pass(0)
	f.gets("PL", "now Cigars and C5|C4: [240]|C5: [GRM]")
}

func TestCorrectionsOfAFormThatAPersonRefusedGoOnFromOneAnother(t *testing.T) {
	f := newFlow(t)
	held := f.submit("LV", seizure("QQ", "A9: [U]"), gateway.Held)
	form, err := f.store.Form(t.Context(), held.Form)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.RefuseForm(t.Context(), held.Form, "A. Invented", "asked LV", f.g.Declined(t.Context(), form)); err != nil {
		t.Fatal(err)
	}
	f.submit("LV", "A1: [COR]\nA5: ["+held.Reference+"]\nA7: [PL]\nC4: [240]\n", gateway.Accepted)
	f.submit("LV", "A1: [COR]\nA5: ["+held.Reference+"]\nA7: [PL]\nC2: [Cigars]\n", gateway.Accepted)
	f.pass(0)
	f.gets("PL", "now Cigars|C4: [240]")
}

func TestWhatIsCancelledIsNotCorrectedAnyMore(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("PL"), gateway.Accepted)
	cancel := "A1: [CAN]\nA4: [LV-VID-2027-000900]\nA5: [" + r.Reference + "]\n"
	correct := "A1: [COR]\nA5: [" + r.Reference + "]\nC4: [240]\n"
	f.during(func() { f.submit("LV", cancel, gateway.Accepted) })
	f.submit("LV", correct, gateway.Rejected)
	f.submit("LV", correct, gateway.Rejected)
	f.submit("LV", "A1: [CAN]\nA5: ["+r.Reference+"]\n", gateway.Rejected)
	f.pass(0)
	refused := "Codes: 14 A5|" + r.Reference + " is cancelled already"
	f.gets("LV", "Received and accepted: "+r.Reference, "Received and accepted: LV-VID-2027-000900", refused, refused, refused)
	f.submit("LV", cancel, gateway.Duplicate)
}

func TestAHeldCorrectionOfWhatWasCancelledMeanwhileIsNotReleased(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("PL"), gateway.Accepted)
	held := f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nA7: [QQ]\nA9: [U]\nC4: [240]\n", gateway.Held)
	f.submit("LV", "A1: [CAN]\nA5: ["+r.Reference+"]\n", gateway.Accepted)
	form, err := f.store.Form(t.Context(), held.Form)
	if err != nil {
		t.Fatal(err)
	}
	err = f.store.ReleaseForm(t.Context(), held.Form, "A. Invented", "called LV", f.g.Released(t.Context(), form))
	if gateway.KindOf(err) != gateway.Refused || !strings.Contains(err.Error(), r.Reference) {
		t.Errorf("releasing a correction of a cancelled form: %v; want it refused", err)
	}
}

func TestAnEarlierCorrectionIsNeverTheLastWord(t *testing.T) {
	for _, last := range []string{"A1: [COR]\nC4: [360]", "A1: [CAN]"} {
		f := newFlow(t)
		r := f.submit("LV", seizure("PL"), gateway.Accepted)
		f.pass(0)
		f.got("PL")
		f.outcome["PL"] = gateway.Deferred
		f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nC4: [240]\n", gateway.Accepted)
		f.pass(0)
		delete(f.outcome, "PL")
		f.submit("LV", last+"\nA5: ["+r.Reference+"]\n", gateway.Accepted)
		f.pass(0)
		f.pass(time.Hour)
		if got := f.got("PL"); len(got) != 1 || strings.Contains(got[0], "now 240") {
			t.Errorf("after a correction that had to wait, and %q, PL got %d:\n%s\nwant the last alone", last, len(got), strings.Join(got, "\n---\n"))
		}
	}
}
