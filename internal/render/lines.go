package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/loglode/loglode/query"
)

// Format is a form of output.
type Format string

// The formats.
const (
	FormatTable Format = "table"
	FormatWide  Format = "wide" // a table with IDs and all fields below each line
	FormatJSON  Format = "json" // for lines: one object a line
	FormatCSV   Format = "csv"
)

// Lines writes lines as they come: page by page, or as they are followed.
type Lines interface {
	Write(lines []query.Line) error
}

// NewLines returns a writer of lines in a format.
func NewLines(w io.Writer, f Format, t Terminal) Lines {
	switch f {
	case FormatJSON:
		return jsonLines{w}
	case FormatCSV:
		return query.NewCSV(w)
	case FormatWide:
		return &lineTable{w: w, terminal: t, fields: allFields}
	}
	return &lineTable{w: w, terminal: t, fields: fewFields}
}

type jsonLines struct{ w io.Writer }

// Write writes one JSON object a line: a page needs no end, and a stream has none.
func (j jsonLines) Write(lines []query.Line) error {
	b := bufio.NewWriter(j.w)
	for i := range lines {
		if err := JSON(b, lines[i]); err != nil {
			return err
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write lines: %w", err)
	}
	return nil
}

const (
	timeLayout = "2006-01-02T15:04:05.000Z" // as --from takes it
	levelWidth = 5
	// A column of names starts at the least and grows to the most at most.
	leastName, mostName = 7, 32
	// fixedWidth is what is taken by time, level and the gaps.
	fixedWidth = len(timeLayout) + levelWidth + 4*2
	// leastMessage is the narrowest column a message is wrapped into.
	leastMessage = 20
	// maxRows bounds what one line takes of a terminal.
	maxRows = 40
)

// lineTable writes the columns TIME LEVEL SERVICE POD MESSAGE. A column of names
// is as wide as the widest name so far: a stream has no last line to wait for.
type lineTable struct {
	w            io.Writer
	terminal     Terminal
	service, pod int // widths of columns; 0 before the header
	// fields are what stands behind or below a message.
	fields func(l *query.Line) string
}

func (t *lineTable) Write(lines []query.Line) error {
	var b strings.Builder
	first := t.service == 0
	if first {
		t.service, t.pod = leastName, leastName
	}
	for i := range lines {
		t.service = max(t.service, min(t.mostName(), width(Safe(lines[i].Service))))
		t.pod = max(t.pod, min(t.mostName(), width(Safe(place(&lines[i])))))
	}
	if first {
		b.WriteString(t.terminal.paint(bold, t.prefix("TIME", "LEVEL", "SERVICE", "POD")+"MESSAGE") + "\n")
	}
	for i := range lines {
		t.line(&b, &lines[i])
	}
	if _, err := io.WriteString(t.w, b.String()); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// mostName leaves two fifths of a terminal to the message.
func (t *lineTable) mostName() int {
	if t.terminal.Width == 0 {
		return mostName
	}
	return min(mostName, max(leastName, (t.terminal.Width*3/5-fixedWidth)/2))
}

// place is where a line comes from: a pod, else a node.
func place(l *query.Line) string {
	if l.Pod == "" {
		return l.Node
	}
	return l.Pod
}

func (t *lineTable) prefix(at, level, service, pod string) string {
	return pad(at, len(timeLayout)) + "  " + pad(level, levelWidth) + "  " + pad(service, t.service) + "  " + pad(pod, t.pod) + "  "
}

// line writes one line: its first row behind the columns, further ones, of a
// message of many lines or a long one, below it and indented.
func (t *lineTable) line(b *strings.Builder, l *query.Line) {
	service, pod := shorten(Safe(l.Service), t.mostName()), shorten(Safe(place(l)), t.mostName())
	indent := fixedWidth + t.service + t.pod
	columns := 0
	if t.terminal.Width > 0 {
		columns = t.terminal.Width - indent
	}
	if t.terminal.Width > 0 && columns < leastMessage {
		// Too narrow for columns: the message starts on a row of its own.
		indent, columns = 2, max(1, t.terminal.Width-2)
		b.WriteString(strings.TrimRight(t.head(l, service, pod), " ") + "\n" + strings.Repeat(" ", indent))
	} else {
		b.WriteString(t.head(l, service, pod))
	}
	colour := levelColour(l.Level)
	text := l.Message
	if fields := t.fields(l); fields != "" {
		text += fields
	}
	for i, row := range t.rows(text, columns) {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", indent))
		}
		b.WriteString(t.terminal.paint(colour, row) + "\n")
	}
}

// fewFields are the attributes of a structured line: what is wrong often stands
// in them alone (err=..). An event's message says what its attributes do, and a
// header's caller and process are noise.
func fewFields(l *query.Line) string {
	if l.Kind == "event" {
		return ""
	}
	var b strings.Builder
	for _, a := range l.Attributes {
		if a.Key != "caller" && a.Key != "pid" {
			b.WriteString(" " + a.Key + "=" + fieldValue(a.Value))
		}
	}
	return b.String()
}

// allFields are the ID, who wrote the line and all attributes, below it.
func allFields(l *query.Line) string {
	var b strings.Builder
	b.WriteString("\nid=" + l.ID.String())
	for _, f := range [][2]string{{"pattern", l.PatternID}, {"kind", l.Kind}, {"cluster", l.Cluster}, {"namespace", l.Namespace}, {"container", l.Container}, {"node", l.Node}} {
		if f[1] != "" {
			b.WriteString(" " + f[0] + "=" + f[1])
		}
	}
	for _, a := range l.Attributes {
		b.WriteString(" " + a.Key + "=" + fieldValue(a.Value))
	}
	return b.String()
}

// fieldValue is JSON text as people write it: a plain word without its quotes.
func fieldValue(text string) string {
	if len(text) > 2 && text[0] == '"' && !strings.ContainsAny(text[1:len(text)-1], " \"\\=") {
		return text[1 : len(text)-1]
	}
	return text
}

func (t *lineTable) head(l *query.Line, service, pod string) string {
	at := l.Time.UTC().Format(timeLayout)
	text := t.prefix(at, l.Level, service, pod)
	if !t.terminal.Colours {
		return text
	}
	text = text[len(at):]
	level := pad(l.Level, levelWidth)
	return t.terminal.paint(faint, at) + "  " + t.terminal.paint(levelColour(l.Level), level) + text[len("  ")+len(level):]
}

// rows are a message's, wrapped to columns. On a terminal there are at most
// maxRows; what is left out is said.
func (t *lineTable) rows(message string, columns int) []string {
	var rows []string
	for _, text := range safeRows(message) {
		rows = append(rows, wrap(text, columns, maxRows+1)...)
		if t.terminal.Width > 0 && len(rows) > maxRows {
			return append(rows[:maxRows-1], fmt.Sprintf("… cut: all %s with -o json", Bytes(int64(len(message)))))
		}
	}
	return rows
}

func levelColour(level string) colour {
	switch level {
	case "error", "fatal":
		return red
	case "warn":
		return yellow
	case "debug", "trace":
		return faint
	}
	return plain
}
