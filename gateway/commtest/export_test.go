package commtest

import "context"

// Schedule sets when the tests of operations begin, as Run does beside Step.
func (r *Runner) Schedule(ctx context.Context) error { return r.schedule(ctx) }
