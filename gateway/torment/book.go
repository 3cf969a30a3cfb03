package torment

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"
)

// Participant is one who takes part in the run.
type Participant struct {
	Code    string
	Open    bool // reached in the clear alone
	Cleared bool // may receive nominal data
}

// Fate is what must become of a form that is offered.
type Fate int

// The fates.
const (
	Relayed Fate = iota // accepted; it goes to whom it names, as the policy allows
	Refused             // answered with what is wrong; it goes to nobody
	Held                // a person must decide, and in the run nobody does
	Forged              // claims a sender who isn't; nobody hears anything
)

// Form is a form that was offered.
type Form struct {
	Number    int    // its mark, and in box C4
	Reference string // box A4
	Sender    string
	To        []string // participants that box A7 names, ALL among them
	Nominal   bool
	Marking   string // box A13
	Replaces  string // reference of the form that it corrects or cancels
	Cancels   bool
	Fate      Fate
}

// Received is a form that came to a participant.
type Received struct {
	By        string
	Identity  string // by which the participant knows a repeat: delivery or Message-ID
	Reference string // "" where only the number shows
	Number    string // that the gateway gave the form
	Order     int64  // of what came to the participant, by the gateway's handing over
	Quantity  string
	Notice    bool // only that a form waits
}

// Answer is what a sender was told of something that it offered.
type Answer struct {
	To       string
	Offer    string // what it answers: the Message-ID, or the name in the agent's folder
	Identity string // of the answer itself
	Accepted bool
	Held     bool
}

// Told is a state of a delivery that somebody was told: a sender by a status, or
// the unit by the list of its forms.
type Told struct {
	Whom     string // who was told
	Delivery string // reference and recipient, or the delivery's id
	State    string
}

// Frame is one numbered frame of a participant's WebSocket channel.
type Frame struct {
	By       string
	Seq      int64
	Delivery string
}

// Book is all that is known of a run. It is safe for concurrent use.
type Book struct {
	mu           sync.Mutex // guards what follows
	participants map[string]Participant
	forms        []Form
	byReference  map[string]int
	numbers      map[string]string // references by the gateway's number
	offers       []offer
	received     []Received
	answers      []Answer
	told         []Told
	lately       map[string]string // the state told last, by whom and delivery
	frames       []Frame
	shown        []shown
	setAside     map[string]bool // messages that the unit was told it must look at
}

// offer is one time that a form was offered, which is to be answered.
type offer struct {
	id     string
	number int
	sender string
}

// shown is marks that a participant could read.
type shown struct {
	to     string
	number int
	clear  bool
	where  string
}

// NewBook is the book of a run among these participants.
func NewBook(participants ...Participant) *Book {
	b := &Book{participants: map[string]Participant{}, byReference: map[string]int{}, numbers: map[string]string{}, lately: map[string]string{}, setAside: map[string]bool{}}
	for _, p := range participants {
		b.participants[p.Code] = p
	}
	return b
}

// Next notes the next form; fill makes it, from its number.
func (b *Book) Next(fill func(number int) Form) Form {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := fill(len(b.forms))
	f.Number = len(b.forms)
	b.byReference[f.Reference] = f.Number
	b.forms = append(b.forms, f)
	return f
}

// Offered notes that a form is offered, under an id that its answer names.
func (b *Book) Offered(f Form, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offers = append(b.offers, offer{id, f.Number, f.Sender})
}

// Received notes a form that came.
func (b *Book) Received(r Received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.received = append(b.received, r)
}

// Numbered notes which number the gateway gave a form.
func (b *Book) Numbered(reference, number string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.numbers[number] = reference
}

// Answered notes an answer.
func (b *Book) Answered(a Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = append(b.answers, a)
}

// resolved are the forms that came, each with its reference; the caller holds mu.
func (b *Book) resolved() []Received {
	out := slices.Clone(b.received)
	for i, r := range out {
		if r.Reference == "" {
			out[i].Reference = b.numbers[r.Number]
		}
	}
	return out
}

// SetAside notes a message that could not be processed and waits, whole, for a
// person of the unit: it isn't lost, and its sender has no answer.
func (b *Book) SetAside(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setAside[id] = true
}

// Told notes a state that somebody was told. The same again is nothing new: the
// unit's list says it twice a second.
func (b *Book) Told(t Told) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := t.Whom + " " + t.Delivery
	if b.lately[key] == t.State {
		return
	}
	b.lately[key] = t.State
	b.told = append(b.told, t)
}

// Framed notes a numbered frame.
func (b *Book) Framed(f Frame) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.frames = append(b.frames, f)
}

// Shown notes every mark in a text that a participant could read; clear means
// that everybody on the way could.
func (b *Book) Shown(to, where, text string, clear bool) {
	for _, m := range markPattern.FindAllStringSubmatch(text, -1) {
		number, _ := strconv.Atoi(m[1]) // six digits
		b.mu.Lock()
		b.shown = append(b.shown, shown{to, number, clear, where})
		b.mu.Unlock()
	}
}

var markPattern = regexp.MustCompile(`QMARK(\d{6})Q`)

// Mark is the word by which a form's content is known wherever it turns up.
func (f Form) Mark() string { return fmt.Sprintf("QMARK%06dQ", f.Number) }

// Quantity is what stands in box C4; a cancellation has none.
func (f Form) Quantity() string {
	if f.Cancels {
		return ""
	}
	return strconv.Itoa(f.Number + 1)
}

// Form finds a form by its reference.
func (b *Book) Form(reference string) (Form, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := b.byReference[reference]
	if !ok {
		return Form{}, false
	}
	return b.forms[n], true
}
