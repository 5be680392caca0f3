// Package render shows answers to people and to programs: lines as a table, as
// JSON lines or as CSV; small tables; sizes, rates and times; a progress bar.
//
// Log text is data from strangers: whatever the form, no control character of
// it reaches the terminal (see query.Printable).
package render

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Terminal is what is known of where text goes. The zero value is a file or a
// pipe: nothing is wrapped, nothing is coloured.
type Terminal struct {
	// Width is in columns; 0 when it is no terminal.
	Width int
	// Colours says that colours are shown and wanted.
	Colours bool
}

// Detect asks what w is. Colours need a terminal, and neither NO_COLOR (see
// https://no-color.org) nor TERM=dumb in the environment.
func Detect(w io.Writer, getenv func(string) string) Terminal {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return Terminal{}
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return Terminal{Width: width, Colours: getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
}

// colour is an SGR sequence of ECMA-48, or nothing.
type colour string

const (
	plain  colour = ""
	bold   colour = "\x1b[1m"
	faint  colour = "\x1b[2m"
	red    colour = "\x1b[31m"
	yellow colour = "\x1b[33m"
	reset         = "\x1b[0m"
)

func (t Terminal) paint(c colour, text string) string {
	if !t.Colours || c == plain || text == "" {
		return text
	}
	return string(c) + text + reset
}
