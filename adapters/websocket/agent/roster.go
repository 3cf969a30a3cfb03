package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

// Roster is the participants' certificates as this agent's people hold them, by
// which an originator is verified without trusting the gateway.
type Roster struct {
	certs  []*openpgp.Certificate
	owners map[openpgp.Fingerprint]operation.ParticipantCode // "" where the roster doesn't say whose
}

// rosterMost bounds the files of a roster together, in bytes.
const rosterMost = 16 << 20

// ReadRoster reads what "liaison key export" printed, or a folder with a file for
// each participant. A line "LV FINGERPRINT" before a certificate says whose it is,
// or the file's name does: LV.asc.
func ReadRoster(path string) (*Roster, error) {
	files := []string{path}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("read the participants' certificates: %w", err)
	} else if info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*.asc")); err != nil {
			return nil, err
		}
	}
	r := &Roster{owners: make(map[openpgp.Fingerprint]operation.ParticipantCode)}
	size := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the participants' certificates: %w", err)
		}
		if size += len(data); size > rosterMost {
			return nil, fmt.Errorf("the participants' certificates in %s are larger than %d MiB together", path, rosterMost>>20)
		}
		named := ""
		if file != path {
			named = strings.TrimSuffix(filepath.Base(file), ".asc")
		}
		if err := r.add(data, named); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if len(r.certs) == 0 {
		return nil, fmt.Errorf("%s holds no certificate; print them with \"liaison key export OPERATION\" at the gateway", path)
	}
	return r, nil
}

// endOfBlock ends each certificate of a file.
const endOfBlock = "-----END PGP PUBLIC KEY BLOCK-----"

// add reads the certificates of one file, block by block.
func (r *Roster) add(data []byte, named string) error {
	if !bytes.Contains(data, []byte(endOfBlock)) { // binary, or none
		return r.block(data, operation.ParticipantCode(named))
	}
	for block := range bytes.SplitAfterSeq(data, []byte(endOfBlock)) {
		words, _, found := bytes.Cut(block, []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----"))
		if !found {
			continue
		}
		owner := named
		if code, fp, ok := ownerLine(words); ok && owner == "" {
			certs, err := openpgp.ParseCertificates(block)
			if err == nil && (len(certs) != 1 || certs[0].Fingerprint() != fp) {
				return fmt.Errorf("the line of %s names the certificate %s, but another follows it", code, fp.Grouped())
			}
			owner = code
		}
		if err := r.block(block, operation.ParticipantCode(owner)); err != nil {
			return err
		}
	}
	return nil
}

// ownerLine reads the last line before a certificate that says whose it is.
func ownerLine(words []byte) (code string, fp openpgp.Fingerprint, ok bool) {
	lines := strings.Split(strings.TrimSpace(string(words)), "\n")
	code, rest, found := strings.Cut(strings.TrimSpace(lines[len(lines)-1]), " ")
	if !found {
		return "", "", false
	}
	fp, err := openpgp.ParseFingerprint(rest)
	return code, fp, err == nil
}

func (r *Roster) block(data []byte, owner operation.ParticipantCode) error {
	certs, err := openpgp.ParseCertificates(data)
	if err != nil {
		return err
	}
	for _, c := range certs {
		fp := c.Fingerprint()
		if known, twice := r.owners[fp]; twice && known != owner {
			return fmt.Errorf("certificate %s is there for %s and for %s", fp.Grouped(), known, owner)
		}
		r.owners[fp] = owner
		r.certs = append(r.certs, c)
	}
	return nil
}

// signers finds certificates as a Lookup does.
func (r *Roster) signers(keyID uint64, _ openpgp.Fingerprint) []*openpgp.Certificate {
	if r == nil {
		return nil
	}
	var found []*openpgp.Certificate
	for _, c := range r.certs {
		if slices.Contains(c.KeyIDs(), keyID) {
			found = append(found, c)
		}
	}
	return found
}

// owner says whose a certificate is, and what its user IDs say.
func (r *Roster) owner(fp openpgp.Fingerprint) (code operation.ParticipantCode, ids []string) {
	for _, c := range r.certs {
		if c.Fingerprint() == fp {
			return r.owners[fp], c.UserIDs()
		}
	}
	return "", nil
}
