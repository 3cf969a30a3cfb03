package simulator

import (
	"strings"
	"time"

	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// Slot is the part of the way that a fault is in. Faults of one slot exclude each
// other.
type Slot string

// The slots, in the order of the way.
const (
	AtKeys    Slot = "keys"
	AtServer  Slot = "server"
	AtReplier Slot = "replier" // what answers by itself
	AtReading Slot = "reading"
	AtSigning Slot = "signing"
	AtBody    Slot = "body"
	AtPerson  Slot = "person"
	AtSystem  Slot = "system" // on the WebSocket
	AtCall    Slot = "call"   // the call back
)

// Fault is something that is wrong with a participant: what it changes, and what
// a test of the communication must find because of it. The label is for whoever
// grades the test; the test never sees it.
type Fault struct {
	Name  string
	Slot  Slot
	Kind  operation.ChannelKind
	Apply func(*Cast)

	// The label.
	Codes []string // one of these must be found; none where nothing need be
	Steps []int    // the step that fails first, one of these; none where none fails
	Ready bool     // the participant can be reached all the same
	Later bool     // what makes it ready comes after the test's end

	// Clouds are what may be seen of it where another fault keeps the answer away
	// that would clear it up, or what it would be seen by.
	Clouds []Seen
}

// Cast is a participant as faults change it, before the operation begins.
type Cast struct {
	Habits
	Key       Keys
	Confirmed string // "" confirmed · proposed · blocked · none
	Contacts  bool   // two people are registered, a contact and a deputy
	Alone     bool   // the deputy never answers
	Calls     string // of a plain participant: "" called back well · none · stranger
	Replays   bool   // answers with its answer to an earlier test
	Next      string // a second key: "" no · proposed and signs · confirmed and in use · confirmed and a colleague's who is away
	People    int    // who answer; 1
}

// Keys say which key is registered and which are used.
type Keys struct {
	Encrypts bool   // the encryption subkey has expired, the key itself lives
	Ends     bool   // the key ends on the third day of the operation
	Sees     bool   // mail is opened with another key than the registered one
	Signs    string // "" the registered key · other · neighbour
}

const (
	mail   = operation.PGPMail
	plain  = operation.Mail
	socket = operation.WebSocket
)

func refuse(code int, a, b, c int, text string) func(*Cast) {
	return func(x *Cast) { x.Refuse = &Refusal{Code: code, Enhanced: [3]int{a, b, c}, Text: text} }
}

func reports(swallow bool, list ...Report) func(*Cast) {
	return func(x *Cast) { x.Reports, x.Swallow = list, swallow }
}

func fill(f func(f *form.Form)) func(*Cast) {
	return func(x *Cast) { x.Fill = func(g *form.Form, _ int) { f(g) } }
}

// steps and codes are parts of labels.
func steps(n ...int) []int { return n }

func codes(c ...string) []string { return c }

// Seen is a code found at a step.
type Seen struct {
	Code string
	Step int
}

func seen(code string, step int) []Seen { return []Seen{{code, step}} }

// Faults are all that the laboratory knows.
func Faults() []Fault {
	var all []Fault
	for _, list := range [][]Fault{keyFaults(), serverFaults(), replierFaults(), readingFaults(), signingFaults(), bodyFaults(), personFaults(), systemFaults(), plainFaults(), wayFaults(), writingFaults(), otherFaults()} {
		all = append(all, list...)
	}
	return all
}

func keyFaults() []Fault {
	return []Fault{
		{Name: "no key is registered", Slot: AtKeys, Kind: mail, Apply: func(x *Cast) { x.Confirmed = "none" }, Codes: codes("NOKEY"), Steps: steps(1)},
		{Name: "the key was never confirmed by phone", Slot: AtKeys, Kind: mail, Apply: func(x *Cast) { x.Confirmed = "proposed" }, Codes: codes("UNCONFIRMED"), Steps: steps(1)},
		{Name: "the key is blocked", Slot: AtKeys, Kind: mail, Apply: func(x *Cast) { x.Confirmed = "blocked" }, Codes: codes("KEYREVOKED"), Steps: steps(1)},
		{Name: "the encryption subkey has expired, the key lives", Slot: AtKeys, Kind: mail, Apply: func(x *Cast) { x.Key.Encrypts = true }, Codes: codes("KEYEXPIRED"), Steps: steps(1)},
		{Name: "the key ends on the third day of the operation", Slot: AtKeys, Kind: mail, Apply: func(x *Cast) { x.Key.Ends = true }, Codes: codes("KEYEXPIRES"), Steps: steps(1)},
		{Name: "the key ends on the third day, and a second one that lasts is in use", Slot: AtKeys, Kind: mail,
			Apply: func(x *Cast) { x.Key.Ends, x.Next = true, "confirmed" }, Codes: codes("KEYEXPIRES"), Ready: true},
		{Name: "the key ends on the third day, and the one that lasts is a colleague's who is away", Slot: AtKeys, Kind: mail,
			Apply: func(x *Cast) { x.Key.Ends, x.Next = true, "away" }, Codes: codes("NOANSWER"), Steps: steps(4)},
		{Name: "the encryption subkey has expired, and a second key is in use", Slot: AtKeys, Kind: mail,
			Apply: func(x *Cast) { x.Key.Encrypts, x.Next = true, "confirmed" }, Codes: codes("KEYEXPIRED"), Ready: true},
		{Name: "a colleague who is away has a key too", Slot: AtKeys, Kind: mail, Apply: func(x *Cast) { x.Next = "away" }, Ready: true},
		{Name: "another key is in use, and its owner complains signed", Slot: AtKeys, Kind: mail,
			Apply: func(x *Cast) { x.Key.Sees, x.Key.Signs, x.Complains = true, "other", true }, Codes: codes("WRONGKEY", "NODECRYPT"), Steps: steps(4)},
		{Name: "the secret key is lost, and its owner complains unsigned", Slot: AtKeys, Kind: mail,
			Apply: func(x *Cast) { x.Key.Sees, x.Signing, x.Complains = true, "unsigned", true }, Codes: codes("NODECRYPT", "WRONGKEY"), Steps: steps(4)},
	}
}

func serverFaults() []Fault {
	const soon = 2 * time.Minute
	return []Fault{
		{Name: "the mailbox doesn't exist", Slot: AtServer, Kind: mail, Apply: refuse(550, 5, 1, 1, "User unknown"), Codes: codes("BOUNCE"), Steps: steps(2, 3)},
		{Name: "the mailbox is full", Slot: AtServer, Kind: mail, Apply: refuse(552, 5, 2, 2, "Mailbox full"), Codes: codes("BOUNCE"), Steps: steps(2, 3)},
		{Name: "the mail is too large", Slot: AtServer, Kind: mail, Apply: refuse(552, 5, 3, 4, "Message too big"), Codes: codes("BOUNCE"), Steps: steps(2, 3)},
		{Name: "a rule forbids encrypted mail", Slot: AtServer, Kind: mail, Apply: refuse(550, 5, 7, 1, "Encrypted attachments are not allowed"), Codes: codes("BOUNCE"), Steps: steps(2, 3)},
		{Name: "the server takes it for spam and refuses it", Slot: AtServer, Kind: mail, Apply: refuse(554, 5, 7, 1, "Message rejected as spam"), Codes: codes("SPAM"), Steps: steps(2, 3)},
		{Name: "greylisting", Slot: AtServer, Kind: mail, Apply: func(x *Cast) {
			x.Refuse = &Refusal{Code: 451, Enhanced: [3]int{4, 7, 1}, Text: "Greylisted, try again later", Times: 1}
		}, Ready: true},
		{Name: "the server defers for ever", Slot: AtServer, Kind: mail, Apply: refuse(451, 4, 3, 2, "System not accepting messages"), Codes: codes("DELAYED", "NOANSWER"), Steps: steps(2, 3, 4)},
		{Name: "a bounce comes after the server took it", Slot: AtServer, Kind: mail, Apply: reports(true, Report{Action: "failed", Status: "5.1.1", Text: "550 5.1.1 no such user", After: soon}), Codes: codes("BOUNCE"), Steps: steps(3)},
		{Name: "a bounce comes after the mail was reported as delivered", Slot: AtServer, Kind: mail, Apply: reports(true,
			Report{Action: "delivered", Status: "2.0.0", Text: "250 ok"}, Report{Action: "failed", Status: "5.2.2", Text: "552 5.2.2 over quota", After: soon}), Codes: codes("BOUNCE"), Steps: steps(3)},
		{Name: "a forwarding behind doesn't know the host", Slot: AtServer, Kind: mail, Apply: reports(true, Report{Action: "failed", Status: "5.1.2", Text: "host or domain name not found", After: soon}), Codes: codes("BOUNCE"), Steps: steps(3)},
		{Name: "the servers can't agree on TLS", Slot: AtServer, Kind: mail, Apply: reports(true, Report{Action: "failed", Status: "5.7.10", Text: "TLS required", After: soon}), Codes: codes("BOUNCE"), Steps: steps(3)},
		{Name: "the mail is delayed behind the server and never comes", Slot: AtServer, Kind: mail, Apply: reports(true, Report{Action: "delayed", Status: "4.4.1", Text: "connection timed out", After: soon}), Codes: codes("DELAYED"), Steps: steps(3)},
		{Name: "the mail is delayed and then delivered", Slot: AtServer, Kind: mail, Apply: reports(false, Report{Action: "delayed", Status: "4.4.1", Text: "connection timed out"}), Ready: true, Clouds: seen("DELAYED", 3)},
		{Name: "the mail lies in the spam folder", Slot: AtServer, Kind: mail, Apply: func(x *Cast) { x.Swallow = true }, Codes: codes("NOANSWER", "SPAM"), Steps: steps(4)},
		{Name: "somebody reported the mail as spam", Slot: AtServer, Kind: mail, Apply: reports(true, Report{Kind: "feedback", After: soon}), Codes: codes("SPAM"), Steps: steps(3)},
		{Name: "a success report, and then an answer", Slot: AtServer, Kind: mail, Apply: reports(false, Report{Action: "delivered", Status: "2.0.0", Text: "250 ok"}), Ready: true},
		{Name: "a read receipt, and nothing more", Slot: AtServer, Kind: mail, Apply: func(x *Cast) { x.Reports, x.Silent = []Report{{Kind: "read-receipt", After: soon}}, true }, Codes: codes("NOANSWER"), Steps: steps(4)},
	}
}

func replierFaults() []Fault {
	return []Fault{
		{Name: "out of office, and nobody stands in", Slot: AtReplier, Kind: mail, Apply: func(x *Cast) { x.Auto, x.Silent = Vacation, true }, Codes: codes("AUTOREPLY"), Steps: steps(3)},
		{Name: "out of office, and the deputy answers", Slot: AtReplier, Kind: mail, Apply: func(x *Cast) { x.Auto, x.Contacts, x.People = Vacation, true, 0 }, Codes: codes("AUTOREPLY"), Ready: true, Clouds: seen("AUTOREPLY", 3)},
		{Name: "an automatic reply quotes what was opened", Slot: AtReplier, Kind: mail, Apply: func(x *Cast) { x.Auto, x.Silent = EchoAll, true }, Codes: codes("ECHO"), Steps: steps(5), Clouds: []Seen{{"ECHO", 5}, {"AUTOREPLY", 3}}},
	}
}

func readingFaults() []Fault {
	return []Fault{
		{Name: "PGP/MIME is garbled on the way there", Slot: AtReading, Kind: mail, Apply: func(x *Cast) { x.In = append(x.In, GarbleMIME) }, Codes: codes("MANGLED"), Steps: steps(4)},
		{Name: "the mail program doesn't open PGP/MIME, and its owner complains", Slot: AtReading, Kind: mail,
			Apply: func(x *Cast) { x.Unread, x.Complains = []string{"pgp-mime"}, true }, Codes: codes("MANGLED", "NODECRYPT"), Steps: steps(4)},
		{Name: "every style is garbled on the way there", Slot: AtReading, Kind: mail, Apply: func(x *Cast) { x.In = append(x.In, Garble) }, Codes: codes("NOANSWER"), Steps: steps(4)},
		{Name: "Exchange takes the mail apart on the way there, and the program copes", Slot: AtReading, Kind: mail, Apply: func(x *Cast) { x.In = append(x.In, Exchange) }, Ready: true},
	}
}

func signingFaults() []Fault {
	return []Fault{
		{Name: "the answer is unsigned", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Signing = "unsigned" }, Codes: codes("UNSIGNED"), Steps: steps(5)},
		{Name: "the answer is signed by another participant", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Key.Signs = "neighbour" }, Codes: codes("NOTSENDER", "WRONGPERSON"), Steps: steps(5)},
		{Name: "the answer is signed by a key that nobody registered", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Key.Signs = "other" }, Codes: codes("WRONGKEY"), Steps: steps(5)},
		{Name: "the signature covers a part alone", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Signing = "part" }, Codes: codes("BADSIG"), Steps: steps(5)},
		{Name: "the answer was changed after it was signed", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Signing = "tampered" }, Codes: codes("BADSIG"), Steps: steps(5)},
		{Name: "the answer is encrypted to somebody else", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Signing = "sealed-elsewhere" }, Codes: codes("NODECRYPT"), Steps: steps(5), Clouds: seen("NODECRYPT", 5)},
		{Name: "the answer comes from a private address", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Address2 = "officer@private.example" }, Codes: codes("NOTSENDER"), Steps: steps(5)},
		{Name: "a server adds a footer outside the signature", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Out = append(x.Out, Footer) }, Codes: codes("MANGLED", "BADSIG"), Steps: steps(5)},
		{Name: "the answer to an earlier test comes again", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Replays = true }, Codes: codes("REPLAY"), Steps: steps(4)},
		{Name: "the clock is a day ahead", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Skew = 26 * time.Hour }, Codes: codes("CLOCK"), Steps: steps(5)},
		{Name: "the clock is a day behind", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Skew = -26 * time.Hour }, Codes: codes("CLOCK"), Ready: true},
		{Name: "the answer is a mail of its own, not a reply", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.NoThread = true }, Ready: true},
		{Name: "Exchange takes the answer apart", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Out = append(x.Out, Exchange) }, Codes: codes("MANGLED"), Ready: true},
		{Name: "Workspace reshuffles the answer", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Out = append(x.Out, Workspace) }, Codes: codes("MANGLED"), Ready: true},
	}
}

