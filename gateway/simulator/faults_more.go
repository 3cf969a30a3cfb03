package simulator

import (
	"time"

	"liaison/gateway/entity"
)

func out(f func([]byte) []byte) func(*Cast) { return func(x *Cast) { x.Out = append(x.Out, f) } }

func rewrite(f func(string) string) func(*Cast) { return func(x *Cast) { x.Rewrite = f } }

func page(f func(string) []byte) func(*Cast) { return func(x *Cast) { x.Page = f } }

func quotes(where string) func(*Cast) { return func(x *Cast) { x.Quotes = where } }

// wayFaults are what servers, gateways and filters on the way do.
func wayFaults() []Fault {
	const soon = 2 * time.Minute
	return []Fault{
		{Name: "a gateway makes one attachment of the answer", Slot: AtSigning, Kind: mail, Apply: out(Octets), Ready: true},
		{Name: "a gateway writes the answer in base64", Slot: AtSigning, Kind: mail, Apply: out(Rewrapped), Ready: true},
		{Name: "a gateway signs the answer with S/MIME around", Slot: AtSigning, Kind: mail, Apply: out(SMIMESigned), Ready: true},
		{Name: "a gateway hides the answer in an S/MIME envelope", Slot: AtSigning, Kind: mail, Apply: out(SMIMESealed), Codes: codes("NODECRYPT", "MANGLED"), Steps: steps(5), Clouds: seen("NODECRYPT", 5)},
		{Name: "a virus scanner wraps the answer", Slot: AtSigning, Kind: mail, Apply: out(Scanned), Codes: codes("MANGLED", "BADSIG"), Steps: steps(5), Clouds: seen("MANGLED", 5)},
		{Name: "the answer is cut off on the way", Slot: AtSigning, Kind: mail, Apply: out(CutOff), Codes: codes("NODECRYPT", "MANGLED"), Steps: steps(5), Clouds: seen("NODECRYPT", 5)},
		{Name: "the subject is marked as external", Slot: AtSigning, Kind: mail, Apply: out(External), Ready: true},
		{Name: "a list sends the answer on and rewrites From", Slot: AtSigning, Kind: mail, Apply: out(Listed), Codes: codes("NOTSENDER"), Steps: steps(5)},
		{Name: "a list sends the answer on as it is", Slot: AtSigning, Kind: mail, Apply: out(Relisted), Ready: true},
		{Name: "a delegate sends the answer for a shared mailbox", Slot: AtSigning, Kind: mail, Apply: out(OnBehalf), Ready: true},
		{Name: "the server sends every answer twice", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Twice = true }, Ready: true},
		{Name: "the mail becomes one attachment on the way there, and the program copes", Slot: AtReading, Kind: mail, Apply: func(x *Cast) { x.In = append(x.In, Octets) }, Ready: true},
		{Name: "the server refuses what DMARC doesn't vouch for", Slot: AtServer, Kind: mail, Apply: refuse(550, 5, 7, 26, "Unauthenticated email from gateway.example is not accepted due to domain's DMARC policy"), Codes: codes("BOUNCE"), Steps: steps(2, 3)},
		{Name: "the server refuses the mail after it has seen all of it", Slot: AtServer, Kind: mail, Apply: func(x *Cast) {
			x.Refuse = &Refusal{Code: 554, Enhanced: [3]int{5, 7, 1}, Text: "Message refused: its content can't be scanned", Whole: true}
		}, Codes: codes("BOUNCE"), Steps: steps(2, 3)},
		{Name: "the server breaks off once", Slot: AtServer, Kind: mail, Apply: func(x *Cast) {
			x.Refuse = &Refusal{Code: 421, Enhanced: [3]int{4, 3, 2}, Text: "Too busy, try again later", Times: 1, Whole: true}
		}, Ready: true},
		{Name: "the next server's certificate has expired", Slot: AtServer, Kind: mail, Apply: reports(true, Report{Action: "failed", Status: "5.7.5", Text: "550 5.7.5 TLS: certificate verification failed: certificate has expired", After: soon}), Codes: codes("BOUNCE"), Steps: steps(3)},
		{Name: "the mail expires in a queue behind", Slot: AtServer, Kind: mail, Apply: reports(true,
			Report{Action: "delayed", Status: "4.4.1", Text: "connection timed out", After: soon}, Report{Action: "failed", Status: "4.4.7", Text: "delivery time expired", After: 90 * time.Minute}), Codes: codes("BOUNCE"), Steps: steps(3)},
		{Name: "a bounce names the address that a forwarding leads to", Slot: AtServer, Kind: mail, Apply: reports(true, Report{Action: "failed", Status: "5.1.1", Text: "550 5.1.1 unknown", For: "retired@elsewhere.example", After: soon}), Codes: codes("BOUNCE"), Steps: steps(3)},
		{Name: "a bounce as Exim writes it", Slot: AtServer, Kind: mail, Apply: reports(true, Report{Kind: "exim", Text: "550 5.1.1 User unknown", After: soon}), Codes: codes("BOUNCE"), Steps: steps(3)},
		{Name: "a bounce as qmail writes it", Slot: AtServer, Kind: mail, Apply: reports(true, Report{Kind: "qmail", Text: "Sorry, no mailbox here by that name. (#5.1.1)", After: soon}), Codes: codes("BOUNCE"), Steps: steps(3)},
		{Name: "a rule says that nobody is there, and marks nothing", Slot: AtReplier, Kind: mail, Apply: func(x *Cast) { x.Auto, x.Silent = Personal, true }, Codes: codes("NOCODE", "AUTOREPLY"), Steps: steps(3, 4)},
		{Name: "a filter asks for proof of a person", Slot: AtReplier, Kind: mail, Apply: func(x *Cast) { x.Auto, x.Swallow = Challenge, true }, Codes: codes("NOCODE", "AUTOREPLY"), Steps: steps(3, 4)},
		{Name: "a ticket system confirms, and then a person answers", Slot: AtReplier, Kind: mail, Apply: func(x *Cast) { x.Auto = Ticket }, Ready: true, Clouds: seen("AUTOREPLY", 3)},
		{Name: "a machine quotes what it opened, and signs", Slot: AtReplier, Kind: mail, Apply: func(x *Cast) { x.Auto, x.Silent = Signed, true }, Codes: codes("ECHO", "NOPERSON", "NOFORM"), Steps: steps(5, 6, 7), Clouds: seen("NOPERSON", 6)},
		{Name: "our mail is redirected to us", Slot: AtReplier, Kind: mail, Apply: func(x *Cast) { x.Auto, x.Swallow = Redirect, true }, Codes: codes("ECHO"), Steps: steps(4)},
	}
}

