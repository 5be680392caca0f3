package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/query"
)

const (
	// mask is how a template shows a variable part.
	mask = "<*>"
	// minuteLayout and secondLayout are short forms that --from takes.
	minuteLayout = "2006-01-02 15:04"
	secondLayout = "2006-01-02 15:04:05"
	// blockIndent is how far what belongs to a row stands below it.
	blockIndent = 4
)

// Patterns writes patterns in the order that they were asked for in. With
// FormatTable a row is a pattern, its template cut to the terminal; FormatWide
// shows it whole, with the ID and exact times, below. Times are told relative to
// now where they lie within a day of it. No patterns are no rows, not a header.
func Patterns(w io.Writer, f Format, t Terminal, now time.Time, order string, r query.PatternsResponse) error {
	switch {
	case f == FormatJSON:
		return JSON(w, r)
	case f == FormatCSV:
		return query.WritePatternsCSV(w, r.Patterns)
	case len(r.Patterns) == 0:
		return nil
	}
	p := &patternTable{terminal: t, now: now, columns: columnsOf(order), rows: r.Patterns}
	if f == FormatWide {
		p.wide()
	} else {
		p.table()
	}
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// patternColumn is one of those in front of the place and the template.
type patternColumn struct {
	name string
	side side
	cell func(p *query.PatternRow, now time.Time) string
}

// columnsOf leaves out what an order makes the same in every row: what is new
// has no time before, what is silent no count.
func columnsOf(order string) []patternColumn {
	count := patternColumn{"COUNT", right, func(p *query.PatternRow, _ time.Time) string { return Count(p.Count) }}
	before := patternColumn{"BEFORE", right, func(p *query.PatternRow, _ time.Time) string { return Count(p.Before) }}
	level := patternColumn{"LEVEL", left, func(p *query.PatternRow, _ time.Time) string { return Safe(p.Level) }}
	first := patternColumn{"FIRST SEEN", left, func(p *query.PatternRow, now time.Time) string { return seen(p.FirstSeen, now) }}
	last := patternColumn{"LAST SEEN", left, func(p *query.PatternRow, now time.Time) string { return seen(p.LastSeen, now) }}
	switch order {
	case query.OrderNew:
		return []patternColumn{count, level, first}
	case query.OrderRising:
		return []patternColumn{count, before, level, last}
	case query.OrderSilent:
		return []patternColumn{before, level, last}
	}
	return []patternColumn{count, level, last}
}

type patternTable struct {
	b        strings.Builder
	terminal Terminal
	now      time.Time
	columns  []patternColumn
	rows     []query.PatternRow
}

// cells are the header and the rows up to the place, aligned. The template gets
// at least least columns of a terminal.
func (p *patternTable) cells(least int) [][]string {
	table := make([][]string, len(p.rows)+1)
	sides := make([]side, len(p.columns)+1)
	for i, c := range p.columns {
		table[0], sides[i] = append(table[0], c.name), c.side
	}
	for i := range p.rows {
		for _, c := range p.columns {
			table[i+1] = append(table[i+1], c.cell(&p.rows[i], p.now))
		}
	}
	places := make([]string, len(p.rows))
	for i := range p.rows {
		places[i] = Safe(namespaced(p.rows[i].Namespace, p.rows[i].Service))
	}
	addPlaces(table, places, p.terminal, least)
	align(table, sides)
	return table
}

func (p *patternTable) table() {
	least := p.terminal.Width / 3
	for i, cells := range p.cells(least) {
		start := strings.Join(cells, gap) + gap
		if i == 0 {
			p.b.WriteString(p.terminal.paint(bold, start+"PATTERN") + "\n")
			continue
		}
		row := &p.rows[i-1]
		text := Safe(row.Template)
		if p.terminal.Width > 0 {
			text = cut(text, max(leastMessage, p.terminal.Width-width(start)))
		}
		p.b.WriteString(p.head(cells, row.Level) + gap + p.terminal.template(text, levelColour(row.Level)) + "\n")
	}
}

func (p *patternTable) wide() {
	for i, cells := range p.cells(0) {
		if i == 0 {
			p.b.WriteString(p.terminal.paint(bold, strings.TrimRight(strings.Join(cells, gap), " ")) + "\n")
			continue
		}
		row := &p.rows[i-1]
		p.b.WriteString(strings.TrimRight(p.head(cells, row.Level), " ") + "\n")
		template := p.terminal.block(row.Template, blockIndent, maxRows)
		writeBlock(&p.b, blockIndent, template, func(s string) string { return p.terminal.template(s, levelColour(row.Level)) })
		fields := p.terminal.block(fields(
			"pattern", row.PatternID, "kind", row.Kind, "cluster", row.Cluster, "first", exact(row.FirstSeen), "last", exact(row.LastSeen)),
			blockIndent, maxRows)
		writeBlock(&p.b, blockIndent, fields, func(s string) string { return p.terminal.paint(faint, s) })
	}
}

// head is a row up to its place, the level coloured.
func (p *patternTable) head(cells []string, level string) string {
	at := slices.IndexFunc(p.columns, func(c patternColumn) bool { return c.name == "LEVEL" })
	return p.terminal.head(cells, at, level)
}

// head joins aligned cells, that at column level coloured.
func (t Terminal) head(cells []string, level int, name string) string {
	cells = slices.Clone(cells)
	cells[level] = t.paint(levelColour(name), cells[level])
	return strings.Join(cells, gap)
}

// gap stands between columns.
const gap = "  "

// side is where the text of a column stands.
type side uint8

const (
	left side = iota
	right
)

// align pads the cells of a table so that all of a column are as wide.
func align(table [][]string, sides []side) {
	for column, s := range sides {
		widest := 0
		for _, cells := range table {
			widest = max(widest, width(cells[column]))
		}
		for _, cells := range table {
			if s == right {
				cells[column] = strings.Repeat(" ", widest-width(cells[column])) + cells[column]
			} else {
				cells[column] = pad(cells[column], widest)
			}
		}
	}
}

// addPlaces adds the column that says where, below its header: as wide as the
// other columns and what must be left beside it let it be.
func addPlaces(table [][]string, places []string, t Terminal, rest int) {
	name, most := "NAMESPACE/SERVICE", mostPlace
	if t.Width > 0 {
		taken := 0
		for column := range table[0] {
			widest := 0
			for _, cells := range table {
				widest = max(widest, width(cells[column]))
			}
			taken += widest + len(gap)
		}
		if rest > 0 {
			rest += len(gap)
		}
		most = min(most, max(leastName, t.Width-taken-rest))
	}
	if len(name) > most {
		name = "SERVICE"
	}
	table[0] = append(table[0], name)
	for i, place := range places {
		table[i+1] = append(table[i+1], shorten(place, most))
	}
}

// mostPlace is the most that a namespace and a service take.
const mostPlace = 2*mostName + 1

// namespaced is a service as kubectl would write it.
func namespaced(namespace, service string) string {
	if namespace == "" {
		return service
	}
	return namespace + "/" + service
}

// template paints a template's masked parts faint, the rest in c.
func (t Terminal) template(text string, c colour) string {
	parts := strings.Split(text, mask)
	for i, part := range parts {
		parts[i] = t.paint(c, part)
	}
	return strings.Join(parts, t.paint(faint, mask))
}

// block is stranger's text in rows that stand indented below another row. On a
// terminal they are wrapped, and at most most of them.
func (t Terminal) block(text string, indent, most int) []string {
	columns := 0
	if t.Width > 0 {
		columns = max(leastMessage, t.Width-indent)
	}
	var rows []string
	for _, row := range safeRows(text) {
		rows = append(rows, wrapWords(row, columns, most+1)...)
		if t.Width > 0 && len(rows) > most {
			rows = rows[:most]
			rows[most-1] = take(rows[most-1], columns-1) + "…"
			break
		}
	}
	return rows
}

func writeBlock(b *strings.Builder, indent int, rows []string, paint func(string) string) {
	for _, row := range rows {
		b.WriteString(strings.Repeat(" ", indent) + paint(row) + "\n")
	}
}

// fields are key=value of those that have a value.
func fields(pairs ...string) string {
	var set []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			set = append(set, pairs[i]+"="+Safe(pairs[i+1]))
		}
	}
	return strings.Join(set, " ")
}

