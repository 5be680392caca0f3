package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/loglode/loglode/query"
)

const (
	// templateRows, exampleIndent and shownPlaces keep a page of hits on one
	// screen.
	templateRows  = 3
	exampleIndent = 6
	shownPlaces   = 3
	// labelWidth is that of the words in front of what was understood.
	labelWidth = len("searched") + len(gap)
)

// Search writes what answers a question: what was understood of it, where it was
// more than its words, then a block for each hit. With FormatWide templates and
// examples are whole and bear their IDs. Times are told relative to now where
// they lie within a day of it.
func Search(w io.Writer, f Format, t Terminal, now time.Time, r query.SearchResponse) error {
	if f == FormatJSON {
		return JSON(w, r)
	}
	h := hitTable{terminal: t, now: now, wide: f == FormatWide}
	h.understood(&r)
	if len(r.Hits) > 0 {
		if h.b.Len() > 0 {
			h.b.WriteString("\n")
		}
		h.hits(r.Hits)
	}
	if _, err := io.WriteString(w, h.b.String()); err != nil {
		return fmt.Errorf("write hits: %w", err)
	}
	return nil
}

type hitTable struct {
	b        strings.Builder
	terminal Terminal
	now      time.Time
	wide     bool
}

// understood tells what a reader may not expect: what became a filter, what was
// looked up in lines, what nothing was found for.
func (h *hitTable) understood(r *query.SearchResponse) {
	u := &r.Understood
	if len(u.Read) > 0 {
		phrases := make([]string, len(u.Read))
		for i, phrase := range u.Read {
			phrases[i] = `"` + phrase + `"`
		}
		h.note("read", strings.Join(phrases, ", "))
		h.note("filters", Flags(u.Filters))
		h.note("searched", u.Text)
	}
	for _, token := range u.Tokens {
		found := "in no line"
		if token.Lines > 0 {
			found = "in " + plural(token.Lines, "line") + " of " + plural(token.Patterns, "pattern")
		}
		h.note("token", token.Token+" is "+found)
	}
	if len(u.Unknown) > 0 {
		h.note("unknown", strings.Join(u.Unknown, ", ")+" (in no pattern)")
	}
	h.note("note", r.Degraded)
	if r.Waiting > 0 {
		verb := "wait"
		if r.Waiting == 1 {
			verb = "waits"
		}
		h.note("waiting", fmt.Sprintf("%s of %s %s for a vector: found by words alone",
			Count(r.Waiting), plural(r.Patterns, "pattern"), verb))
	}
}

func (h *hitTable) note(label, text string) {
	if text == "" {
		return
	}
	for i, row := range h.terminal.block(Safe(text), labelWidth, maxRows) {
		start := strings.Repeat(" ", labelWidth)
		if i == 0 {
			start = h.terminal.paint(faint, pad(label, labelWidth))
		}
		h.b.WriteString(start + row + "\n")
	}
}

func (h *hitTable) hits(hits []query.Hit) {
	const level = 2 // the column
	table := [][]string{{"#", "SCORE", "LEVEL", "COUNT", "FIRST SEEN", "LAST SEEN"}}
	places := make([]string, len(hits))
	for i := range hits {
		hit := &hits[i]
		table = append(table, []string{
			fmt.Sprint(i + 1), fmt.Sprintf("%.2f", hit.Score), Safe(hit.Level), Count(hit.Count),
			seen(hit.FirstSeen, h.now), seen(hit.LastSeen, h.now),
		})
		places[i] = Safe(namespaced(hit.Namespace, hit.Service))
	}
	addPlaces(table, places, h.terminal, 0)
	align(table, []side{right, right, left, right, left, left})
	h.b.WriteString(h.terminal.paint(bold, strings.TrimRight(strings.Join(table[0], gap), " ")) + "\n")
	for i, cells := range table[1:] {
		if i > 0 {
			h.b.WriteString("\n")
		}
		h.b.WriteString(strings.TrimRight(h.terminal.head(cells, level, hits[i].Level), " ") + "\n")
		h.hit(&hits[i])
	}
}

// hit writes what stands below a hit's row.
func (h *hitTable) hit(hit *query.Hit) {
	t := h.terminal
	rows, also := templateRows, 1
	if h.wide {
		rows, also = maxRows, maxRows
	}
	c := levelColour(hit.Level)
	writeBlock(&h.b, blockIndent, t.block(hit.Template, blockIndent, rows), func(s string) string { return t.template(s, c) })
	faintly := func(s string) string { return t.paint(faint, s) }
	if h.wide {
		text := fields("pattern", hit.PatternID, "kind", hit.Kind, "cluster", hit.Cluster, "first", exact(hit.FirstSeen), "last", exact(hit.LastSeen))
		writeBlock(&h.b, blockIndent, t.block(text, blockIndent, rows), faintly)
	}
	h.examples(hit.Examples)
	if len(hit.Also) == 0 {
		return
	}
	places := make([]string, len(hit.Also))
	for i, place := range hit.Also {
		places[i] = Safe(namespaced(place.Namespace, place.Service)) + " " + Count(place.Count) + "×"
		if h.wide && place.Cluster != "" {
			places[i] = Safe(place.Cluster) + ":" + places[i]
		}
	}
	if len(places) > shownPlaces && !h.wide {
		places = append(places[:shownPlaces], fmt.Sprintf("%d more", len(places)-shownPlaces))
	}
	writeBlock(&h.b, blockIndent, t.block("also in "+strings.Join(places, ", "), blockIndent, also), faintly)
}

// examples writes a row for each line, its message cut to the terminal; with
// wide a row of its own for what is too long, and its ID.
func (h *hitTable) examples(examples []query.Example) {
	most, pod := mostName, 0
	if h.terminal.Width > 0 {
		most = max(leastName, min(most, (h.terminal.Width-exampleIndent-len(secondLayout))/3))
	}
	for i := range examples {
		pod = max(pod, min(most, width(Safe(examples[i].Pod))))
	}
	for i := range examples {
		e := &examples[i]
		start := e.Time.UTC().Format(secondLayout) + gap
		if pod > 0 {
			start += pad(shorten(Safe(e.Pod), most), pod) + gap
		}
		indent := exampleIndent + width(start)
		message := []string{Safe(strings.TrimRight(e.Message, "\r\n"))}
		switch {
		case h.wide:
			message = h.terminal.block(e.Message, indent, maxRows)
		case h.terminal.Width > 0:
			message[0] = cut(message[0], max(leastMessage, h.terminal.Width-indent))
		}
		h.b.WriteString(strings.Repeat(" ", exampleIndent) + h.terminal.paint(faint, start) + message[0] + "\n")
		writeBlock(&h.b, indent, message[1:], func(s string) string { return s })
		if h.wide && e.ID != "" {
			h.b.WriteString(strings.Repeat(" ", exampleIndent) + h.terminal.paint(faint, fields("id", e.ID)) + "\n")
		}
	}
}

// plural is a number with what it counts.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}