// writingFaults are what programs and people make of an answer.
func writingFaults() []Fault {
	return []Fault{
		{Name: "the answer stands below the whole call", Slot: AtBody, Kind: mail, Apply: quotes("above"), Ready: true},
		{Name: "the answer stands above the whole call", Slot: AtBody, Kind: mail, Apply: quotes("below"), Ready: true},
		{Name: "the form is filled in inside the quotation", Slot: AtBody, Kind: mail, Apply: quotes("inside"), Ready: true},
		{Name: "the answer is HTML alone", Slot: AtBody, Kind: mail, Apply: page(HTMLPage), Ready: true},
		{Name: "the answer's lines are flowed", Slot: AtBody, Kind: mail, Apply: page(FlowedPage), Ready: true},
		{Name: "the answer's lines are wrapped", Slot: AtBody, Kind: mail, Apply: rewrite(Wrap), Ready: true},
		{Name: "the form comes back as a file of a word processor", Slot: AtBody, Kind: mail, Apply: page(FilePage), Codes: codes("NOFORM", "FORMBROKEN"), Steps: steps(6), Clouds: seen("NOCODE", 4)},
		{Name: "a program translates the answer", Slot: AtBody, Kind: mail, Apply: rewrite(Translate), Codes: codes("MANGLED"), Steps: steps(6)},
		{Name: "the number is written as another region does", Slot: AtBody, Kind: mail, Apply: rewrite(Regional), Codes: codes("MANGLED"), Steps: steps(6)},
		{Name: "unseen signs stand between the words", Slot: AtBody, Kind: mail, Apply: rewrite(Unseen), Ready: true},
		{Name: "a disclaimer stands below the answer", Slot: AtBody, Kind: mail, Apply: rewrite(Disclaimer), Ready: true},
		{Name: "yes is written in words", Slot: AtBody, Kind: mail, Apply: rewrite(Wordy), Ready: true},
		{Name: "the test code is written with another keyboard", Slot: AtBody, Kind: mail, Apply: func(x *Cast) { x.Code2 = Cyrillic }, Ready: true},
		{Name: "a reply without code and form", Slot: AtBody, Kind: mail, Apply: rewrite(Thanks), Codes: codes("NOCODE"), Steps: steps(4)},
		{Name: "nobody says who filled the form in", Slot: AtBody, Kind: mail, Apply: rewrite(Uninitialled), Codes: codes("NOPERSON"), Steps: steps(7)},
		{Name: "the answer is signed and not encrypted", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Signing = "clear" }, Codes: codes("CLEAR"), Steps: steps(5)},
		{Name: "the answer is signed with S/MIME alone", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Signing = "smime" }, Codes: codes("UNSIGNED"), Steps: steps(5)},
		{Name: "a deputy answers with a key and an address of its own", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Key.Signs, x.Address2 = "other", "officer@private.example" }, Codes: codes("WRONGKEY", "NOTSENDER"), Steps: steps(5)},
		{Name: "a new key signs that nobody has confirmed yet", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Next = "proposed" }, Codes: codes("UNCONFIRMED", "WRONGKEY"), Steps: steps(5)},
		{Name: "a second key signs that is confirmed too", Slot: AtSigning, Kind: mail, Apply: func(x *Cast) { x.Next = "confirmed" }, Ready: true},
	}
}

