package entity_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"liaison/crypto/openpgp"
	"liaison/gateway/entity"
)

// keeping keeps what it is asked to open.
type keeping struct{ opened [][]byte }

func (k *keeping) Open(message []byte) (entity.Opened, error) {
	k.opened = append(k.opened, message)
	return entity.Opened{}, errors.New("kept")
}

func (*keeping) Verify(_, _ []byte) entity.Signature { return entity.Signature{} }

func TestChecksumThatLooksLikeQuotedPrintableIsNone(t *testing.T) {
	packets := append([]byte{0xC1, 94, 3}, make([]byte, 94)...) // padded in base64
	var armor []byte
	for n := uint64(0); !bytes.Contains(armor, []byte("\n=3D")); n++ { // one in 4,096
		binary.BigEndian.PutUint64(packets[20:], n)
		armor = openpgp.Armor(openpgp.ArmorMessage, packets)
	}
	k := &keeping{}
	entity.Read(entity.PGPMIME(entity.Draft{}, armor), k, entity.Limits{})
	if len(k.opened) == 0 {
		t.Fatal("nothing was opened")
	}
	for _, message := range k.opened {
		if got, err := openpgp.Dearmor(message); err != nil {
			got = message
		} else if !bytes.Equal(got, packets) {
			t.Errorf("opened\n%x; want\n%x", got, packets)
		}
	}
}
