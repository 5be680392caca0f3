package render

import (
	"strings"

	"github.com/rivo/uniseg"

	"github.com/loglode/loglode/query"
)

// Safe is one line of stranger's text that a terminal can show: control
// characters written out, newlines as \n, tabs as spaces.
func Safe(s string) string {
	s = query.Printable(s)
	if strings.ContainsAny(s, "\n\t") {
		s = strings.NewReplacer("\n", `\n`, "\t", "    ").Replace(s)
	}
	return s
}

// safeRows is a text of many lines, each of them safe.
func safeRows(s string) []string {
	s = strings.ReplaceAll(strings.TrimRight(s, "\r\n"), "\r\n", "\n")
	rows := strings.Split(s, "\n")
	for i, row := range rows {
		rows[i] = Safe(row)
	}
	return rows
}

// width is the number of columns that text takes.
func width(s string) int {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return uniseg.StringWidth(s)
		}
	}
	return len(s)
}

// pad fills text up to columns.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-width(s)))
}

// shorten cuts text in the middle, where names of pods differ least, to columns.
func shorten(s string, columns int) string {
	if width(s) <= columns {
		return s
	}
	if columns < 2 {
		return s[:len(take(s, columns))]
	}
	head := take(s, (columns-1)/2)
	tail := s[len(head):]
	for width(tail) > columns-1-width(head) {
		tail = tail[len(firstCluster(tail)):]
	}
	return head + "…" + tail
}

// take is the longest start of s that fits into columns.
func take(s string, columns int) string {
	end, used := 0, 0
	for end < len(s) {
		cluster := firstCluster(s[end:])
		if used += width(cluster); used > columns {
			break
		}
		end += len(cluster)
	}
	return s[:end]
}

// firstCluster is what a reader takes for the first character.
func firstCluster(s string) string {
	cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(s, -1)
	return cluster
}

// wrap breaks text into rows of at most columns, the first most of them; 0
// columns do not bound. A character that is wider than a row has one of its own.
func wrap(s string, columns, most int) []string {
	if columns <= 0 || s == "" {
		return []string{s}
	}
	var rows []string
	for s != "" && len(rows) < most {
		row := take(s, columns)
		if row == "" {
			row = firstCluster(s)
		}
		rows = append(rows, row)
		s = s[len(row):]
	}
	return rows
}

// wrapWords is wrap that breaks between words where it can. The space at a break
// is left out.
func wrapWords(s string, columns, most int) []string {
	if columns <= 0 || s == "" {
		return []string{s}
	}
	var rows []string
	for s != "" && len(rows) < most {
		row := wrap(s, columns, 1)[0]
		rest := s[len(row):]
		if rest != "" && rest[0] != ' ' {
			indent := len(row) - len(strings.TrimLeft(row, " "))
			if at := strings.LastIndexByte(row[indent:], ' '); at > 0 {
				row, rest = s[:indent+at], s[indent+at:]
			}
		}
		rows = append(rows, row)
		s = strings.TrimPrefix(rest, " ")
	}
	return rows
}
