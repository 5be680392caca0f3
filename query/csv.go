package query

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"
)

// CSV writes lines as comma-separated values (RFC 4180): a header, then one
// record a line, in the order of Line's JSON keys. Attributes and lineage are
// JSON text. Control characters are written out as by [Printable], and a cell
// that a spreadsheet would take for a formula gets an apostrophe in front
// (https://owasp.org/www-community/attacks/CSV_Injection); JSON is the form that
// keeps every byte.
type CSV struct {
	w      *csv.Writer
	header []string // nil once it is written
}

// NewCSV returns a writer of lines.
func NewCSV(w io.Writer) *CSV {
	return &CSV{w: csv.NewWriter(w), header: []string{
		"id", "time", "cluster", "namespace", "service", "pod", "container",
		"node", "level", "kind", "pattern_id", "message", "attributes", "lineage",
	}}
}

// Write writes lines, behind the header if it is the first call, and flushes.
func (c *CSV) Write(lines []Line) error {
	if c.header != nil {
		if err := c.w.Write(c.header); err != nil {
			return fmt.Errorf("write csv header: %w", err)
		}
		c.header = nil
	}
	for i := range lines {
		l := &lines[i]
		attributes, err := encode(l.Attributes)
		if err != nil {
			return fmt.Errorf("encode csv attributes: %w", err)
		}
		lineage, err := encode(l.Lineage)
		if err != nil {
			return fmt.Errorf("encode csv lineage: %w", err)
		}
		record := []string{
			l.ID.String(), l.Time.Format(time.RFC3339Nano), l.Cluster, l.Namespace, l.Service, l.Pod, l.Container,
			l.Node, l.Level, l.Kind, l.PatternID, l.Message, string(attributes), string(lineage),
		}
		for i, cell := range record {
			record[i] = CSVCell(cell)
		}
		if err := c.w.Write(record); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	c.w.Flush()
	if err := c.w.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// CSVCell is a stranger's text as a cell of CSV holds it: see [CSV].
func CSVCell(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r\n", s[0]) >= 0 {
		s = "'" + s
	}
	return Printable(s)
}
