//go:build race

package commtest_test

// racing says that the race detector slows everything down.
const racing = true
