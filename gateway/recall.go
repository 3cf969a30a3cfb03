package gateway

import (
	"context"
	"time"
)

// form reads a form, whole.
func (g *Gateway) form(ctx context.Context, id FormID) (*Form, error) {
	return g.forms.get(id, g.opt.Now(), func() (*Form, error) { return g.opt.Reads.Form(ctx, id) })
}

// remember keeps what was just recorded for the deliveries that follow at once.
// It is as the record would give it back.
func (g *Gateway) remember(d *Decision) {
	now := g.opt.Now()
	for i := range d.Forms {
		f := d.Forms[i].Form
		if f.State != FormAccepted || f.Content.Boxes == nil {
			continue
		}
		f.Received, f.Priority = f.Received.UTC().Truncate(time.Millisecond), priorityOf(string(f.Priority))
		g.forms.put(f.ID, now, &f)
	}
}

// contentSize is about what a form takes in memory.
func contentSize(f *Form) int {
	c := &f.Content
	n := 2*len(c.JSON) + len(c.AsSent) + len(c.Signature) + len(c.Original) + len(c.Text) + len(c.Whole)
	for _, a := range c.Attachments {
		n += len(a.Content)
	}
	return n
}
