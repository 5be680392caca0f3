package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// JSON writes v as JSON on one line. Characters that a terminal might act on are
// escaped: the document means the same.
func JSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode json: %w", err)
	}
	if _, err := w.Write(escapeJSON(b.Bytes())); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

// escapeJSON escapes what encoding/json leaves: C1 controls, DEL, characters
// that change the direction of text. In JSON they stand in strings alone.
func escapeJSON(text []byte) []byte {
	odd := func(r rune) bool { return r >= 0x7f && !unicode.IsGraphic(r) }
	if bytes.IndexFunc(text, odd) < 0 {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case !odd(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// Table writes rows below a header, columns aligned, every cell made safe. The
// last column is not padded. On a terminal the header is bold.
func Table(w io.Writer, t Terminal, header []string, rows [][]string) error {
	safe := make([][]string, 0, len(rows)+1)
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		cells := make([]string, len(header))
		for i := range header {
			if i < len(row) {
				cells[i] = Safe(row[i])
			}
			widths[i] = max(widths[i], width(cells[i]))
		}
		safe = append(safe, cells)
	}
	var b strings.Builder
	for n, cells := range safe {
		text := ""
		for i, cell := range cells {
			if i == len(cells)-1 {
				text += cell
				break
			}
			text += pad(cell, widths[i]) + "  "
		}
		text = strings.TrimRight(text, " ")
		if n == 0 {
			text = t.paint(bold, text)
		}
		b.WriteString(text + "\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}
