package main

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// chart is a picture of how one figure follows another. Every curve bears its
// name, so that colours may look alike.
type chart struct {
	title, x, y string               // the axes' names with their units
	note        string               // on what it was measured
	scale       scale                // of both axes
	say         func(float64) string // of a value on the x axis; nil: the number
	curves      []curve
}

type curve struct {
	name   string
	points []point
}

type point struct{ x, y float64 }

// scale is how an axis is divided.
type scale int

const (
	linear scale = iota // from zero
	logarithmic
)

// The picture's measures in pixels.
const (
	chartWide, chartHigh           = 640, 400
	plotLeft, plotTop              = 84, 56
	plotWide, plotHigh             = 420, 260
	labelGap                       = 15
	chartInk, chartGrey, chartGrid = "#1c2733", "#5b6875", "#dde3e9"
)

// Colours that people with a colour deficiency tell apart (Okabe and Ito).
var chartColours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// writeCharts draws charts beside one another into a file.
func writeCharts(file string, charts ...chart) error {
	var b strings.Builder
	wide := chartWide * len(charts)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" viewBox="0 0 %d %d" width="%d" height="%d" font-family="Helvetica, Arial, sans-serif" font-size="12">`+"\n",
		template.HTMLEscapeString(charts[0].title), wide, chartHigh, wide, chartHigh)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", wide, chartHigh)
	for i, c := range charts {
		fmt.Fprintf(&b, `<g transform="translate(%d 0)">`+"\n", i*chartWide)
		c.draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

func (c chart) draw(b *strings.Builder) {
	drawText(b, plotLeft, 26, "start", chartInk, `font-size="16" font-weight="bold"`, c.title)
	drawText(b, plotLeft, 44, "start", chartGrey, "", c.note)
	xs, ys := c.values()
	x, y := newAxis(c.scale, xs).only(xs), newAxis(c.scale, ys)
	if c.scale == logarithmic { // the ends of what was measured are the axis's
		x.from, x.to = slices.Min(xs), slices.Max(xs)
		x = x.only(xs)
	}
	for _, v := range y.ticks {
		at := plotTop + plotHigh*(1-y.place(v))
		drawLine(b, plotLeft, at, plotLeft+plotWide, at, chartGrid)
		drawText(b, plotLeft-8, at+4, "end", chartInk, "", figure(v))
	}
	say := c.say
	if say == nil {
		say = figure
	}
	for _, v := range x.ticks {
		at := plotLeft + plotWide*x.place(v)
		drawLine(b, at, plotTop+plotHigh, at, plotTop+plotHigh+5, chartGrey)
		drawText(b, at, plotTop+plotHigh+20, "middle", chartInk, "", say(v))
	}
	drawLine(b, plotLeft, plotTop+plotHigh, plotLeft+plotWide, plotTop+plotHigh, chartGrey)
	drawText(b, plotLeft+plotWide/2, plotTop+plotHigh+46, "middle", chartInk, "", c.x)
	drawText(b, 0, 0, "middle", chartInk, fmt.Sprintf(`transform="translate(22 %d) rotate(-90)"`, plotTop+plotHigh/2), c.y)
	c.drawCurves(b, x, y)
}

func (c chart) values() (xs, ys []float64) {
	for _, curve := range c.curves {
		for _, p := range curve.points {
			xs, ys = append(xs, p.x), append(ys, p.y)
		}
	}
	return xs, ys
}

func (c chart) drawCurves(b *strings.Builder, x, y axis) {
	ends := make([]label, len(c.curves))
	for i, curve := range c.curves {
		colour := chartColours[i%len(chartColours)]
		var path strings.Builder
		for _, p := range curve.points {
			px, py := plotLeft+plotWide*x.place(p.x), plotTop+plotHigh*(1-y.place(p.y))
			fmt.Fprintf(&path, "%.1f,%.1f ", px, py)
			ends[i] = label{curve.name, colour, px, py}
			if len(curve.points) <= 24 {
				fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", px, py, colour)
			}
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.TrimSpace(path.String()), colour)
	}
	for _, l := range apart(ends) {
		drawText(b, l.x+9, l.y+4, "start", l.colour, "", l.name)
	}
}

// label is a curve's name at its end.
type label struct {
	name, colour string
	x, y         float64
}

// apart moves labels down until none lies on another, and all up again where the
// last would leave the picture.
func apart(labels []label) []label {
	slices.SortFunc(labels, func(a, b label) int { return cmp.Compare(a.y, b.y) })
	for i := 1; i < len(labels); i++ {
		labels[i].y = max(labels[i].y, labels[i-1].y+labelGap)
	}
	for i := len(labels) - 1; i >= 0; i-- {
		most := float64(plotTop + plotHigh)
		if i < len(labels)-1 {
			most = labels[i+1].y - labelGap
		}
		labels[i].y = min(labels[i].y, most)
	}
	return labels
}

// axis maps values to 0…1.
type axis struct {
	scale    scale
	from, to float64
	ticks    []float64
}

// place is where a value stands on the axis.
func (a axis) place(v float64) float64 {
	if a.scale == logarithmic {
		return math.Log(v/a.from) / math.Log(a.to/a.from)
	}
	return (v - a.from) / (a.to - a.from)
}

// newAxis divides an axis for the values on it, which are positive: a linear one
// from zero, a logarithmic one from a round value under the least.
func newAxis(s scale, values []float64) axis {
	a := axis{scale: s}
	least, most := slices.Min(values), slices.Max(values)
	if s == logarithmic {
		steps := []float64{1, 2, 5}
		if most/least > 30 {
			steps = steps[:1]
		}
		for v := math.Pow(10, math.Floor(math.Log10(least))); ; v *= 10 {
			for _, step := range steps {
				switch {
				case v*step <= least:
					a.ticks = []float64{v * step}
				case a.ticks[len(a.ticks)-1] < most:
					a.ticks = append(a.ticks, v*step)
				}
			}
			if a.to = a.ticks[len(a.ticks)-1]; a.to >= most && len(a.ticks) > 1 {
				a.from = a.ticks[0]
				return a
			}
		}
	}
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for _, part := range []float64{5, 2, 1, 0.5, 0.2} {
		if most/(step*part) >= 3 {
			step *= part
			break
		}
	}
	for a.to = 0; a.to < most; a.to += step {
		a.ticks = append(a.ticks, a.to)
	}
	a.ticks = append(a.ticks, a.to)
	return a
}

// only lets an axis show the measured values alone, where they are few and lie
// apart.
func (a axis) only(values []float64) axis {
	values = slices.Compact(slices.Sorted(slices.Values(values)))
	if len(values) > 8 {
		return a
	}
	for i := 1; i < len(values); i++ {
		if a.place(values[i])-a.place(values[i-1]) < 0.08 {
			return a
		}
	}
	a.ticks = values
	return a
}

func drawLine(b *strings.Builder, x1, y1, x2, y2 float64, colour string) {
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, colour)
}

func drawText(b *strings.Builder, x, y float64, anchor, colour, more, words string) {
	if more != "" {
		more = " " + more
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s"%s>%s</text>`+"\n", x, y, anchor, colour, more, template.HTMLEscapeString(words))
}

// figure writes a value as people read it: 1,500 or 0.25.
func figure(v float64) string {
	if v < 1000 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// sizeText writes bytes as people read them: 100 KiB.
func sizeText(v float64) string {
	switch {
	case v >= 1<<20:
		return figure(v/(1<<20)) + " MiB"
	case v >= 1<<10:
		return figure(v/(1<<10)) + " KiB"
	}
	return figure(v) + " B"
}
