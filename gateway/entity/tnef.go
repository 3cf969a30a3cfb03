package entity

import (
	"encoding/binary"
	"strings"
)

const (
	tnefSignature  = 0x223E9F78
	tnefBody       = 0x800C
	tnefFileTitle  = 0x8010
	tnefFileData   = 0x800F
	tnefRendering  = 0x9002
	maxTNEFEntries = 4096
)

func isTNEF(p *part, b []byte) bool {
	return len(b) > 6 && binary.LittleEndian.Uint32(b) == tnefSignature
}

// readTNEF takes the plain body and the attached files out of a winmail.dat
// (MS-OXTNEF, section 2.1.3). It reads no compressed rich text.
func readTNEF(b []byte) (texts []string, files []Attachment) {
	b = b[6:]
	for n := 0; len(b) >= 11 && n < maxTNEFEntries; n++ {
		id := binary.LittleEndian.Uint32(b[1:]) & 0xffff
		size := uint64(binary.LittleEndian.Uint32(b[5:]))
		if size > uint64(len(b)-9) {
			return texts, files
		}
		value := b[9 : 9+size]
		b = b[min(uint64(len(b)), 9+size+2):]
		switch id {
		case tnefBody:
			texts = append(texts, clean(strings.TrimRight(toUTF8(value, ""), "\x00")))
		case tnefRendering:
			if len(files) < 256 {
				files = append(files, Attachment{Type: "application/octet-stream"})
			}
		case tnefFileTitle:
			if len(files) > 0 {
				files[len(files)-1].Name = clean(strings.TrimRight(toUTF8(value, ""), "\x00"))
			}
		case tnefFileData:
			if len(files) > 0 {
				files[len(files)-1].Content = value
			}
		}
	}
	return texts, files
}
