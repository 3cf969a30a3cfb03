package entity

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
)

// block is a piece of armor in a text: lines [from, to), repaired.
type block struct {
	from, to int
	quoted   bool
	armor    []byte
}

const (
	beginMessage = "-----BEGIN PGP MESSAGE-----"
	beginSigned  = "-----BEGIN PGP SIGNED MESSAGE-----"
	beginKey     = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
	beginSig     = "-----BEGIN PGP SIGNATURE-----"
)

var armorEnds = []struct{ begin, end string }{
	{beginMessage, "-----END PGP MESSAGE-----"},
	{beginSigned, "-----END PGP SIGNATURE-----"},
	{beginKey, "-----END PGP PUBLIC KEY BLOCK-----"},
}

// blocks finds armor in lines, quoted and indented armor too. One that never
// ends reaches to the last line.
func blocks(lines []string, key bool) []block {
	var out []block
	for i := 0; i < len(lines) && len(out) < 16; i++ {
		for _, a := range armorEnds {
			at := strings.Index(lines[i], a.begin)
			if at < 0 || (a.begin == beginKey) != key {
				continue
			}
			prefix := lines[i][:at]
			if strings.Trim(prefix, ">| \t\u00a0") != "" {
				continue
			}
			b := block{from: i, to: i + 1, quoted: strings.ContainsAny(prefix, ">|")}
			var body []string
			for b.to < len(lines) && !strings.Contains(lines[b.to], a.end) {
				body = append(body, unquote(lines[b.to], prefix))
				b.to++
			}
			b.to = min(b.to+1, len(lines))
			b.armor = repair(a.begin, a.end, body)
			out = append(out, b)
			i = b.to - 1
			break
		}
	}
	return out
}

func unquote(line, prefix string) string {
	if rest, ok := strings.CutPrefix(line, prefix); ok {
		return rest
	}
	return strings.TrimPrefix(line, strings.TrimRight(prefix, " \t"))
}

var (
	armorHeader = regexp.MustCompile(`^[A-Za-z]+: `)
	checksum    = regexp.MustCompile(`^=[A-Za-z0-9+/]{4}$`)
	base64Line  = regexp.MustCompile(`^[A-Za-z0-9+/]+={0,2}$`)
)

// repair writes armor anew: leftovers of quoted-printable decoded, blanks at
// the ends of lines and a lost blank line put right. Cleartext is left as it is.
func repair(begin, end string, body []string) []byte {
	if begin == beginSigned {
		return []byte(begin + "\n" + strings.Join(body, "\n") + "\n" + end + "\n")
	}
	if escaped(body) || softBroken(body) {
		body = strings.Split(string(decodeQP([]byte(strings.Join(body, "\n")))), "\n")
	}
	var headers, data []string
	sum := ""
	for _, line := range body {
		line = strings.Trim(line, " \t\u00a0\r")
		switch {
		case len(data) == 0 && armorHeader.MatchString(line):
			headers = append(headers, line)
		case checksum.MatchString(line):
			sum = line
		case base64Line.MatchString(line):
			data = append(data, line)
		}
	}
	var b bytes.Buffer
	b.WriteString(begin + "\n" + strings.Join(headers, "\n"))
	if len(headers) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("\n")
	all := strings.Join(data, "")
	for len(all) > 64 {
		b.WriteString(all[:64] + "\n")
		all = all[64:]
	}
	b.WriteString(all + "\n")
	if sum != "" {
		b.WriteString(sum + "\n")
	}
	b.WriteString(end + "\n")
	return b.Bytes()
}

// escaped reports whether an equals sign of the armor is written as "=3D". One
// checksum in 4,096 begins with 3D by itself.
func escaped(body []string) bool {
	return slices.ContainsFunc(body, func(line string) bool {
		line = strings.TrimSpace(line)
		return strings.Contains(line, "=3D") && !checksum.MatchString(line)
	})
}

// softBroken tells soft line breaks from base64's own padding: there are
// several, or one that isn't near the end.
func softBroken(body []string) bool {
	n := 0
	for i, line := range body {
		if strings.HasSuffix(line, "=") && i < len(body)-2 {
			n++
		}
	}
	return n > 0
}

// binaryMessage reports whether bytes look like an OpenPGP message (RFC 9580,
// section 10.3) rather than some other binary file.
func binaryMessage(b []byte, name string) bool {
	if len(b) < 16 || b[0]&0x80 == 0 {
		return false
	}
	tag, at := int(b[0]&0x3f), 2
	if b[0]&0x40 == 0 {
		tag = int(b[0]&0x3f) >> 2
		at = []int{2, 3, 5, 1}[b[0]&3]
	} else if b[1] >= 192 && b[1] < 224 {
		at = 3
	} else if b[1] == 255 {
		at = 6
	}
	v := b[at]
	switch tag {
	case 1:
		return v == 3 || v == 6
	case 3:
		return v >= 4 && v <= 6
	case 4:
		return v == 3 || v == 6
	}
	ext := strings.ToLower(path.Ext(name))
	return (tag == 8 || tag == 18 || tag == 20 || tag == 9) && (ext == ".pgp" || ext == ".gpg" || ext == ".asc")
}
