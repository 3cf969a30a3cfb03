package operation

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// head is a sound operation up to its participants: lines 1 to 9.
const head = `operation: OP-7K3
organiser: LV
phases:
  preparation: {from: 2026-11-16, to: 2027-01-10}
  operation: {from: 2027-01-11, to: 2027-01-17}
  evaluation: {from: 2027-01-18, to: 2027-02-15}
desk:
  phone: "+000"
participants:
`

// lv is a sound participant: lines 10 to 20 after head.
const lv = `  - code: LV
    country: LV
    class: eu-member
    languages: [lv, en]
    duty:
      phone: "+000"
      email: duty@lv.example
    keys:
      - file: lv.asc
        role: shared
    addresses: [jco@lv.example]
    channels: [{kind: websocket}, {kind: pgp-mail, address: pgp@lv.example}]
`

// judge returns what Parse and Check find, "LINE SEVERITY CODE: MESSAGE".
func judge(text string) []string {
	op, problems := Parse([]byte(text), "f")
	if op != nil {
		problems = append(problems, op.Check("f", "OCU")...)
	}
	var out []string
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%d %s %s: %s", p.Line, p.Severity, p.Code, p.Message))
	}
	return out
}

func wants(t *testing.T, text string, want ...string) {
	t.Helper()
	got := judge(text)
	if len(got) != len(want) {
		t.Fatalf("problems = %d\n  %s\nwant %d\n  %s", len(got), strings.Join(got, "\n  "), len(want), strings.Join(want, "\n  "))
	}
	for i, w := range want {
		line, rest, _ := strings.Cut(w, " ")
		if !strings.HasPrefix(got[i], line+" ") || !strings.Contains(got[i], rest) {
			t.Errorf("problem %d = %s; want line %s with %q", i, got[i], line, rest)
		}
	}
}

func TestSoundOperationHasNoProblem(t *testing.T) { wants(t, head+lv) }

func TestNorwayIsACountryAndALanguage(t *testing.T) {
	wants(t, head+lv+`  - {code: NO, country: NO, class: efta, languages: [no], duty: {phone: "1"}, channels: [{kind: mail, address: a@no.example}]}`)
}

func TestWhatCannotBeReadNamesKeyAndLineAllAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":           {"", []string{"1 the file is empty"}},
		"comments alone":  {"# later\n", []string{"1 the file is empty"}},
		"null":            {"---\n", []string{"1 the file is empty"}},
		"a list":          {"- x\n", []string{"1 a list is not a group of keys"}},
		"syntax":          {"operation: OP-1\n\ttitle: x\n", []string{"2 found a tab"}},
		"second document": {head + lv + "---\noperation: OP-2\n", []string{"22 second document"}},
		"unknown key":     {"operation: OP-1\norganizer: LV\n", []string{`2 there is no key "organizer"`}},
		"twice":           {"operation: OP-1\ntitle: a\ntitle: b\n", []string{`3 "title" already defined`}},
		"date":            {"phases:\n  operation: {from: 2027-02-30, to: soon}\n", []string{`2 phases.operation.from: "2027-02-30" is not a date`, `2 phases.operation.to: "soon" is not a date`}},
		"duration":        {"priorities:\n  U: 10\n  P: -1m\n", []string{`2 priorities.U: "10" is not a time span`, `3 priorities.P: "-1m"`}},
		"yes":             {"participants:\n  - code: LV\n    nominal:\n      send: {operation: perhaps}\n", []string{`4 participants.nominal.send.operation: "perhaps" is not yes or no`}},
		"empty entry":     {"participants:\n  -\n  - code: LV\n  - ~\n", []string{"2 entry 1 is empty", "4 entry 3 is empty"}},
		"legal basis outside nominal": {head + "  - code: LV\n    legal_basis: x\n",
			[]string{`11 there is no key "legal_basis"`}},
		"everything": {"opertion: x\nphases: {operation: {from: x}}\npriorities: {U: x}\nparticipants:\n  -\n---\na: b\n",
			[]string{`1 there is no key "opertion"`, "2 not a date", "3 not a time span", "6 second document", "5 entry 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			wants(t, c.text, c.want...)
			if op, problems := Parse([]byte(c.text), "f"); op != nil || len(problems) == 0 {
				t.Errorf("Parse = %v, %v; want no operation", op, problems)
			}
		})
	}
}

