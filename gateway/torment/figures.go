package torment

import "fmt"

// Figures count what a run was.
type Figures struct {
	Forms, Offers, Accepted, Answers int
	Deliveries                       int // forms that came, each once
	Repeats                          int // that came again under the same identity
	Corrections                      int
	Frames, Statuses                 int
	SetAside                         int // wait for a person of the unit
}

func (f Figures) String() string {
	return fmt.Sprintf("%d forms in %d offers, %d accepted (%d corrections and cancellations), %d answers, %d deliveries and %d repeats of them, %d numbered frames, %d states told, %d set aside",
		f.Forms, f.Offers, f.Accepted, f.Corrections, f.Answers, f.Deliveries, f.Repeats, f.Frames, f.Statuses, f.SetAside)
}

// Figures count the run so far.
func (b *Book) Figures() Figures {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := Figures{Forms: len(b.forms), Offers: len(b.offers), Answers: len(b.answers), Frames: len(b.frames), Statuses: len(b.told), SetAside: len(b.setAside)}
	for n := range b.accepted() {
		f.Accepted++
		if b.forms[n].Replaces != "" {
			f.Corrections++
		}
	}
	seen := map[string]bool{}
	for _, r := range b.received {
		if key := r.By + " " + r.Identity; seen[key] {
			f.Repeats++
		} else {
			seen[key] = true
			f.Deliveries++
		}
	}
	return f
}
