package gateway

import (
	"context"
	"sync"
)

// DeliverDue makes one attempt at everything that is due and waits for it.
func (g *Gateway) DeliverDue(ctx context.Context) (int, error) {
	var wg sync.WaitGroup
	n, err := g.deliverDue(ctx, &wg, make(chan struct{}, claimMost))
	wg.Wait()
	return n, err
}

// DoDue does what is due by the clock.
func (g *Gateway) DoDue(ctx context.Context) error { return g.doDue(ctx) }
