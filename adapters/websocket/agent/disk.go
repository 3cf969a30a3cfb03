package agent

import (
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// writeWhole puts a file in place so that after a crash it is there whole, as it
// was before, or not at all.
func writeWhole(path string, data []byte) error {
	temp := path + ".tmp"
	if err := writeSynced(temp, data); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return finish(f, data)
}

func appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	return finish(f, line)
}

func finish(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// syncDir makes renames in a folder durable (fsync(2), NOTES).
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if e := d.Close(); err == nil {
		err = e
	}
	return err
}

// moveInto renames a file or folder, makes it durable, and never overwrites.
func moveInto(from, dir, name string) (string, error) {
	to := filepath.Join(dir, free(dir, name))
	if err := os.Rename(from, to); err != nil {
		return "", err
	}
	if err := syncDir(dir); err != nil {
		return "", err
	}
	return to, syncDir(filepath.Dir(from))
}

// free returns name, or name with the first "~2", "~3"… that isn't taken.
func free(dir, name string) string {
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	for n, try := 2, name; ; n++ {
		if _, err := os.Lstat(filepath.Join(dir, try)); err != nil {
			return try
		}
		try = stem + "~" + itoa(n) + ext
	}
}

// safeName makes a file name of what a sender called it: no folders, nothing
// hidden, nothing that a shell, Windows or a screen would take for something
// else, at most 100 bytes.
func safeName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case r < 0x20 || r == 0x7f || strings.ContainsRune(`<>:"|?*`, r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			return '_'
		}
		return r
	}, name)
	for len(name) > 100 {
		runes := []rune(strings.TrimSuffix(name, filepath.Ext(name)))
		ext := filepath.Ext(name)
		if len(ext) > 20 || len(runes) < 2 {
			name = string([]rune(name)[:len([]rune(name))-1])
			continue
		}
		name = string(runes[:len(runes)-1]) + ext
	}
	name = strings.TrimRight(strings.TrimLeft(name, ". -"), ". ")
	switch stem, _, _ := strings.Cut(strings.ToUpper(name), "."); stem {
	case "", "CON", "PRN", "AUX", "NUL", "COM1", "LPT1":
		return "file_" + name
	}
	return name
}