func TestBadOperationNamesKeyAndLine(t *testing.T) {
	from := func(old, new string) string {
		if !strings.Contains(head+lv, old) {
			t.Fatalf("%q isn't there", old)
		}
		return strings.Replace(head+lv, old, new, 1)
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"code":             {from("OP-7K3", "op 7"), []string{"1 operation:"}},
		"organiser":        {from("organiser: LV", "organiser: PL"), []string{"2 warning organiser"}},
		"no organiser":     {from("organiser: LV", "organiser:"), []string{"2 organiser is missing"}},
		"desk phone":       {from(`phone: "+000"`, `channels: []`), []string{"7 warning desk-phone"}},
		"desk kind":        {from(`desk:`, "desk:\n  channels:\n    - kind: websocket\n    - {kind: mail, address: x}\n    - {kind: phone}"), []string{"9 desk: channel kind", `10 desk: channels: address "x"`, "11 desk: the phone channel has no number"}},
		"policy":           {head + lv + "policy: {unsigned: taken}\n", []string{"22 policy.unsigned"}},
		"justified":        {head + lv + "justified:\n  - {warning: gap}\n", []string{"23 justified: entry 1"}},
		"no dates":         {from("{from: 2027-01-11, to: 2027-01-17}", "{}"), []string{"5 phases.operation: from and to are missing"}},
		"no end":           {from(", to: 2027-01-10", ""), []string{"4 phases.preparation: to is missing"}},
		"no phases":        {"operation: OP-1\norganiser: OCU\ndesk: {phone: x}\nparticipants: []\n", []string{"1 phases.preparation: from and to", "1 phases.operation: from", "1 phases.evaluation: from", "4 participants: there are none"}},
		"backwards":        {from("to: 2027-01-17", "to: 2027-01-10"), []string{"5 phases.operation ends before"}},
		"overlapping":      {from("to: 2027-01-10", "to: 2027-01-11"), []string{"5 phases.operation begins before phases.preparation ends"}},
		"gap":              {from("from: 2027-01-18", "from: 2027-01-19"), []string{"6 warning gap: there is a gap between phases.operation and phases.evaluation; it counts as operation"}},
		"long":             {from("to: 2027-02-15", "to: 2027-03-15"), []string{"6 warning evaluation-length"}},
		"long, justified":  {from("to: 2027-02-15", "to: 2027-03-15") + "justified: [{warning: evaluation-length, reason: two seasons}]\n", []string{"6 (justified: two seasons)"}},
		"form type":        {head + lv + "forms:\n  use: [SEZ, sez]\n  require: {SEZU: [E1]}\n", []string{`23 forms.use: "sez"`, `24 forms.require: "SEZU"`}},
		"box":              {head + lv + "forms:\n  require:\n    SEZ: [E1, E]\n  restrict: {c1: [TOBA]}\n  boxes:\n    - code: Y1\n    - {code: X1, labels: {EN: x}}\n    - {code: X1}\n", []string{`24 forms.require.SEZ: "E"`, `25 forms.restrict: "c1"`, `27 forms.boxes: "Y1"`, `28 labels: "EN"`, "29 X1 is there twice"}},
		"form profile":     {head + lv + "forms:\n  use: [SEZ, XYZ]\n  require: {SEZ: [Z9]}\n  restrict: {C1: [TOBACCO]}\n", []string{"23 there is no form type XYZ", "24 SEZ: there is no box Z9", "25 box C1: there is no code TOBACCO"}},
		"labels":           {head + lv + "forms: {labels: {lv: {E-1: x}}}\n", []string{`22 forms.labels.lv: "E-1"`}},
		"participant code": {from("code: LV", "code: lv"), []string{"2 warning", "10 the code must be"}},
		"group":            {from("code: LV", "code: ALL"), []string{"2 warning", "10 means a group"}},
		"twice":            {head + lv + "  - {code: LV, class: efta, duty: {phone: x}, channels: [{kind: mail, address: b@lv.example}]}\n", []string{"22 participant LV is there twice"}},
		"class":            {from("class: eu-member", "class: eu"), []string{`12 class "eu"`}},
		"country":          {from("country: LV", "country: Latvia"), []string{`11 country: "Latvia"`}},
		"language":         {from("[lv, en]", "[lv, English]"), []string{`13 languages: "English"`}},
		"duty":             {from("email: duty@lv.example", "email: duty"), []string{`16 duty.email: "duty"`}},
		"key file":         {from("file: lv.asc", "holder: x"), []string{"18 keys: entry 1 has no file"}},
		"key role":         {from("role: shared", "role: main"), []string{`19 keys: role "main"`}},
		"no key":           {from("      - file: lv.asc\n        role: shared\n", ""), []string{"19 warning no-key", "19 warning no-key"}},
		"address":          {from("[jco@lv.example]", "[jco]"), []string{`20 addresses: "jco"`}},
		"channel":          {from("{kind: websocket}", "{kind: fax}"), []string{`21 channel kind "fax"`}},
		"channel values":   {from("address: pgp@lv.example", "address: x, style: y, keys: [z]"), []string{`21 address "x"`, `21 style "y"`, `21 keys: "z"`}},
		"no channel":       {from("[{kind: websocket}, {kind: pgp-mail, address: pgp@lv.example}]", "[]"), []string{"21 warning no-channel"}},
		"nobody":           {from("phone: \"+000\"\n      email", "email"), []string{"10 warning no-contact"}},
		"nominal":          {from("    country: LV\n    class: eu-member", "    class: eu-body\n    nominal:\n      send: {later: true}"), []string{"13 nominal.send: \"later\"", "12 nominal.declared", "12 nominal.legal_basis"}},
	} {
		t.Run(name, func(t *testing.T) { wants(t, c.text, c.want...) })
	}
}

