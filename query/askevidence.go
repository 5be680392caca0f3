package query

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query/diagnose"
)

const (
	// maxEvidenceText bounds the text of evidence, in bytes.
	maxEvidenceText = 1_500
	// linesAround is how many lines before and after the matched one are shown of
	// a long text, as far as it has them; maxNeighbour is what is left of each of
	// them where they do not fit whole, in bytes.
	linesAround  = 3
	maxNeighbour = 120
)

// chooseEvidence takes up to n entries from the findings in turn, the cause's
// first: one of each pattern, then errors of the same workload that no rule
// knows (at most a third), then further ones of patterns that are there.
func chooseEvidence(d diagnose.Diagnosis, sightings []diagnose.Sighting, n int) []AskEvidence {
	c := evidenceChoice{n: n, list: []AskEvidence{}, entries: map[pipeline.ID]struct{}{}, texts: map[string]struct{}{}, patterns: map[pipeline.PatternID]struct{}{}}
	c.addFindings(d.Findings, func(e *pipeline.Entry) bool {
		_, shown := c.patterns[e.Pattern.ID]
		return !shown || e.Pattern.ID.IsZero()
	})
	if d.Cause.IsFault() {
		c.addErrors(d, sightings)
	}
	c.addFindings(d.Findings, func(*pipeline.Entry) bool { return true })
	return c.list
}

type evidenceChoice struct {
	n        int
	list     []AskEvidence
	entries  map[pipeline.ID]struct{}
	texts    map[string]struct{}
	patterns map[pipeline.PatternID]struct{}
}

func (c *evidenceChoice) add(e *pipeline.Entry, shown AskEvidence) {
	_, twice := c.entries[e.ID]
	if _, told := c.texts[shown.Text]; twice || told || len(c.list) >= c.n {
		return
	}
	c.entries[e.ID], c.texts[shown.Text], c.patterns[e.Pattern.ID] = struct{}{}, struct{}{}, struct{}{}
	c.list = append(c.list, shown)
}

// addFindings goes round the findings; of each it takes the next that may be
// shown.
func (c *evidenceChoice) addFindings(findings []diagnose.Finding, may func(*pipeline.Entry) bool) {
	next := make([]int, len(findings))
	for left := true; left && len(c.list) < c.n; {
		left = false
		for i := range findings {
			f := &findings[i]
			for before := len(c.list); next[i] < len(f.Evidence) && len(c.list) == before; next[i]++ {
				if e := f.Evidence[next[i]]; e.Entry != nil && may(e.Entry) {
					c.add(e.Entry, newAskEvidence(e, f.Rule, f.Says))
				}
			}
			left = left || next[i] < len(f.Evidence)
		}
	}
}

// addErrors adds errors of the cause's subject that no rule found, newest first,
// one of each pattern.
func (c *evidenceChoice) addErrors(d diagnose.Diagnosis, sightings []diagnose.Sighting) {
	subject := d.Object
	if len(d.Findings) > 0 && !d.Findings[0].Subject.IsZero() {
		subject = d.Findings[0].Subject
	}
	var errors []*pipeline.Entry
	for _, s := range sightings {
		if s.Entry.Level >= pipeline.LevelError && s.Entry.Kind == pipeline.KindLog && isOf(s.Entry, subject) {
			errors = append(errors, s.Entry)
		}
	}
	slices.SortStableFunc(errors, func(a, b *pipeline.Entry) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), slices.Compare(a.ID[:], b.ID[:]))
	})
	room := c.n / 3
	for _, e := range errors {
		if _, shown := c.patterns[e.Pattern.ID]; shown && !e.Pattern.ID.IsZero() {
			continue
		}
		before := len(c.list)
		if room == 0 {
			return
		}
		c.add(e, newAskEvidence(diagnose.Evidence{Entry: e}, "", "an error of the same workload"))
		room -= len(c.list) - before
	}
}

// isOf says that a line was written by a workload; by nothing that is known, for
// one that is not known.
func isOf(e *pipeline.Entry, o diagnose.Object) bool {
	r := e.Resource
	if r == nil {
		r = &pipeline.Resource{}
	}
	if o.IsZero() || r.Pod == "" {
		return o.IsZero() && r.Pod == ""
	}
	if !o.IsWorkload() || o.Namespace != "" && o.Namespace != r.Namespace || o.Cluster != "" && o.Cluster != r.Cluster {
		return false
	}
	return diagnose.Object{Kind: "Pod", Name: r.Pod}.Workload() == o.Workload() || e.Service == o.Workload()
}

