package query

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query/diagnose"
)

const (
	// maxEvents bounds the events that are read, newest first; those of what is
	// asked about are read as well, as many again at most.
	maxEvents  = 5_000
	eventsPage = 1_000
	// nodeEvents is the namespace that Kubernetes puts events of nodes into, which
	// belong to none.
	nodeEvents = "default"
	// maxGathered bounds the texts of lines that are read for one answer, in bytes.
	maxGathered = 64 << 20
	// maxGroups bounds the patterns whose lines are read. Small stores are read
	// whole.
	maxGroups = 400
	// newestLines and oldestLines are how many of a pattern's are read: the first
	// tell how it began, the last what it came to.
	newestLines = 12
	oldestLines = 4
	// maxBatch bounds the lines of rare patterns that are read at once.
	maxBatch = 256
)

// gathered is what an answer rests on. Lines without a pattern, of which there
// are only where a store has more patterns than it keeps, are not among it.
type gathered struct {
	sightings []diagnose.Sighting
	// patterns is how many there are, patternsRead how many were read.
	patterns, patternsRead, events int64
	truncated                      bool
	seen                           map[pipeline.ID]struct{}
}

func (g *gathered) add(lines []pipeline.Line, n diagnose.Numbers) {
	for i := range lines {
		e := &lines[i].Entry
		if _, twice := g.seen[e.ID]; twice {
			continue
		}
		g.seen[e.ID] = struct{}{}
		g.sightings = append(g.sightings, diagnose.Sighting{Entry: e, Numbers: n})
	}
}

// gather reads what may matter of the window: all events, and lines of the
// patterns that promise most.
func (s *Service) gather(ctx context.Context, filter pipeline.Filter, a *asked) (*gathered, error) {
	g := &gathered{seen: map[pipeline.ID]struct{}{}}
	if err := s.gatherEvents(ctx, filter, a, g); err != nil {
		return nil, err
	}
	if s.Patterns == nil {
		return g, nil
	}
	return g, s.gatherLines(ctx, filter, a, g)
}

// narrowed is a filter of some kinds; not ok where none of them is left.
func narrowed(f pipeline.Filter, kinds ...pipeline.Kind) (narrow pipeline.Filter, ok bool) {
	if len(f.Kinds) > 0 {
		kinds = common(f.Kinds, kinds)
	}
	f.Kinds = kinds
	return f, len(kinds) > 0
}

// common are the kinds that both lists have; nil for none.
func common(a, b []pipeline.Kind) []pipeline.Kind {
	var list []pipeline.Kind
	for _, kind := range a {
		if slices.Contains(b, kind) {
			list = append(list, kind)
		}
	}
	return list
}

func (s *Service) gatherEvents(ctx context.Context, filter pipeline.Filter, a *asked, g *gathered) error {
	filter, ok := narrowed(filter, pipeline.KindEvent)
	if !ok {
		return nil
	}
	any := func(*pipeline.Entry) bool { return true }
	more, err := s.pages(ctx, filter, any, g)
	if err != nil {
		return err
	}
	if more {
		g.truncated = true
		if about := sortedNames(a.services); len(about) > 0 && len(filter.Services) == 0 {
			narrow := filter
			narrow.Services = about
			if _, err := s.pages(ctx, narrow, any, g); err != nil {
				return err
			}
		}
	}
	if len(filter.Namespaces) > 0 && !slices.Contains(filter.Namespaces, nodeEvents) {
		filter.Namespaces = []string{nodeEvents}
		if _, err := s.pages(ctx, filter, diagnose.IsOfCluster, g); err != nil {
			return err
		}
	}
	g.events = int64(len(g.sightings))
	return nil
}

// pages adds those that are kept of up to maxEvents events, newest first, and says
// whether there are more.
func (s *Service) pages(ctx context.Context, filter pipeline.Filter, keep func(*pipeline.Entry) bool, g *gathered) (more bool, err error) {
	q := pipeline.LineQuery{Filter: filter, Limit: eventsPage}
	for read := 0; ; {
		q.Limit = min(eventsPage, maxEvents-read)
		page, err := s.lines(ctx, q)
		if err != nil {
			return false, err
		}
		read += len(page.Lines)
		g.add(slices.DeleteFunc(page.Lines, func(l pipeline.Line) bool { return !keep(&l.Entry) }), diagnose.Numbers{})
		if page.Next == "" {
			return false, nil
		}
		if read >= maxEvents {
			return true, nil
		}
		q.Cursor = page.Next
	}
}

