package commtest

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed report.html
var reportHTML string

var reportPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"class": func(v Verdict) string { return strings.ToLower(string(v)) },
	"count": func(p Point, v string) int { return p.Counts[Verdict(v)] },
}).Parse(reportHTML))

// HTML is the report as one page with everything in it: it is printed, mailed and
// kept without anything beside it.
func (r Report) HTML() ([]byte, error) {
	type group struct {
		Verdict Verdict
		Means   string
		List    []Shown
	}
	page := struct {
		Report
		Groups        []group
		Ladder        string
		Matrix, Trend template.HTML
	}{Report: r, Ladder: ladderWords, Matrix: r.matrix(), Trend: r.trend()}
	for _, v := range verdicts {
		if list := r.Of(v); len(list) > 0 {
			page.Groups = append(page.Groups, group{v, meaning[v], list})
		}
	}
	var b bytes.Buffer
	if err := reportPage.Execute(&b, page); err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return b.Bytes(), nil
}

// Colours of the verdicts; every one stands beside its word, for who doesn't tell
// them apart.
var colours = map[Verdict]string{Green: "#1b7f3b", Amber: "#c77700", Red: "#b3261e", Away: "#5f6b7a", Running: "#8a94a3", Untested: "#8a94a3"}

// matrix draws participants against their channels.
func (r Report) matrix() template.HTML {
	columns := 0
	for _, s := range r.Participants {
		columns = max(columns, len(s.Channels))
	}
	const row, left, cell = 26, 190, 150
	width, height := left+columns*cell+10, 34+row*len(r.Participants)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg role="img" aria-label="Matrix of participants and channels" viewBox="0 0 %d %d" width="%d" height="%d" xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12">`, width, height, width, height)
	for i := range columns {
		fmt.Fprintf(&b, `<text x="%d" y="20" fill="#333">%s channel</text>`, left+i*cell+4, ordinal(i+1))
	}
	for n, s := range r.Participants {
		y := 34 + n*row
		verdict := string(s.Verdict)
		if s.Passes && !s.Verdict.Ready() {
			verdict += " (waived)"
		}
		fmt.Fprintf(&b, `<text x="4" y="%d" font-weight="bold">%s</text><rect x="60" y="%d" width="124" height="%d" rx="3" fill="%s"/><text x="66" y="%d" fill="#fff">%s</text>`,
			y+16, escape(string(s.Participant)), y, row-6, colours[s.Verdict], y+14, escape(verdict))
		for i, c := range s.Channels {
			x := left + i*cell
			colour, text := cellLook(c)
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="3" fill="%s" fill-opacity="0.16" stroke="%s"/><text x="%d" y="%d" fill="#111">%s</text>`,
				x, y, cell-8, row-6, colour, colour, x+6, y+14, escape(string(c.Channel)+" "+text))
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // every value above is a number, a constant or escaped
}

// cellLook is a channel's colour and words in the matrix.
func cellLook(c ShownCell) (colour, text string) {
	switch {
	case c.Fails != "" && c.Fails < "L8":
		return colours[Red], dash(c.Level) + ", stops at " + c.Fails
	case c.Level >= "L7":
		return colours[Green], c.Level
	case c.Level == "":
		return colours[Untested], "not tested"
	}
	return colours[Amber], c.Level
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// trend draws how many participants stood how after each run.
func (r Report) trend() template.HTML {
	if len(r.History) == 0 {
		return ""
	}
	history := r.History[max(0, len(r.History)-24):]
	most := 1
	for _, p := range history {
		n := 0
		for _, c := range p.Counts {
			n += c
		}
		most = max(most, n)
	}
	const bar, gap, high, top, left = 56, 22, 150, 20, 40
	width, height := left+len(history)*(bar+gap)+10, top+high+52
	var b strings.Builder
	fmt.Fprintf(&b, `<svg role="img" aria-label="Trend over the runs" viewBox="0 0 %d %d" width="%d" height="%d" xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11">`, width, height, width, height)
	fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#777"/><text x="4" y="%d" fill="#333">%d</text><text x="4" y="%d" fill="#333">0</text>`, left-6, top+high, width, top+high, top+8, most, top+high)
	for i, p := range history {
		x, y := left+i*(bar+gap), top+high
		for _, v := range verdicts {
			n := p.Counts[v]
			if n == 0 {
				continue
			}
			h := n * high / most
			y -= h
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`, x, y, bar, h, colours[v])
			if h >= 13 {
				fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#fff">%d %s</text>`, x+4, y+11, n, v)
			}
		}
		short := string(p.Run[strings.LastIndex(string(p.Run), "-T")+1:]) // the operation's code may hold one too
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#333">%s</text><text x="%d" y="%d" fill="#333">%s</text>`, x, top+high+15, escape(short), x, top+high+29, escape(p.Day))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // every value above is a number, a constant or escaped
}

func escape(s string) string { return template.HTMLEscapeString(s) }

func ordinal(n int) string {
	switch n {
	case 1:
		return "1st"
	case 2:
		return "2nd"
	case 3:
		return "3rd"
	}
	return itoa(n) + "th"
}
