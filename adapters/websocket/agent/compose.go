package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"liaison/crypto/openpgp"
	"liaison/gateway/entity"
	"liaison/gateway/form"
)

// What is read of one dropped file, and of a folder in all, in bytes.
const (
	sourceLimit = 16 << 20
	folderLimit = 32 << 20
)

// compose reads what was dropped, completes it and makes the message. Only what
// this participant must say itself is filled in: operation, sender, reference,
// attachments.
func (a *agent) compose(source string, about *about) ([]byte, error) {
	formFile, others, err := a.parts(source)
	if err != nil {
		return nil, err
	}
	raw, err := a.readBounded(formFile)
	if err != nil {
		return nil, err
	}
	f, err := a.parse(formFile, raw, about.Answers == "")
	if err != nil {
		return nil, err
	}
	asSent := raw
	if changed, err := a.complete(f, others, about); err != nil {
		return nil, err
	} else if changed || !isJSON(formFile) {
		asSent = f.Normal().JSON()
	}
	n := f.Normal()
	about.Reference, about.Urgent = n.Get("A4"), n.Get("A9") == "U"
	if n.Type() == "TSR" && about.Answers == "" {
		about.Asked = n.Get("A5")
	}
	return a.seal(f, asSent, others)
}

// complete fills the boxes in that the participant's own system knows best. A4 is
// always set, so that a form offered over two channels is one.
func (a *agent) complete(f *form.Form, others []entity.Attachment, about *about) (changed bool, err error) {
	fill := func(box, value string) {
		if f.Get(box) == "" {
			f.Set(box, value)
			changed = true
		}
	}
	fill("A3", string(a.opt.Operation))
	fill("A6", string(a.opt.Participant))
	declared, err := a.declare(f, others)
	if err != nil {
		return changed, err
	}
	changed = changed || declared
	if f.Get("A4") != "" {
		return changed, nil
	}
	reference, err := a.reference(int64(1) << about.Renewed)
	if err != nil {
		return changed, err
	}
	about.Assigned = true
	fill("A4", reference)
	return changed, nil
}

// reference gives the next free reference, that many numbers on.
func (a *agent) reference(above int64) (string, error) {
	counter := fmt.Sprintf("%s-%d", a.opt.Prefix, a.opt.Clock().UTC().Year())
	n, err := a.state.next(counter, above)
	return fmt.Sprintf("%s-%06d", counter, n), err
}

// seal signs form.json for the final recipients, and the whole for the gateway.
func (a *agent) seal(f *form.Form, asSent []byte, others []entity.Attachment) ([]byte, error) {
	now := a.opt.Clock()
	to, err := a.gateway()
	if err != nil {
		return nil, err
	}
	signature, err := openpgp.SignArmored(asSent, a.opt.Keys[0], now)
	if err != nil {
		return nil, fmt.Errorf("sign form: %w", err)
	}
	attachments := append([]entity.Attachment{
		{Name: "form.json", Type: form.MediaType, Content: asSent},
		{Name: "form.json.asc", Type: "application/pgp-signature", Content: signature},
	}, others...)
	inner := entity.Inner(f.Text(form.TextOptions{Lang: a.opt.Language}), attachments, strings.TrimSpace(f.Get("A1")+" "+f.Get("A4")))
	sealed, err := openpgp.Seal(inner, a.opt.Keys[0], openpgp.SealedFormat(to), now)
	if err != nil {
		return nil, fmt.Errorf("seal form: %w", err)
	}
	message, err := sealed.For(to)
	if err != nil {
		return nil, fmt.Errorf("seal form for the gateway: %w", err)
	}
	return message, nil
}

// mend is a failure in the words of the person who dropped the form.
func (a *agent) mend(problems ...string) error {
	lines := []string{say(a.opt.Language, "mend")}
	for _, p := range problems {
		lines = append(lines, "- "+p)
	}
	return &failure{strings.Join(lines, "\n") + "\n"}
}

// parse reads the form; problems that make it another one than was meant are the
// dropper's to mend. Everything else is the gateway's to judge.
func (a *agent) parse(name string, raw []byte, byPerson bool) (*form.Form, error) {
	read := form.ParseJSON
	if !isJSON(name) {
		read = func(b []byte) (*form.Form, []form.Problem) { return form.ParseText(string(b)) }
	}
	f, problems := read(raw)
	var words []string
	for _, p := range problems {
		if p.Severity == form.Error {
			words = append(words, p.In(a.opt.Language))
		}
	}
	switch {
	case len(words) > 0:
		return nil, a.mend(words...)
	case f == nil:
		return nil, a.mend(say(a.opt.Language, "no-form"))
	case byPerson && f.Normal().Type() == "TSR" && f.Get("T9") == "":
		return nil, a.mend(say(a.opt.Language, "initials"))
	}
	return f, nil
}

// parts finds the form and the attachments in what was dropped: a file is the
// form; in a folder it is form.json or form.txt, or the only .json or .txt.
func (a *agent) parts(source string) (formFile string, others []entity.Attachment, err error) {
	info, err := os.Lstat(source)
	if err != nil {
		return "", nil, err
	}
	if !info.IsDir() {
		return source, nil, nil
	}
	files, err := a.filesIn(source)
	if err != nil {
		return "", nil, err
	}
	if formFile = pick(files); formFile == "" {
		return "", nil, a.mend(say(a.opt.Language, "no-form-in-folder"))
	}
	names, total := make(map[string]bool), 0
	for _, path := range files {
		if path == formFile {
			continue
		}
		content, err := a.readBounded(path)
		if err != nil {
			return "", nil, err
		}
		if total += len(content); total > folderLimit {
			return "", nil, a.tooLarge(filepath.Base(source), int64(total), folderLimit)
		}
		base := safeName(filepath.Base(path))
		name := base
		for n := 2; names[name]; n++ {
			name = variant(base, n)
		}
		names[name] = true
		others = append(others, entity.Attachment{Name: name, Type: "application/octet-stream", Content: content})
	}
	return formFile, others, nil
}

// filesIn lists the files of a dropped folder, without what programs leave; those
// at the top first, so that a name means them.
func (a *agent) filesIn(source string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(source, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrPermission):
			return a.mend(say(a.opt.Language, "unreadable", "name", filepath.Base(path)))
		case err != nil || path == source:
			return err
		case passedOver(e.Name()) && e.IsDir():
			return fs.SkipDir
		case passedOver(e.Name()) || e.IsDir():
			return nil
		}
		files = append(files, path)
		return nil
	})
	slices.SortStableFunc(files, func(x, y string) int {
		return strings.Count(x, string(filepath.Separator)) - strings.Count(y, string(filepath.Separator))
	})
	return files, err
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
		if isJSON(f) || isText(f) {
			found = append(found, f)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return ""
}

func (a *agent) readBounded(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, a.mend(say(a.opt.Language, "no-file", "name", filepath.Base(path)))
	case info.Size() > sourceLimit:
		return nil, a.tooLarge(filepath.Base(path), info.Size(), sourceLimit)
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, a.mend(say(a.opt.Language, "unreadable", "name", filepath.Base(path)))
	}
	return raw, err
}

func (a *agent) tooLarge(name string, bytes, most int64) error {
	return a.mend(say(a.opt.Language, "too-large", "name", name, "bytes", strconv.FormatInt(bytes, 10), "most", strconv.FormatInt(most, 10)))
}
