package simulator

import (
	"time"

	"liaison/crypto/openpgp"
)

// NewKey makes a participant's key, with what is wrong with it. begins is the
// first day of the operation.
func NewKey(name, address string, k Keys, now, begins time.Time) (*openpgp.SecretKey, error) {
	created := now.Add(-48 * time.Hour)
	o := openpgp.KeyOptions{Name: name, Address: address, Created: created, Expires: 2 * 365 * 24 * time.Hour}
	if k.Encrypts {
		o.Encrypts = 24 * time.Hour
	}
	if k.Ends {
		o.Expires = begins.AddDate(0, 0, 2).Add(12 * time.Hour).Sub(created)
	}
	return openpgp.Generate(o)
}
