package agent

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// free returns name, or name with the first "~2", "~3"… that isn't taken.
func free(dir, name string) (string, error) {
	for n := 1; ; n++ {
		try := variant(name, n)
		if there, err := taken(filepath.Join(dir, try)); err != nil || !there {
			return try, err
		}
	}
}

// variant is the nth name for what is called name.
func variant(name string, n int) string {
	if n == 1 {
		return name
	}
	ext := filepath.Ext(name)
	return strings.TrimSuffix(name, ext) + "~" + strconv.Itoa(n) + ext
}

// safeName makes a file name of what a sender called it: no folders, nothing
// hidden, nothing that a shell, Windows or a screen would take for something
// else, at most 100 bytes.
func safeName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case r < 0x20 || r == 0x7f || strings.ContainsRune(`<>:"|?*;`, r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			return '_'
		}
		return r
	}, name)
	name = strings.TrimRight(strings.TrimLeft(shortName(name, 100), ". -"), ". ")
	stem, _, _ := strings.Cut(name, ".")
	if stem = strings.TrimRight(stem, " "); stem == "" || device.MatchString(stem) {
		return "file_" + name
	}
	return name
}

// device is what Windows takes for a device, whatever the ending ("Naming Files,
// Paths, and Namespaces").
var device = regexp.MustCompile(`^(?i:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])$`)

// shortName cuts a name to so many bytes and keeps a short ending.
func shortName(name string, most int) string {
	if len(name) <= most {
		return name
	}
	ext := filepath.Ext(name)
	if len(ext) > 20 {
		ext = ""
	}
	stem := []rune(strings.TrimSuffix(name, ext))
	for len(stem) > 1 && len(string(stem))+len(ext) > most {
		stem = stem[:len(stem)-1]
	}
	return string(stem) + ext
}
