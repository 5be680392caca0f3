package diagnose

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxValue bounds what a sentence takes from a log line, in bytes.
const maxValue = 120

// plain is a text from a log line as a sentence may hold it: in one line, without
// control characters, cut.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	if len(text) <= maxValue {
		return strings.TrimSpace(text)
	}
	end := maxValue - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.TrimSpace(text[:end]) + "…"
}

// clock writes a time of day, with the date where another day is meant.
func clock(at int64, day string) string {
	t := time.Unix(0, at).UTC()
	if t.Format(time.DateOnly) == day {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// summarise says the diagnosis in one to three sentences. via is the fault of what
// was asked about, where the cause is another's; nil else.
func summarise(d Diagnosis, via *fault) string {
	switch {
	case d.Cause == CauseNoFault:
		return "No fault was found: " + plain(d.Findings[0].Says) + "."
	case !d.Cause.IsFault() && len(d.Findings) > 0:
		return "The logs do not hold an answer. " + capital(plain(d.Object.String())) + ": " + d.Findings[0].Says + "; nothing says why. " + seen(d.Findings[0])
	case !d.Cause.IsFault():
		if d.Object.IsZero() {
			return "The logs do not hold an answer."
		}
		return "The logs do not hold an answer about " + plain(d.Object.String()) + "."
	}
	f := d.Findings[0]
	says := f.Says
	if !d.Object.IsZero() && !strings.Contains(says, d.Object.Name) {
		says = plain(d.Object.String()) + ": " + says
	}
	if via != nil {
		return capital(plain(cmp.Or(via.Subject.String(), via.service))+": "+via.Says) + ". It comes from " + says + ". " + seen(f)
	}
	return capital(says) + ". " + seen(f)
}

// seen says how often, since when, and whether it is over.
func seen(f Finding) string {
	day := time.Unix(0, f.Last).UTC().Format(time.DateOnly)
	var b strings.Builder
	if f.Count <= 1 {
		b.WriteString("Seen once, at " + clock(f.Last, "") + " UTC")
	} else {
		fmt.Fprintf(&b, "Seen %d times since %s UTC, last at %s", f.Count, clock(f.First, ""), clock(f.Last, day))
	}
	if f.Over {
		b.WriteString("; it seems to be over")
	}
	b.WriteString(".")
	return b.String()
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// Explain says a diagnosis in a few short paragraphs of plain text, naming
// entries by their IDs in brackets.
func Explain(d Diagnosis) string {
	var b strings.Builder
	b.WriteString(d.Summary + "\n")
	if !d.Cause.IsFault() && d.Cause != CauseNoFault {
		explainNext(&b, d)
		return b.String()
	}
	if d.Cause.IsFault() {
		fmt.Fprintf(&b, "\nCause: %s (%s). Confidence: %s.\n", d.Cause, d.Cause.Meaning(), d.Confidence)
	}
	b.WriteString("\nEvidence:\n")
	for _, f := range d.Findings {
		if len(f.Evidence) == 0 {
			continue
		}
		e := f.Evidence[0].Entry
		fmt.Fprintf(&b, "- %s: %q [%s]\n", f.Says, plain(Text(e)), e.ID)
	}
	if len(d.Cascade) > 0 {
		b.WriteString("\nIn the order in which they began to fail:\n")
		for i, s := range d.Cascade {
			fmt.Fprintf(&b, "%d. %s at %s UTC: %s [%s]\n", i+1, plain(s.Service), clock(s.Since, ""), s.Says, s.Entry.ID)
		}
	}
	if len(d.Changes) > 0 {
		b.WriteString("\nWhat changed just before:\n")
		for _, c := range d.Changes {
			fmt.Fprintf(&b, "- %s UTC, %s: %s [%s]\n", clock(c.At, ""), plain(c.Object.String()), c.Says, c.Entry.ID)
		}
	}
	explainNext(&b, d)
	return b.String()
}

func explainNext(b *strings.Builder, d Diagnosis) {
	if len(d.Next) == 0 {
		return
	}
	b.WriteString("\nLook next:\n")
	for _, c := range d.Next {
		fmt.Fprintf(b, "  %s   (%s)\n", c.Text, c.Why)
	}
}