func bodyFaults() []Fault {
	return []Fault{
		{Name: "the charset is read wrongly", Slot: AtBody, Kind: mail, Apply: func(x *Cast) { x.Rewrite = Mojibake }, Codes: codes("CHARSET"), Steps: steps(6)},
		{Name: "letters become question marks", Slot: AtBody, Kind: mail, Apply: func(x *Cast) { x.Rewrite = Questions }, Codes: codes("CHARSET"), Steps: steps(6)},
		{Name: "lines are joined", Slot: AtBody, Kind: mail, Apply: func(x *Cast) { x.Rewrite = JoinLines }, Codes: codes("MANGLED"), Ready: true},
		{Name: "quotation marks become typographic", Slot: AtBody, Kind: mail, Apply: func(x *Cast) { x.Rewrite = SmartQuotes }, Codes: codes("MANGLED"), Ready: true},
		{Name: "the attachment is stripped", Slot: AtBody, Kind: mail, Apply: fill(func(f *form.Form) { f.Set("T8", "N") }), Codes: codes("ATTLOST"), Steps: steps(6)},
		{Name: "the brackets of the form are lost", Slot: AtBody, Kind: mail, Apply: func(x *Cast) { x.Rewrite = Unbracket }, Codes: codes("FORMBROKEN", "NOFORM"), Steps: steps(6)},
		{Name: "a goods line is changed", Slot: AtBody, Kind: mail, Apply: fill(func(f *form.Form) { f.Set("C4.2", "75") }), Codes: codes("MANGLED"), Steps: steps(6)},
		{Name: "the sample text is cut", Slot: AtBody, Kind: mail, Apply: fill(func(f *form.Form) { f.Set("T7", f.Get("T7")[:len("Řīga Łódź")]) }), Codes: codes("MANGLED"), Steps: steps(6)},
		{Name: "our signature is shown as not valid", Slot: AtBody, Kind: mail, Apply: fill(func(f *form.Form) { f.Set("T6", "N") }), Codes: codes("BADSIG"), Steps: steps(6)},
		{Name: "the answer is marked as live", Slot: AtBody, Kind: mail, Apply: fill(func(f *form.Form) { f.Set("A10", "LIVE") }), Codes: codes("WRONGMODE"), Steps: steps(6)},
		{Name: "only the short answer comes", Slot: AtBody, Kind: mail, Apply: func(x *Cast) { x.Short = true }, Codes: codes("NOFORM"), Steps: steps(6)},
		{Name: "the test code is mistyped", Slot: AtBody, Kind: mail, Apply: func(x *Cast) { x.Code2 = mistype }, Codes: codes("NOCODE"), Steps: steps(4)},
	}
}