func sortedNames(set map[string]struct{}) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *Service) gatherLines(ctx context.Context, filter pipeline.Filter, a *asked, g *gathered) error {
	filter, ok := narrowed(filter, pipeline.KindLog, pipeline.KindNode)
	if !ok {
		return nil
	}
	groups, err := s.groups(ctx, pipeline.PatternQuery{Filter: filter})
	if err != nil {
		return err
	}
	heard := map[place]int64{}
	for i := range groups {
		at := groupKey(&groups[i]).place
		heard[at] = max(heard[at], groups[i].Last)
	}
	g.patterns = int64(len(groups))
	s.rank(groups, a)
	if len(groups) > maxGroups {
		groups, g.truncated = groups[:maxGroups], true
	}
	g.patternsRead = int64(len(groups))

	reads := readsOf(groups, a)
	var size atomic.Int64
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(concurrency)
	for i := range reads {
		work.Go(func() error {
			if size.Load() >= maxGathered {
				return nil
			}
			err := s.readGroups(workCtx, filter, &reads[i])
			for k := range reads[i].lines {
				size.Add(int64(len(reads[i].lines[k].Raw)))
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	if size.Load() >= maxGathered {
		g.truncated = true
	}
	numbers := map[groupID]diagnose.Numbers{}
	for i := range groups {
		p := &groups[i]
		numbers[groupOf(p)] = diagnose.Numbers{Count: p.Count, First: p.First, Last: p.Last, Heard: heard[groupKey(p).place]}
	}
	for i := range reads {
		for k := range reads[i].lines {
			line := reads[i].lines[k : k+1]
			g.add(line, numbers[groupOfEntry(&line[0].Entry)])
		}
	}
	return nil
}

// rank sorts groups by what they promise: those whose template holds a word of
// the rules first, then those of what is asked about, the more severe, the later.
func (s *Service) rank(groups []pipeline.PatternGroup, a *asked) {
	type promise struct{ rules, about int }
	promises := make(map[groupID]promise, len(groups))
	for i := range groups {
		p := &groups[i]
		var is promise
		if s.Rules.Promises(p.Pattern.Template, p.Level) {
			is.rules = 1
		}
		if _, about := a.services[p.Service]; about {
			is.about = 1
		}
		promises[groupOf(p)] = is
	}
	slices.SortFunc(groups, func(x, y pipeline.PatternGroup) int {
		px, py := promises[groupOf(&x)], promises[groupOf(&y)]
		return cmp.Or(cmp.Compare(py.rules, px.rules), cmp.Compare(py.about, px.about), cmp.Compare(y.Level, x.Level), cmp.Compare(y.Last, x.Last),
			comparePlaces(groupKey(&x).place, groupKey(&y).place), compareIDs(x.Pattern.ID, y.Pattern.ID), cmp.Compare(x.Kind, y.Kind))
	})
}

// groupID tells groups apart.
type groupID struct {
	documentKey
	kind pipeline.Kind
}

func groupOf(g *pipeline.PatternGroup) groupID { return groupID{groupKey(g), g.Kind} }

func groupOfEntry(e *pipeline.Entry) groupID {
	id := groupID{documentKey{place{service: e.Service}, e.Pattern.ID}, e.Kind}
	if r := e.Resource; r != nil {
		id.cluster, id.namespace = r.Cluster, r.Namespace
	}
	return id
}

// groupRead is what is asked of the store at once: one group, or several rare ones
// of a service, of which all lines are read.
type groupRead struct {
	groupID
	patterns []pipeline.PatternID
	lines    []pipeline.Line
	total    int64
	// pods are those that are asked about, whose lines may not be among the newest.
	pods []string
}

func readsOf(groups []pipeline.PatternGroup, a *asked) []groupRead {
	var reads []groupRead
	batches := map[groupID]int{} // where the batch of a place and kind is
	for i := range groups {
		p := &groups[i]
		rare := p.Lines <= newestLines+oldestLines
		key := groupID{documentKey{place: groupKey(p).place}, p.Kind}
		if at, open := batches[key]; rare && open && reads[at].total+p.Lines <= maxBatch {
			reads[at].patterns = append(reads[at].patterns, p.Pattern.ID)
			reads[at].total += p.Lines
			continue
		}
		read := groupRead{groupID: key, patterns: []pipeline.PatternID{p.Pattern.ID}, total: p.Lines}
		if _, about := a.services[p.Service]; about {
			read.pods = a.pods
		}
		if rare {
			batches[key] = len(reads)
		}
		reads = append(reads, read)
	}
	return reads
}

func (s *Service) readGroups(ctx context.Context, filter pipeline.Filter, r *groupRead) error {
	filter.Clusters, filter.Namespaces, filter.Services = []string{r.cluster}, []string{r.namespace}, []string{r.service}
	filter.Kinds, filter.Patterns = []pipeline.Kind{r.kind}, r.patterns
	read := func(filter pipeline.Filter, order pipeline.Order, limit int) error {
		page, err := s.lines(ctx, pipeline.LineQuery{Filter: filter, Order: order, Limit: limit})
		r.lines = append(r.lines, page.Lines...)
		return err
	}
	if r.total <= newestLines+oldestLines || len(r.patterns) > 1 {
		return read(filter, pipeline.NewestFirst, int(r.total))
	}
	if err := read(filter, pipeline.NewestFirst, newestLines); err != nil {
		return err
	}
	if err := read(filter, pipeline.OldestFirst, oldestLines); err != nil {
		return err
	}
	if len(r.pods) == 0 || len(filter.Pods) > 0 {
		return nil
	}
	filter.Pods = r.pods
	return read(filter, pipeline.NewestFirst, newestLines)
}
