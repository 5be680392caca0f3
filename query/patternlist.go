package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

const (
	// defaultWindow is what is compared where no times are given.
	defaultWindow = 24 * time.Hour
	oneDay        = 24 * time.Hour
)

// PatternList lists patterns in numbers. A request that cannot be understood is
// an error that wraps pipeline.ErrRejected and carries a hint.
func (s *Service) PatternList(ctx context.Context, r PatternsRequest) (PatternsResponse, error) {
	response := PatternsResponse{Patterns: []PatternRow{}}
	if s.Patterns == nil {
		return response, errNoPatterns()
	}
	r, err := r.check()
	if err != nil {
		return response, err
	}
	now := s.now()
	filter, err := r.filter(now)
	if err != nil {
		return response, err
	}
	if r.Order != OrderCount {
		if err := closeWindow(&filter, now); err != nil {
			return response, err
		}
	}
	response.Window = timeRange(filter)
	groups, err := s.groups(ctx, pipeline.PatternQuery{Filter: filter})
	if err != nil {
		return response, err
	}
	var rows []PatternRow
	if r.Order == OrderCount {
		rows = countRows(groups)
	} else if rows, err = s.compare(ctx, r, filter, groups, &response); err != nil {
		return response, err
	}
	if len(groups) == 0 {
		note, err := s.nothingThere(ctx, filter)
		if err != nil {
			return response, err
		}
		response.Note = joinNotes(note, response.Note)
	}
	slices.SortFunc(rows, rowOrder(r.Order))
	response.Total = len(rows)
	response.Patterns = append(response.Patterns, rows[:min(len(rows), r.Limit)]...)
	return response, nil
}

// closeWindow gives a window ends: the last 24 hours, or up to now, or the 24
// hours before its end.
func closeWindow(f *pipeline.Filter, now time.Time) error {
	if f.To == 0 {
		f.To = max(now.UnixNano(), f.From+1)
	}
	if f.From == 0 {
		f.From = max(1, f.To-int64(defaultWindow))
	}
	if f.From >= f.To {
		return rejectf("give a later end", "the window ends before 1970-01-02")
	}
	return nil
}

func timeRange(f pipeline.Filter) TimeRange {
	var r TimeRange
	if f.From != 0 {
		from := time.Unix(0, f.From).UTC()
		r.From = &from
	}
	if f.To != 0 {
		to := time.Unix(0, f.To).UTC()
		r.To = &to
	}
	return r
}

// compare makes rows of what changed since the time before.
func (s *Service) compare(ctx context.Context, r PatternsRequest, window pipeline.Filter, groups []pipeline.PatternGroup, response *PatternsResponse) ([]PatternRow, error) {
	before, err := s.timeBefore(ctx, r.Against, window)
	if err != nil {
		return nil, err
	}
	shown := timeRange(before.filter)
	response.Before, response.Note = &shown, before.note
	if before.empty {
		return nil, nil
	}
	earlier, err := s.groups(ctx, pipeline.PatternQuery{Filter: before.filter})
	if err != nil {
		return nil, err
	}
	switch r.Order {
	case OrderNew:
		return newRows(groups, earlier), nil
	case OrderRising:
		length := float64(window.To-window.From) / float64(before.filter.To-before.filter.From)
		return risingRows(groups, earlier, length), nil
	}
	return silentRows(groups, earlier), nil
}

// comparison is what a window is measured against.
type comparison struct {
	filter pipeline.Filter
	empty  bool
	note   string
}

// timeBefore chooses what a window is measured against: what was asked for, else
// the same hours as many whole days before as the window has begun, else, where
// nothing was indexed then, the window's own length just before.
func (s *Service) timeBefore(ctx context.Context, against string, window pipeline.Filter) (comparison, error) {
	length := time.Duration(window.To - window.From)
	shifts := []time.Duration{(length + oneDay - 1) / oneDay * oneDay, length}
	if against != "" {
		shift, _ := parseAgo(against)
		shifts = []time.Duration{shift}
	} else if shifts[0] == length {
		shifts = shifts[:1]
	}
	var c comparison
	for i, shift := range shifts {
		c = comparison{filter: window}
		c.filter.From, c.filter.To = window.From-int64(shift), window.To-int64(shift)
		if c.filter.From <= 0 { // 0 would be open
			c.filter.From = 1
		}
		if c.filter.To <= c.filter.From {
			c.filter.To = c.filter.From + 1
		}
		first, err := s.firstLine(ctx, indexed(c.filter), pipeline.OldestFirst)
		if err != nil {
			return c, err
		}
		if first != 0 {
			c.note = partNote(first, c.filter)
			if i > 0 {
				c.note = joinNotes("nothing was indexed in the same hours before: measured against the time just before", c.note)
			}
			return c, nil
		}
	}
	c.empty = true
	c.note = "nothing was indexed in the time before: nothing can be called new, rising or silent"
	return c, nil
}

// indexed is what says whether anything was indexed at all where and when a
// filter looks: a level that did not occur is a finding, a namespace that was
// not collected is none.
func indexed(f pipeline.Filter) pipeline.Filter {
	return pipeline.Filter{Clusters: f.Clusters, Namespaces: f.Namespaces, Services: f.Services, Kinds: f.Kinds, From: f.From, To: f.To}
}

