package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

const (
	// answerIndent is that of what stands below a heading.
	answerIndent = 2
	// evidenceRows are the rows of an entry's text in a table; all of them with
	// FormatWide.
	evidenceRows = 3
	// pipedText is how many columns of an entry's text go into a pipe or file, which
	// have no width.
	pipedText = 200
	// shortID is how many digits of an ID a terminal shows: enough to tell entries
	// apart. Whole ones are in FormatWide, and wherever there is no width.
	shortID = 8
	// shownAlike are how many entries like one before are named below it.
	shownAlike = 3
)

// Answer writes the answer to a question: the cause first, then what shows it,
// how it spread, what changed, and what to look at next. Entries that repeat one
// before are named below it. With FormatWide each stands for itself, its text is
// whole and so is its ID.
func Answer(w io.Writer, f Format, t Terminal, now time.Time, r query.AskResponse) error {
	if f == FormatJSON {
		return JSON(w, r)
	}
	a := answerPage{hitTable{terminal: t, now: now, wide: f == FormatWide}}
	a.verdict(&r)
	a.evidence(r.Evidence)
	a.cascade(&r)
	a.changes(r.Changes)
	a.next(r.Next)
	a.also(r.Also)
	a.nearest(&r)
	a.looked(&r)
	if _, err := io.WriteString(w, a.b.String()); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// answerPage is a page about one question; it shares a page of hits' rows.
type answerPage struct{ hitTable }

func (a *answerPage) verdict(r *query.AskResponse) {
	c := bold
	if r.Cause.IsFault() {
		c = red
	}
	for _, row := range a.terminal.block(r.Summary, 0, maxRows) {
		a.b.WriteString(a.terminal.paint(c, row) + "\n")
	}
	if !r.Answered {
		return
	}
	if r.Cause.IsFault() {
		a.note("cause", string(r.Cause)+": "+r.Meaning)
	}
	if r.Object != nil && !r.Object.IsZero() {
		a.note("object", r.Object.String())
	}
	if r.Confidence != "" {
		a.note("sure", string(r.Confidence)+confidenceMeans(r))
	}
	if r.Since != nil && r.Last != nil && r.Count > 0 {
		text := "since " + seen(*r.Since, a.now) + ", last " + seen(*r.Last, a.now) + ", " + times(r.Count)
		if r.Over {
			text += "; it seems to be over"
		}
		a.note("seen", text)
	}
	if r.Generator != "" && r.Generator != "rules" {
		a.note("worded", "by "+r.Generator)
		for _, row := range safeRows(r.Text) {
			for _, part := range wrapWords(row, a.terminal.Width, maxRows) {
				a.b.WriteString(part + "\n")
			}
		}
	}
	a.note("note", r.Degraded)
}

// confidenceMeans says what a fault's confidence rests on; that there is none
// rests on what was looked at, which stands below.
func confidenceMeans(r *query.AskResponse) string {
	switch {
	case !r.Cause.IsFault():
		return ""
	case r.Confidence == diagnose.High:
		return " (Kubernetes says so, or two sources agree)"
	case r.Confidence == diagnose.Medium:
		return " (lines say so)"
	}
	return " (likely, of what there is)"
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return Count(n) + " times"
}

func (a *answerPage) heading(text string) {
	a.b.WriteString("\n" + a.terminal.paint(bold, text) + "\n")
}

// item writes a text of a list, in up to two rows, the second hanging.
func (a *answerPage) item(text string) {
	for i, row := range a.terminal.block(text, 2*answerIndent, 2) {
		indent := answerIndent
		if i > 0 {
			indent = 2 * answerIndent
		}
		a.b.WriteString(strings.Repeat(" ", indent) + row + "\n")
	}
}

// evidence writes an entry's head and below it its text, what it means where
// that is another than of the entry before, and which entries are like it.
func (a *answerPage) evidence(list []query.AskEvidence) {
	if len(list) == 0 {
		return
	}
	a.heading("Evidence")
	said := ""
	for _, group := range a.groups(list) {
		a.entry(group[0])
		if says := group[0].Says; says != said && says != "" {
			writeBlock(&a.b, 2*answerIndent, a.terminal.block("= "+says, 2*answerIndent, 2), func(s string) string { return s })
		}
		said = group[0].Says
		a.alike(group[1:])
	}
}

// groups puts entries together that say the same of the same, each group where
// its first stood.
func (a *answerPage) groups(list []query.AskEvidence) [][]*query.AskEvidence {
	var groups [][]*query.AskEvidence
	at := map[string]int{}
	for i := range list {
		e := &list[i]
		key := strings.Join([]string{e.Kind, e.Cluster, e.Namespace, e.Service, e.Pod, e.Reason, e.Rule, e.Says, outline(e.Text)}, "\x00")
		n, repeats := at[key]
		if a.wide || !repeats {
			at[key] = len(groups)
			groups = append(groups, []*query.AskEvidence{e})
			continue
		}
		groups[n] = append(groups[n], e)
	}
	return groups
}

// outline is the words of a text without those that hold a digit, which are what
// differs between two times that the same is said.
func outline(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	words = slices.DeleteFunc(words, func(word string) bool { return strings.ContainsFunc(word, unicode.IsDigit) })
	return strings.Join(words, " ")
}

func (a *answerPage) entry(e *query.AskEvidence) {
	rows, headRows := evidenceRows, 1
	if a.wide {
		rows, headRows = maxRows, maxRows
	}
	writeBlock(&a.b, answerIndent, a.terminal.block(a.entryHead(e), answerIndent, headRows), a.faintly)
	text := strings.Join(strings.Fields(e.Text), " ")
	if a.terminal.Width == 0 && !a.wide {
		text = shorten(Safe(text), pipedText)
	}
	writeBlock(&a.b, 2*answerIndent, a.terminal.block(text, 2*answerIndent, rows), func(s string) string { return a.terminal.paint(levelColour(e.Level), s) })
}

// entryHead says when an entry was written, by whom, and its ID. Where that is
// too long for a row, the name of who wrote it is cut.
func (a *answerPage) entryHead(e *query.AskEvidence) string {
	writer := e.Pod
	if writer == "" {
		writer = e.Service
	}
	parts := []string{e.Time.UTC().Format(secondLayout), Safe(e.Kind), Safe(namespaced(e.Namespace, writer)), Safe(e.Reason), a.id(e)}
	head := func() string {
		return strings.Join(slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return part == "" }), gap)
	}
	if over := answerIndent + width(head()) - a.terminal.Width; a.terminal.Width > 0 && over > 0 && !a.wide {
		parts[2] = shorten(parts[2], max(leastName, width(parts[2])-over))
	}
	return head()
}

