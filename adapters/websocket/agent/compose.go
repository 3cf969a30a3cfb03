package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"liaison/crypto/openpgp"
	"liaison/gateway/entity"
	"liaison/gateway/form"
)

// sourceLimit bounds what is read of one dropped file, in bytes.
const sourceLimit = 16 << 20

// compose reads what was dropped, completes it and makes the message. Only what
// this participant must say itself is filled in: operation, sender, reference.
func (a *agent) compose(source string) ([]byte, error) {
	formFile, others, err := parts(source)
	if err != nil {
		return nil, err
	}
	raw, err := readBounded(formFile)
	if err != nil {
		return nil, err
	}
	f, err := parse(formFile, raw, a.opt.Language)
	if err != nil {
		return nil, err
	}
	asSent := raw
	if changed, err := a.complete(f); err != nil {
		return nil, err
	} else if changed || !isJSON(formFile) {
		asSent = f.Normal().JSON()
	}
	return a.seal(f, asSent, others)
}

// complete fills the boxes in that the participant's own system knows best. A4
// is always set, so that a form offered over two channels is one.
func (a *agent) complete(f *form.Form) (changed bool, err error) {
	fill := func(box, value string) {
		if f.Get(box) == "" {
			f.Set(box, value)
			changed = true
		}
	}
	fill("A3", string(a.opt.Operation))
	fill("A6", string(a.opt.Participant))
	if f.Get("A4") != "" {
		return changed, nil
	}
	counter := fmt.Sprintf("%s-%d", a.opt.Prefix, a.opt.Clock().UTC().Year())
	n, err := a.state.next(counter)
	if err != nil {
		return changed, err
	}
	fill("A4", fmt.Sprintf("%s-%06d", counter, n))
	return changed, nil
}

// seal signs form.json for the final recipients, and the whole for the gateway.
func (a *agent) seal(f *form.Form, asSent []byte, others []entity.Attachment) ([]byte, error) {
	now := a.opt.Clock()
	signature, err := openpgp.SignArmored(asSent, a.opt.Keys[0], now)
	if err != nil {
		return nil, fmt.Errorf("sign form: %w", err)
	}
	attachments := append([]entity.Attachment{
		{Name: "form.json", Type: form.MediaType, Content: asSent},
		{Name: "form.json.asc", Type: "application/pgp-signature", Content: signature},
	}, others...)
	inner := entity.Inner(f.Text(form.TextOptions{Lang: a.opt.Language}), attachments, strings.TrimSpace(f.Get("A1")+" "+f.Get("A4")))
	sealed, err := openpgp.Seal(inner, a.opt.Keys[0], openpgp.SealedFormat(a.opt.Gateway), now)
	if err != nil {
		return nil, fmt.Errorf("seal form: %w", err)
	}
	message, err := sealed.For(a.opt.Gateway)
	if err != nil {
		return nil, fmt.Errorf("seal form for the gateway: %w", err)
	}
	return message, nil
}

// parse reads the form; problems that make it another one than was meant are
// the dropper's to mend. Everything else is the gateway's to judge.
func parse(name string, raw []byte, lang string) (*form.Form, error) {
	read := form.ParseJSON
	if !isJSON(name) {
		read = func(b []byte) (*form.Form, []form.Problem) { return form.ParseText(string(b)) }
	}
	f, problems := read(raw)
	var words []string
	for _, p := range problems {
		if p.Severity == form.Error {
			words = append(words, "- "+p.In(lang))
		}
	}
	if f == nil || len(words) > 0 {
		if len(words) == 0 {
			words = append(words, "- there is no form in it")
		}
		return nil, &failure{"Nothing was sent. Mend this and drop it into out again:\n" + strings.Join(words, "\n") + "\n"}
	}
	return f, nil
}

func isJSON(name string) bool { return strings.EqualFold(filepath.Ext(name), ".json") }

// parts finds the form and the attachments in what was dropped: a file is the
// form; in a folder it is form.json or form.txt, or the only .json or .txt.
func parts(source string) (formFile string, others []entity.Attachment, err error) {
	info, err := os.Lstat(source)
	if err != nil {
		return "", nil, err
	}
	if info.Mode().IsRegular() {
		return source, nil, nil
	}
	var files []string
	err = filepath.WalkDir(source, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return "", nil, err
	}
	if formFile = pick(files); formFile == "" {
		return "", nil, &failure{"Nothing was sent: the folder needs one form.json or form.txt.\n"}
	}
	for _, path := range files {
		if path == formFile {
			continue
		}
		content, err := readBounded(path)
		if err != nil {
			return "", nil, err
		}
		others = append(others, entity.Attachment{Name: safeName(filepath.Base(path)), Type: "application/octet-stream", Content: content})
	}
	return formFile, others, nil
}

func pick(files []string) string {
	for _, name := range []string{"form.json", "form.txt"} {
		for _, f := range files {
			if strings.EqualFold(filepath.Base(f), name) {
				return f
			}
		}
	}
	var found []string
	for _, f := range files {
		if ext := strings.ToLower(filepath.Ext(f)); ext == ".json" || ext == ".txt" {
			found = append(found, f)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return ""
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > sourceLimit {
		return nil, &failure{fmt.Sprintf("Nothing was sent: %s has %d bytes, and 16 MiB is the most.\n", filepath.Base(path), info.Size())}
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, &failure{"Nothing was sent: " + filepath.Base(path) + " can't be read by the agent.\n"}
	}
	return raw, err
}