// seen is a time for people: how long ago within a day of now, else UTC.
func seen(at, now time.Time) string {
	ago := now.Sub(at)
	switch {
	case at.IsZero():
		return ""
	case ago < 0 || ago >= 24*time.Hour:
		return at.UTC().Format(minuteLayout)
	case ago < time.Minute:
		return fmt.Sprintf("%ds ago", ago/time.Second)
	case ago < time.Hour:
		return fmt.Sprintf("%dm ago", ago/time.Minute)
	}
	return fmt.Sprintf("%dh ago", ago/time.Hour)
}

func exact(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(timeLayout)
}

// Range is a span of time for people, in UTC; an open end is left out.
func Range(r query.TimeRange) string {
	from, to := "the beginning", "now"
	if r.From != nil {
		from = r.From.UTC().Format(secondLayout)
	}
	if r.To != nil {
		to = r.To.UTC().Format(secondLayout)
	}
	return from + " to " + to
}

// Flags is a selection as flags of the command line, for a shell: what
// `loglode lines` takes to select the same. It is empty for everything.
func Flags(s query.Selection) string {
	var flags []string
	values := query.LineRequest{Selection: s}.Values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list := values[name]
		if name != "label" { // a label's value may hold commas
			list = []string{strings.Join(list, ",")}
		}
		for _, value := range list {
			flags = append(flags, "--"+name+" "+quoted(Safe(value)))
		}
	}
	return strings.Join(flags, " ")
}

// quoted is text as one word of a POSIX shell.
func quoted(s string) string {
	const bare = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/+@,="
	if s != "" && strings.Trim(s, bare) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// cut shortens text at its end to columns.
func cut(s string, columns int) string {
	if width(s) <= columns {
		return s
	}
	return take(s, columns-1) + "…"
}