// alike names entries like one that is shown.
func (a *answerPage) alike(list []*query.AskEvidence) {
	if len(list) == 0 {
		return
	}
	var named []string
	for _, e := range list[:min(len(list), shownAlike)] {
		named = append(named, e.Time.UTC().Format(secondLayout)+" "+a.id(e))
	}
	text := Count(int64(len(list))) + " more like it: " + strings.Join(named, ", ")
	if len(list) > shownAlike {
		text += " .."
	}
	writeBlock(&a.b, 2*answerIndent, a.terminal.block(text, 2*answerIndent, 2), a.faintly)
}

func (a *answerPage) id(e *query.AskEvidence) string {
	id := Safe(e.ID)
	if a.terminal.Width > 0 && !a.wide {
		id = take(id, shortID)
	}
	return "[" + id + "]"
}

func (a *answerPage) faintly(s string) string { return a.terminal.paint(faint, s) }

func (a *answerPage) cascade(r *query.AskResponse) {
	if len(r.Cascade) == 0 {
		return
	}
	a.heading("In the order in which they began to fail")
	for i, s := range r.Cascade {
		text := fmt.Sprintf("%d. %s%s%s: %s", i+1, s.Since.UTC().Format(secondLayout), gap, namespaced(s.Namespace, s.Service), s.Says)
		if r.Object != nil && r.Object.Workload() == s.Service && r.Object.Namespace == s.Namespace {
			text += " (the cause)"
		}
		a.item(text)
	}
	if r.CascadeMore > 0 {
		a.item("and " + Count(int64(r.CascadeMore)) + " more")
	}
}

func (a *answerPage) changes(list []query.AskChange) {
	if len(list) == 0 {
		return
	}
	a.heading("What changed just before")
	for _, c := range list {
		text := c.Time.UTC().Format(secondLayout) + gap + c.Object.String() + ": " + c.Says
		a.item(text)
	}
}

// next writes commands whole, to be copied.
func (a *answerPage) next(list []query.AskCommand) {
	if len(list) == 0 {
		return
	}
	a.heading("Look next (read-only)")
	for _, c := range list {
		a.b.WriteString(strings.Repeat(" ", answerIndent) + Safe(c.Text) + a.terminal.paint(faint, "   # "+Safe(c.Why)) + "\n")
	}
}

func (a *answerPage) also(list []query.AskFault) {
	if len(list) == 0 {
		return
	}
	a.heading("Also found")
	for _, f := range list {
		text := string(f.Cause) + gap + f.Object.String() + ": " + f.Says + " (" + times(f.Count) + ", since " + seen(f.Since, a.now) + ")"
		a.item(text)
	}
}

func (a *answerPage) nearest(r *query.AskResponse) {
	if r.Answered || len(r.Nearest) == 0 {
		return
	}
	a.heading("What came nearest to the question")
	a.hits(r.Nearest)
}

func (a *answerPage) looked(r *query.AskResponse) {
	l := &r.Looked
	a.b.WriteString("\n")
	if len(l.Read) > 0 {
		phrases := make([]string, len(l.Read))
		for i, phrase := range l.Read {
			phrases[i] = `"` + phrase + `"`
		}
		a.note("read", strings.Join(phrases, ", "))
	}
	a.note("filters", Flags(l.Filters))
	a.note("about", strings.Join(l.About, ", "))
	text := fmt.Sprintf("%s to %s: %s and %s of %s", l.From.UTC().Format(secondLayout), l.To.UTC().Format(secondLayout),
		plural(l.Events, "event"), Count(l.PatternsRead), plural(l.Patterns, "pattern"))
	if l.Truncated {
		text += "; there was more than is read: narrow it by --namespace or --from"
	}
	a.note("looked", text)
}