// otherFaults are those of systems and of plain partners.
func otherFaults() []Fault {
	return []Fault{
		{Name: "the connection drops after every frame", Slot: AtSystem, Kind: socket, Apply: func(x *Cast) { x.Connection = "flaps" }, Ready: true},
		{Name: "the system submits its answer twice", Slot: AtPerson, Kind: socket, Apply: func(x *Cast) { x.Copies = 1 }, Ready: true},
		{Name: "the system seals its answer to somebody else", Slot: AtSigning, Kind: socket, Apply: func(x *Cast) { x.Signing = "sealed-elsewhere" }, Codes: codes("NODECRYPT"), Steps: steps(5)},
		{Name: "the system's clock is a day ahead", Slot: AtSigning, Kind: socket, Apply: func(x *Cast) { x.Skew = 26 * time.Hour }, Codes: codes("CLOCK"), Steps: steps(5)},
		{Name: "the system's answer is signed by a key that nobody registered", Slot: AtSigning, Kind: socket, Apply: func(x *Cast) { x.Key.Signs = "other" }, Codes: codes("WRONGKEY"), Steps: steps(5)},
		{Name: "a plain partner sends a file as well", Slot: AtBody, Kind: plain, Apply: func(x *Cast) {
			x.Attach = []entity.Attachment{{Name: "list.csv", Type: "text/csv", Content: []byte("an,invented,list\n")}}
		}, Codes: codes("NOMINAL"), Ready: true},
		{Name: "nothing vouches for a plain partner's address", Slot: AtSigning, Kind: plain, Apply: func(x *Cast) { x.NoAuth = true }, Ready: true},
		{Name: "a plain partner is out of office", Slot: AtReplier, Kind: plain, Apply: func(x *Cast) { x.Auto, x.Silent, x.Calls = PlainVacation, true, "none" }, Codes: codes("AUTOREPLY"), Steps: steps(3)},
		{Name: "a plain partner answers below the whole call", Slot: AtBody, Kind: plain, Apply: quotes("above"), Ready: true},
		{Name: "our plain mail is redirected to us", Slot: AtReplier, Kind: plain, Apply: func(x *Cast) { x.Auto, x.Swallow, x.Calls = Redirect, true, "none" }, Codes: codes("ECHO"), Steps: steps(4)},
	}
}