// evidenceText is what is shown of an entry: a line as it was written, so that it
// can be found again, but of JSON and of events what they say; of a long one the
// part around what was matched.
func evidenceText(found diagnose.Evidence) string {
	e := found.Entry
	text := diagnose.Text(e)
	raw := strings.TrimSpace(e.Raw)
	if e.Kind == pipeline.KindEvent || raw == "" || raw[0] == '{' {
		return excerpt(text, found.Start, found.End)
	}
	if len(e.Raw) <= maxEvidenceText {
		return strings.TrimRight(e.Raw, "\r\n")
	}
	matched := text[found.Start:found.End]
	if at := strings.Index(e.Raw, matched); at >= 0 {
		return excerpt(e.Raw, at, at+len(matched))
	}
	return excerpt(text, found.Start, found.End)
}

func newAskEvidence(found diagnose.Evidence, rule, says string) AskEvidence {
	e := found.Entry
	shown := AskEvidence{
		ID: e.ID.String(), Time: utc(e.Time), Kind: e.Kind.String(), Level: e.Level.String(), Service: e.Service,
		Text: evidenceText(found), Rule: rule, Says: says,
	}
	if r := e.Resource; r != nil {
		shown.Cluster, shown.Namespace, shown.Pod = r.Cluster, r.Namespace, r.Pod
	}
	if e.Event != nil {
		shown.Reason = e.Event.Reason
	}
	if !e.Pattern.ID.IsZero() {
		shown.PatternID = e.Pattern.ID.String()
	}
	return shown
}

// excerpt is a message of at most maxEvidenceText bytes: of a longer one the line
// that holds the bytes start to end, and whole lines around it. An ellipsis
// stands where something is left out.
func excerpt(message string, start, end int) string {
	message = strings.ToValidUTF8(message, "\ufffd")
	if len(message) <= maxEvidenceText {
		return strings.Clone(message)
	}
	start = min(max(0, start), len(message))
	end = min(max(start, end), len(message))
	lines := strings.SplitAfter(message, "\n")
	at, offset := 0, 0
	for at < len(lines)-1 && offset+len(lines[at]) <= start {
		offset += len(lines[at])
		at++
	}
	const ellipsis = "…"
	budget := maxEvidenceText - 2*len(ellipsis) - 2
	nearby := 0 // bytes of the lines around the matched one
	for i := max(0, at-linesAround); i <= min(len(lines)-1, at+linesAround); i++ {
		if i != at {
			nearby += len(lines[i])
		}
	}
	matched := around(lines[at], start-offset, end-offset, budget-min(nearby, 2*linesAround*maxNeighbour))
	first, last := at, at // of the lines that are shown
	shown := []string{matched}
	used := len(matched)
	reach := func(distance, longest int) {
		for _, i := range [...]int{at - distance, at + distance} {
			outside := i == first-1 && i >= 0 || i == last+1 && i < len(lines)
			if !outside {
				continue
			}
			line := around(lines[i], 0, 0, longest)
			if used+len(line) > budget {
				continue
			}
			used += len(line)
			if i < first {
				first, shown = i, slices.Insert(shown, 0, line)
			} else {
				last, shown = i, append(shown, line)
			}
		}
	}
	longest := maxEvidenceText // whole lines
	if used+nearby > budget {
		longest = maxNeighbour
	}
	for distance := 1; distance <= linesAround; distance++ {
		reach(distance, longest)
	}
	for distance := linesAround + 1; first > 0 || last < len(lines)-1; distance++ {
		before := len(shown)
		reach(distance, maxEvidenceText)
		if len(shown) == before {
			break
		}
	}
	text := strings.TrimSuffix(strings.Join(shown, ""), "\n")
	if first > 0 {
		text = ellipsis + "\n" + text
	}
	if last < len(lines)-1 {
		text += "\n" + ellipsis
	}
	return text
}

// around is at most n bytes of a line, those from start on and what stands before
// them, on the borders of characters.
func around(line string, start, end, n int) string {
	if len(line) <= n {
		return line
	}
	const ellipsis = "…"
	newline := ""
	if strings.HasSuffix(line, "\n") {
		line, newline = line[:len(line)-1], "\n"
	}
	n -= 2*len(ellipsis) + len(newline)
	// A third of what is left stands before the match, the rest behind.
	from := max(0, min(start-max(0, n-(end-start))/3, len(line)-n))
	to := min(len(line), from+n)
	for from < to && !utf8.RuneStart(line[from]) {
		from++
	}
	for to > from && to < len(line) && !utf8.RuneStart(line[to]) {
		to--
	}
	text := line[from:to]
	if from > 0 {
		text = ellipsis + text
	}
	if to < len(line) {
		text += ellipsis
	}
	return text + newline
}
