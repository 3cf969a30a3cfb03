package entity

import "testing"

func TestHTMLShowsWhatABrowserShows(t *testing.T) {
	for html, want := range map[string]string{
		"<p>https://customs.example/?a=1&amp;copy=2</p>":                       "https://customs.example/?a=1&copy=2",
		"<p>an invented &amp;lt;brand&amp;gt; R&amp;amp;D</p>":                 "an invented &lt;brand&gt; R&amp;D",
		"<html><head><title>x</title><meta charset=utf-8><p>A1: [SEZ]</p>":     "A1: [SEZ]",
		"<html><head><style>p{}</style></head><body><p>A1: [SEZ]</p></body>":   "A1: [SEZ]",
		"<head><o:p>of Office</o:p><xml>too</xml></head><table><td>x</table>y": "x\ny",
	} {
		if got := HTMLText(html); got != want {
			t.Errorf("HTMLText(%s) = %q; want %q", html, got, want)
		}
	}
}