// mistype turns a code's first two letters round, or its first into another.
func mistype(code string) string {
	if code[0] != code[1] {
		return string([]byte{code[1], code[0]}) + code[2:]
	}
	return strings.Map(func(r rune) rune { return r }, "2Z"+code[2:])
}

func personFaults() []Fault {
	return []Fault{
		{Name: "the answer comes after the deadline", Slot: AtPerson, Kind: mail, Apply: func(x *Cast) { x.After = 5 * time.Hour }, Codes: codes("TOOLATE"), Steps: steps(8), Ready: true, Later: true},
		{Name: "the answer comes twice", Slot: AtPerson, Kind: mail, Apply: func(x *Cast) { x.Copies = 1 }, Ready: true},
		{Name: "two people say different things", Slot: AtPerson, Kind: mail, Apply: func(x *Cast) {
			x.People = 2
			x.Fill = func(f *form.Form, i int) {
				if i == 1 {
					f.Set("T8", "N")
				}
			}
		}, Codes: codes("DISAGREE"), Ready: true},
		{Name: "the second person never answers", Slot: AtPerson, Kind: mail, Apply: func(x *Cast) { x.Contacts, x.Alone = true, true }, Codes: codes("NOSECOND"), Ready: true},
		{Name: "a machine fills the form in", Slot: AtPerson, Kind: mail, Apply: func(x *Cast) { x.Machine = true }, Codes: codes("NOPERSON"), Steps: steps(7)},
	}
}