func TestContactsAreReachable(t *testing.T) {
	wants(t, head+lv+`    contacts:
      - {name: A, timezone: Local}
      - {name: B, timezone: Mars/Base, hours: "8-18"}
      - {name: C, hours: "24:30-25:00 or so", languages: [Latvian]}
      - {name: D, hours: "22:00-06:00", timezone: Europe/Riga, deputy: A}
      - {name: E, deputy: Z, email: e}
      - {name: F, deputy: F}
      - {phone: "1"}
`, `23 timezone: "Local"`, `24 timezone: "Mars/Base"`, `24 hours: "8-18"`, `25 languages: "Latvian"`, `25 hours:`,
		`27 "e" is not a mail address`, "27 warning deputy", "28 warning deputy", "29 name is missing")
}

func TestOneAddressIsOneParticipants(t *testing.T) {
	wants(t, head+lv+`  - code: PL
    class: eu-member
    duty: {phone: "1"}
    addresses: [PGP@lv.example]
    channels:
      - {kind: mail, address: jco@lv.example}
      - {kind: mail, address: jco@lv.example}
  - code: OCU
    class: eu-body
    addresses: [own@x.example, own@x.example]
    duty: {phone: "1"}
    channels: [{kind: mail, address: OWN@x.example}]
`, "25 PGP@lv.example is registered for LV and for PL", "27 jco@lv.example is registered for LV and for PL", "28 jco@lv.example")
}

func TestCodeOfTheUnitIsTheUnits(t *testing.T) {
	op, _ := Parse([]byte(head+`  - {code: OCU, class: eu-body, duty: {phone: "1"}}`), "f")
	if got := op.Check("f", "HQ"); len(got) != 3 || !strings.Contains(got[1].Message, "coordination unit") {
		t.Errorf("Check = %v; want OCU refused, for HQ is the unit", got)
	}
}

func TestCheckOfAnOperationWithoutFileHasNoLines(t *testing.T) {
	o := &Operation{Participants: []*Participant{nil, {Code: "LV"}}}
	for _, p := range o.Check("f", "OCU") {
		if p.Line != 0 {
			t.Errorf("%s has line %d", p, p.Line)
		}
	}
}

func TestOpenHoursAreTimesOfDay(t *testing.T) {
	from, to, err := openHours("08:30-24:00")
	if err != nil || from != 8*time.Hour+30*time.Minute || to != 24*time.Hour {
		t.Errorf("openHours = %v, %v, %v", from, to, err)
	}
	for _, bad := range []string{"", "08:00", "8:00-18:00", "08:00-08:00", "24:00-08:00", "08:60-18:00", "08:00-18:00x"} {
		if _, _, err := openHours(bad); err == nil {
			t.Errorf("openHours(%q) = nil; want an error", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + lv))
	f.Add([]byte("participants: [~]"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("phases: {<<: {operation: x}}\n--- \n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		op, problems := Parse(data, "f")
		if (op == nil) != (len(problems) > 0) {
			t.Fatalf("Parse = %v with %d problems", op, len(problems))
		}
		if op != nil {
			op.Check("f", "OCU")
		}
	})
}
