package store

import "liaison/gateway"

var (
	_ gateway.Store      = (*Store)(nil)
	_ gateway.Reads      = (*Store)(nil)
	_ gateway.Sequencer  = (*Store)(nil)
	_ gateway.KeyRecords = (*Store)(nil)
	_ gateway.Clock      = (*Store)(nil)
	_ gateway.Tests      = (*Store)(nil)
	_ gateway.Ledger     = (*ledger)(nil)
)
