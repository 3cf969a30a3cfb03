package gateway

import "context"

// DeliverDue makes one attempt at everything that is due and waits for it.
func (g *Gateway) DeliverDue(ctx context.Context) (int, error) {
	shares, err := g.shares(ctx)
	if err != nil {
		return 0, err
	}
	claimed, err := g.opt.Store.Claim(ctx, Want{Limit: claimMost, Share: shares}, g.opt.Now())
	l := g.lanes(ctx)
	l.put(claimed)
	l.wg.Wait()
	return len(claimed), err
}

// Remembered returns the forms that are kept for deliveries to come.
func (g *Gateway) Remembered() []*Form {
	g.forms.mu.Lock()
	defer g.forms.mu.Unlock()
	var list []*Form
	for _, e := range g.forms.entries {
		list = append(list, e.value)
	}
	return list
}

// DoDue does what is due by the clock.
func (g *Gateway) DoDue(ctx context.Context) error { return g.doDue(ctx) }