func systemFaults() []Fault {
	return []Fault{
		{Name: "the system never connects", Slot: AtSystem, Kind: socket, Apply: func(x *Cast) { x.Connection = "none" }, Codes: codes("WSDOWN"), Steps: steps(2)},
		{Name: "the connection is half open", Slot: AtSystem, Kind: socket, Apply: func(x *Cast) { x.Connection = "half-open" }, Codes: codes("WSDOWN"), Steps: steps(2)},
		{Name: "the proof is over an old nonce", Slot: AtSystem, Kind: socket, Apply: func(x *Cast) { x.Connection = "old-nonce" }, Codes: codes("WSAUTH"), Steps: steps(2)},
		{Name: "the proof is by another key", Slot: AtSystem, Kind: socket, Apply: func(x *Cast) { x.Connection = "other-key" }, Codes: codes("WSAUTH"), Steps: steps(2)},
		{Name: "the system answers, no person does", Slot: AtPerson, Kind: socket, Apply: func(x *Cast) { x.Machine = true }, Codes: codes("NOPERSON"), Steps: steps(7)},
		{Name: "the system acknowledges and never answers", Slot: AtPerson, Kind: socket, Apply: func(x *Cast) { x.Silent = true }, Codes: codes("NOANSWER"), Steps: steps(4)},
		{Name: "the system's answer is signed by another participant", Slot: AtSigning, Kind: socket, Apply: func(x *Cast) { x.Key.Signs = "neighbour" }, Codes: codes("NOTSENDER", "WRONGPERSON"), Steps: steps(5)},
		{Name: "the answer comes by mail instead", Slot: AtSigning, Kind: socket, Apply: func(x *Cast) { x.OverMail = true }, Codes: codes("WRONGCHANNEL"), Steps: steps(5)},
		{Name: "the system damages letters", Slot: AtBody, Kind: socket, Apply: func(x *Cast) { x.Rewrite = Questions }, Codes: codes("CHARSET"), Steps: steps(6)},
		{Name: "the system loses the attachment", Slot: AtBody, Kind: socket, Apply: fill(func(f *form.Form) { f.Set("T8", "N") }), Codes: codes("ATTLOST"), Steps: steps(6)},
	}
}