// partNote says that the time before was indexed in part only: what happened in
// the rest of it passes for new.
func partNote(first int64, before pipeline.Filter) string {
	if first-before.From <= (before.To-before.From)/10 {
		return ""
	}
	return "the time before is indexed from " + minuteOf(first) + " on only"
}

// firstLine is the time of the first line in an order, 0 where there is none.
func (s *Service) firstLine(ctx context.Context, f pipeline.Filter, order pipeline.Order) (int64, error) {
	page, err := s.lines(ctx, pipeline.LineQuery{Filter: f, Order: order, Limit: 1})
	if err != nil || len(page.Lines) == 0 {
		return 0, err
	}
	return max(1, page.Lines[0].Time), nil
}

// nothingThere says where to look instead when a window is empty.
func (s *Service) nothingThere(ctx context.Context, f pipeline.Filter) (string, error) {
	f.From, f.To = 0, 0
	newest, err := s.firstLine(ctx, f, pipeline.NewestFirst)
	if err != nil {
		return "", err
	}
	if newest == 0 {
		return "no line matches the filters at any time", nil
	}
	return fmt.Sprintf("no line with a pattern lies in the window; the newest line is from %s: use --from/--to", minuteOf(newest)), nil
}

func minuteOf(t int64) string { return time.Unix(0, t).UTC().Format("2006-01-02 15:04") }

func joinNotes(notes ...string) string {
	return strings.Join(slices.DeleteFunc(notes, func(n string) bool { return n == "" }), "; ")
}

// rowKey tells rows apart.
type rowKey struct {
	documentKey
	kind pipeline.Kind
}

func byRow(groups []pipeline.PatternGroup) map[rowKey]*pipeline.PatternGroup {
	rows := make(map[rowKey]*pipeline.PatternGroup, len(groups))
	for i := range groups {
		rows[rowKey{groupKey(&groups[i]), groups[i].Kind}] = &groups[i]
	}
	return rows
}

func newRow(g *pipeline.PatternGroup) PatternRow {
	return PatternRow{
		PatternID: g.Pattern.ID.String(), Template: g.Pattern.Template, Kind: g.Kind.String(), Cluster: g.Cluster, Namespace: g.Namespace,
		Service: g.Service, Level: g.Level.String(), Count: g.Count, FirstSeen: time.Unix(0, g.First).UTC(), LastSeen: time.Unix(0, g.Last).UTC(),
	}
}

func countRows(groups []pipeline.PatternGroup) []PatternRow {
	rows := make([]PatternRow, len(groups))
	for i := range groups {
		rows[i] = newRow(&groups[i])
	}
	return rows
}

func newRows(groups, earlier []pipeline.PatternGroup) []PatternRow {
	var rows []PatternRow
	before := byRow(earlier)
	for key, g := range byRow(groups) {
		if _, known := before[key]; !known {
			rows = append(rows, newRow(g))
		}
	}
	return rows
}

func risingRows(groups, earlier []pipeline.PatternGroup, length float64) []PatternRow {
	var rows []PatternRow
	before := byRow(earlier)
	for key, g := range byRow(groups) {
		b, known := before[key]
		if !known || !rises(g.Count, b.Count, length) {
			continue
		}
		row := newRow(g)
		row.Before = b.Count
		rows = append(rows, row)
	}
	return rows
}

func silentRows(groups, earlier []pipeline.PatternGroup) []PatternRow {
	var rows []PatternRow
	still := byRow(groups)
	for key, b := range byRow(earlier) {
		if _, there := still[key]; there {
			continue
		}
		row := newRow(b)
		row.Before, row.Count = b.Count, 0
		rows = append(rows, row)
	}
	return rows
}

const (
	// risingFactor and risingScore: at least twice as often, and further from
	// the same rate than chance goes in one of 700 patterns.
	risingFactor = 2.0
	risingScore  = 3.0
)

// rises says whether count is clearly more than before, the count of a window
// of which this one is length times as long. The test is that of two Poisson
// rates with the square root's stabilised variance, fair also for small counts:
//
//	W = 2 (sqrt(count + 3/8) - sqrt(length (before + 3/8))) / sqrt(1 + length)
//
// (Gu, Ng, Tang, Schucany: Testing the ratio of two Poisson rates, Biometrical
// Journal 50, 2008). Lines come in bursts, which no Poisson
// process has: hence the factor beside the test.
func rises(count, before int64, length float64) bool {
	c, b := float64(count), float64(before)
	w := 2 * (math.Sqrt(c+3.0/8) - math.Sqrt(length*(b+3.0/8))) / math.Sqrt(1+length)
	return c >= risingFactor*length*b && w >= risingScore
}

// steepness orders what rises: by how many times more, with half a count added
// so that small numbers do not come first.
func steepness(r PatternRow) float64 { return (float64(r.Count) + .5) / (float64(r.Before) + .5) }

// rowOrder compares rows in an order; what is equal in it goes by count, then by
// what tells rows apart.
func rowOrder(order string) func(a, b PatternRow) int {
	return func(a, b PatternRow) int {
		first := 0
		switch order {
		case OrderNew:
			first = b.FirstSeen.Compare(a.FirstSeen)
		case OrderRising:
			first = cmp.Compare(steepness(b), steepness(a))
		case OrderSilent:
			first = cmp.Compare(b.Before, a.Before)
		}
		return cmp.Or(first, cmp.Compare(b.Count, a.Count), cmp.Compare(a.PatternID, b.PatternID), cmp.Compare(a.Cluster, b.Cluster),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Kind, b.Kind))
	}
}
