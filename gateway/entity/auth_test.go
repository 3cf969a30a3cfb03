package entity

import "testing"

func TestOnlyTheTopmostResultOfOurServerCounts(t *testing.T) {
	const (
		pass   = "mx.gateway.example; spf=pass; dmarc=pass header.from=vid.example"
		fail   = "mx.gateway.example; dmarc=fail header.from=vid.example"
		other  = "inner.gateway.example; dmarc=pass header.from=vid.example"
		nodata = "mx.gateway.example; spf=pass"
	)
	for name, test := range map[string]struct {
		fields []string
		want   bool
	}{
		"none":                               {nil, false},
		"ours":                               {[]string{pass}, true},
		"ours with a version":                {[]string{"mx.gateway.example 1; dmarc=pass header.from=vid.example"}, true},
		"ours says fail":                     {[]string{fail}, false},
		"another's alone":                    {[]string{other}, false},
		"ours below an inner server's":       {[]string{other, pass}, true},
		"ours says fail, an inner one above": {[]string{other, fail}, false},
		"forged pass below ours":             {[]string{fail, pass}, false},
		"forged fail below ours":             {[]string{pass, fail}, false},
		"forged pass below ours and another": {[]string{fail, other, pass}, false},
		"forged pass below ours without one": {[]string{nodata, pass}, false},
		"the same twice":                     {[]string{pass, pass}, true},
		"our id in a comment":                {[]string{"evil.example (mx.gateway.example); dmarc=pass header.from=vid.example"}, false},
		"our id in what follows":             {[]string{"evil.example; dmarc=pass header.from=vid.example; x=mx.gateway.example"}, false},
		"another domain":                     {[]string{"mx.gateway.example; dmarc=pass header.from=evil.example"}, false},
		"two verdicts in one":                {[]string{"mx.gateway.example; dmarc=fail header.from=vid.example; dmarc=pass header.from=vid.example"}, false},
	} {
		raw := ""
		for _, f := range test.fields {
			raw += "Authentication-Results: " + f + "\r\n"
		}
		r := Read([]byte(raw+"From: officer@vid.example\r\n\r\nhi"), nil, Limits{})
		if got := r.Aligned("mx.gateway.example"); got != test.want {
			t.Errorf("%s: Aligned = %t; want %t", name, got, test.want)
		}
	}
}
