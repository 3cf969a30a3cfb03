package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errErased: the key that the content was encrypted with has been destroyed.
var errErased = errors.New("the content was erased: its operation's key has been destroyed")

// codec encrypts content columns with AES-256-GCM under a data key per
// operation ("" is the quarantine), wrapped by the storage key. The additional
// data binds a ciphertext to its table, row and column, so that nobody who can
// write the database can move one to where another is expected.
//
// Layout of a sealed column: one byte version (1), 12 bytes random nonce,
// ciphertext and tag. Random nonces bound a key to 2³² values (NIST SP 800-38D,
// section 8.3); an operation holds some millions.
type codec struct {
	kek cipher.AEAD

	mu   sync.Mutex
	open map[string]cipher.AEAD // by the wrapped key's bytes: never stale
}

const sealedVersion = 1

func newCodec(key StorageKey) (*codec, error) {
	kek, err := newAEAD(key[:])
	if err != nil {
		return nil, err
	}
	return &codec{kek: kek, open: make(map[string]cipher.AEAD)}, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func seal(a cipher.AEAD, plain []byte, aad string) []byte {
	out := make([]byte, 1+12, 1+12+len(plain)+a.Overhead())
	out[0] = sealedVersion
	_, _ = rand.Read(out[1:13]) // never fails (crypto/rand since Go 1.24)
	return a.Seal(out, out[1:13], plain, []byte(aad))
}

func unseal(a cipher.AEAD, sealed []byte, aad string) ([]byte, error) {
	if len(sealed) < 13 || sealed[0] != sealedVersion {
		return nil, errors.New("a sealed column is damaged")
	}
	plain, err := a.Open(nil, sealed[1:13], sealed[13:], []byte(aad))
	if err != nil {
		return nil, errors.New("a sealed column doesn't open: damaged, moved, or the storage key is another")
	}
	return plain, nil
}

func wrapAAD(operation string) string { return "data_key\x00" + operation }

// unwrap returns the cipher of a wrapped data key.
func (c *codec) unwrap(operation string, wrapped []byte) (cipher.AEAD, error) {
	if wrapped == nil {
		return nil, errErased
	}
	name := operation + "\x00" + string(wrapped)
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.open[name]; a != nil {
		return a, nil
	}
	key, err := unseal(c.kek, wrapped, wrapAAD(operation))
	if err != nil {
		return nil, fmt.Errorf("unwrap the data key of operation %q: is the storage key the one this store was made with? %w", operation, err)
	}
	a, err := newAEAD(key)
	if err == nil {
		c.open[name] = a
	}
	return a, err
}

// hold keeps the cipher of a wrapped data key that came with a row, where it
// hasn't been destroyed.
func (c *codec) hold(keys map[string]cipher.AEAD, operation string, wrapped []byte) error {
	if wrapped == nil || keys[operation] != nil {
		return nil
	}
	a, err := c.unwrap(operation, wrapped)
	if err == nil {
		keys[operation] = a
	}
	return err
}

// forget drops the opened keys of an operation from memory.
func (c *codec) forget(operation string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.open {
		if len(name) > len(operation) && name[:len(operation)+1] == operation+"\x00" {
			delete(c.open, name)
		}
	}
}

// keyFor returns an operation's cipher for writing, making its data key with
// the first write. It asks the database once a transaction: another process may
// have destroyed the key.
func (t *tx) keyFor(operation string) (cipher.AEAD, error) {
	if a := t.keys[operation]; a != nil {
		return a, nil
	}
	const read = `SELECT wrapped FROM data_key WHERE operation = $1`
	var wrapped []byte
	err := t.row(read, operation).Scan(&wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		fresh := seal(t.s.codec.kek, key, wrapAAD(operation))
		if err := t.put(`INSERT INTO data_key (operation, wrapped, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, operation, fresh, time.Now().UnixMilli()); err != nil {
			return nil, err
		}
		err = t.row(read, operation).Scan(&wrapped)
	}
	if err != nil {
		return nil, fmt.Errorf("read the data key: %w", err)
	}
	a, err := t.s.codec.unwrap(operation, wrapped)
	if err == nil {
		t.keys[operation] = a
	}
	return a, err
}

// seal encrypts one column of one row; empty stays NULL.
func (t *tx) seal(operation, table, row, column string, plain []byte) ([]byte, error) {
	if len(plain) == 0 {
		return nil, nil
	}
	a, err := t.keyFor(operation)
	if err != nil {
		return nil, err
	}
	return seal(a, plain, table+"\x00"+row+"\x00"+column), nil
}

// sealNote is seal for a few words beside what happened: where the operation's key has
// been destroyed, what happened is recorded without them.
func (t *tx) sealNote(operation, table, row, column, note string) ([]byte, error) {
	sealed, err := t.seal(operation, table, row, column, []byte(note))
	if errors.Is(err, errErased) {
		return nil, nil
	}
	return sealed, err
}

func (t *tx) sealJSON(operation, table, row, column string, v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return t.seal(operation, table, row, column, data)
}

// opener decrypts columns; it looks each operation's key up once.
type opener struct {
	ctx  context.Context
	c    *codec
	q    querier
	keys map[string]cipher.AEAD
}

func (s *Store) opener(ctx context.Context, q querier) *opener {
	return &opener{ctx: ctx, c: s.codec, q: q, keys: make(map[string]cipher.AEAD)}
}

func (o *opener) unseal(operation, table, row, column string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	a := o.keys[operation]
	if a == nil {
		var wrapped []byte
		if err := o.q.QueryRow(o.ctx, `SELECT wrapped FROM data_key WHERE operation = $1`, operation).Scan(&wrapped); err != nil {
			return nil, fmt.Errorf("read the data key: %w", notFound(err))
		}
		var err error
		if a, err = o.c.unwrap(operation, wrapped); err != nil {
			return nil, err
		}
		o.keys[operation] = a
	}
	return unseal(a, sealed, table+"\x00"+row+"\x00"+column)
}

// text decrypts a short column for display: what was erased reads "".
func (o *opener) text(operation, table, row, column string, sealed []byte) (string, error) {
	plain, err := o.unseal(operation, table, row, column, sealed)
	if errors.Is(err, errErased) {
		return "", nil
	}
	return string(plain), err
}

func (o *opener) json(operation, table, row, column string, sealed []byte, v any) error {
	plain, err := o.unseal(operation, table, row, column, sealed)
	if err != nil || len(plain) == 0 {
		return err
	}
	return json.Unmarshal(plain, v)
}
