package mangle

import (
	"encoding/binary"
)

// winmail is Outlook's winmail.dat (MS-OXTNEF) with one attached file.
func winmail(name, content string) string {
	var out []byte
	put := func(level byte, id uint32, data []byte) {
		out = append(out, level)
		out = binary.LittleEndian.AppendUint32(out, id)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
		out = append(out, data...)
		sum := uint16(0)
		for _, c := range data {
			sum += uint16(c)
		}
		out = binary.LittleEndian.AppendUint16(out, sum)
	}
	out = binary.LittleEndian.AppendUint32(out, 0x223E9F78)
	out = append(out, 1, 0)
	put(1, 0x00089006, []byte{0, 0, 1, 0})                // version
	put(1, 0x00069007, []byte{0xe4, 4, 0, 0, 0, 0, 0, 0}) // code page 1252
	put(2, 0x00069002, make([]byte, 14))                  // an attachment begins
	put(2, 0x00018010, append([]byte(name), 0))
	put(2, 0x0006800F, []byte(content))
	return string(out)
}

// opaque wraps content in a CMS SignedData (RFC 5652) without a signer, in BER as
// streaming programs write it.
func opaque(content []byte) string {
	const never = "\x80" // the indefinite length
	end := "\x00\x00"
	oid := func(last byte) string { return "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07" + string([]byte{last}) }
	out := "\x30" + never + oid(2) + "\xa0" + never + "\x30" + never + "\x02\x01\x01" + "\x31\x00" + "\x30" + never + oid(1) + "\xa0" + never + "\x24" + never
	for len(content) > 0 {
		n := min(1000, len(content))
		out += "\x04\x82" + string([]byte{byte(n >> 8), byte(n)}) + string(content[:n])
		content = content[n:]
	}
	return out + end + end + end + "\x31\x00" + end + end + end
}
