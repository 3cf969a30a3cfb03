package form

import "strings"

// Brackets end a box, so in text a value's own are written "((" and "))". What
// stood there as parentheses already gets a "^" between, one more than it had:
//
//	value   [x]     ((x))     ([x])       (^(
//	text    ((x))   (^(x)^)   (^((x))^))  (^^(

// escape writes a value for the inside of brackets.
func escape(v string) string {
	if !strings.ContainsAny(v, "[]()") {
		return v
	}
	var b strings.Builder
	for i := range len(v) {
		switch c := v[i]; c {
		case '[':
			b.WriteString("((")
		case ']':
			b.WriteString("))")
		case '(', ')':
			b.WriteByte(c)
			if _, next := carets(v[i+1:]); next == c || next == bracketLike(c) {
				b.WriteByte('^')
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape reads what escape wrote.
func unescape(v string) string {
	if !strings.ContainsAny(v, "()") {
		return v
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c != '(' && c != ')' {
			b.WriteByte(c)
			continue
		}
		n, next := carets(v[i+1:])
		switch {
		case next != c:
			b.WriteByte(c)
		case n == 0:
			b.WriteByte(bracketLike(c))
			i++
		default:
			b.WriteByte(c)
			i++ // one caret
		}
	}
	return b.String()
}

// carets counts the carets at the beginning of s and gives what follows them.
func carets(s string) (n int, next byte) {
	n = len(s) - len(strings.TrimLeft(s, "^"))
	if n < len(s) {
		next = s[n]
	}
	return n, next
}

func bracketLike(parenthesis byte) byte {
	if parenthesis == '(' {
		return '['
	}
	return ']'
}