func plainFaults() []Fault {
	return []Fault{
		{Name: "nobody calls a plain partner back", Slot: AtCall, Kind: plain, Apply: func(x *Cast) { x.Calls = "none" }, Codes: codes("CALLBACK"), Steps: steps(5)},
		{Name: "somebody else answers the call back", Slot: AtCall, Kind: plain, Apply: func(x *Cast) { x.Calls = "stranger" }, Codes: codes("WRONGPERSON"), Steps: steps(5)},
		{Name: "a plain partner answers from a private address", Slot: AtSigning, Kind: plain, Apply: func(x *Cast) { x.Address2, x.Calls = "duty@private.example", "none" }, Codes: codes("NOTSENDER"), Steps: steps(5)},
		{Name: "a plain partner's mailbox doesn't exist", Slot: AtServer, Kind: plain, Apply: func(x *Cast) {
			x.Refuse, x.Calls = &Refusal{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "User unknown"}, "none"
		}, Codes: codes("BOUNCE"), Steps: steps(2, 3)},
		{Name: "a plain partner's program damages letters", Slot: AtBody, Kind: plain, Apply: func(x *Cast) { x.Rewrite = Questions }, Codes: codes("CHARSET"), Steps: steps(6)},
		{Name: "a plain partner is silent", Slot: AtPerson, Kind: plain, Apply: func(x *Cast) { x.Silent, x.Calls = true, "none" }, Codes: codes("NOANSWER"), Steps: steps(4)},
	}
}
