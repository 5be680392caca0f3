package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/loglode/loglode/pipeline"
)

// A full block's groups are its lines in numbers, so that counting patterns
// reads neither columns nor texts. The lines without a pattern are left out,
// and a block that has no others has no row.
//
//	format                           byte
//	groups, by document, kind, level and resource:
//	  step of the document's number  uvarint
//	  flags | level << 2 | kind << 10
//	                                 uvarint; one byte for lines of logs
//	  resource                       uvarint
//	  first time                     uvarint, from the block's
//	  lines, last from first time    uvarints, if manyLines
//	  lines without an event, UIDs, and for each UID a hash of 16 bytes and its
//	  highest count                  uvarints, if withEvents
const groupsFormat = 1

// The flags of a group.
const (
	manyLines  = 1 << iota // more than one
	withEvents             // some line is a version of an event

	groupLevelShift = 2
	groupKindShift  = 10
)

// uidHash is XXH3-128 of an event's UID.
type uidHash [16]byte

func hashUID(uid string) uidHash { return xxh3.HashString128(uid).Bytes() }

// blockGroup is one group of a block.
type blockGroup struct {
	document, resource uint32
	kind               pipeline.Kind
	level              pipeline.Level
	lines, eventless   int64 // eventless of lines have no event
	first, last        int64
	events             []uidCount // valid until the next group
}

type uidCount struct {
	uid   uidHash
	count uint64
}

// grouper encodes groups. It is reused.
type grouper struct {
	order  []groupedRow
	events []uidCount
}

// groupedRow is a row by what groups are sorted by.
type groupedRow struct {
	document, resource uint32
	kindLevel          uint16
	place              uint8
}

// append appends the groups of a block's rows, nothing if none has a pattern.
func (g *grouper) append(dst []byte, s *summary, rows []row) []byte {
	g.order = g.order[:0]
	for i := range rows {
		if r := &rows[i]; r.pattern != 0 {
			g.order = append(g.order, groupedRow{r.pattern, r.resource, uint16(r.kind)<<8 | uint16(r.level), uint8(i)})
		}
	}
	if len(g.order) == 0 {
		return dst
	}
	slices.SortFunc(g.order, func(a, b groupedRow) int {
		if c := cmp.Compare(a.document, b.document); c != 0 {
			return c
		}
		if c := cmp.Compare(a.kindLevel, b.kindLevel); c != 0 {
			return c
		}
		return cmp.Compare(a.resource, b.resource)
	})
	dst = append(dst, groupsFormat)
	previous := uint32(0)
	for rest := g.order; len(rest) > 0; {
		head, n := rest[0], 1
		for n < len(rest) && rest[n].document == head.document && rest[n].kindLevel == head.kindLevel && rest[n].resource == head.resource {
			n++
		}
		dst = binary.AppendUvarint(dst, uint64(head.document-previous))
		previous = head.document
		dst = g.appendGroup(dst, s.minTime, rows, rest[:n])
		rest = rest[n:]
	}
	return dst
}

// appendGroup encodes the rows of one group but for its document.
func (g *grouper) appendGroup(dst []byte, start int64, rows []row, group []groupedRow) []byte {
	first, last, eventless := int64(math.MaxInt64), int64(math.MinInt64), 0
	g.events = g.events[:0]
	for _, at := range group {
		r := &rows[at.place]
		first, last = min(first, r.time), max(last, r.time)
		if r.event == nil {
			eventless++
			continue
		}
		g.events = append(g.events, uidCount{hashUID(r.event.UID), r.event.Count})
	}
	flags := uint64(0)
	if len(group) > 1 {
		flags |= manyLines
	}
	if len(g.events) > 0 {
		flags |= withEvents
	}
	level, kind := uint64(group[0].kindLevel&0xff), uint64(group[0].kindLevel>>8)
	dst = binary.AppendUvarint(dst, flags|level<<groupLevelShift|kind<<groupKindShift)
	dst = binary.AppendUvarint(dst, uint64(group[0].resource))
	dst = binary.AppendUvarint(dst, uint64(first-start))
	if flags&manyLines != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(group)))
		dst = binary.AppendUvarint(dst, uint64(last-first))
	}
	if flags&withEvents != 0 {
		g.events = highest(g.events)
		dst = binary.AppendUvarint(dst, uint64(eventless))
		dst = binary.AppendUvarint(dst, uint64(len(g.events)))
		for _, e := range g.events {
			dst = append(dst, e.uid[:]...)
			dst = binary.AppendUvarint(dst, e.count)
		}
	}
	return dst
}

// highest keeps of each UID its highest count, in place.
func highest(events []uidCount) []uidCount {
	slices.SortFunc(events, func(a, b uidCount) int {
		return cmp.Or(slices.Compare(a.uid[:], b.uid[:]), cmp.Compare(b.count, a.count))
	})
	return slices.CompactFunc(events, func(a, b uidCount) bool { return a.uid == b.uid })
}

// eachGroup calls fn for the groups that grouper.append wrote. start is the
// block's first time.
func eachGroup(data []byte, start int64, fn func(g *blockGroup) error) error {
	r := reader{data: data}
	if format := r.byte(); format != groupsFormat {
		return fmt.Errorf("groups have format %d: %w", format, errCorrupt)
	}
	var g blockGroup
	for len(r.data) > 0 {
		g.document += uint32(r.uvarint())
		head := r.uvarint()
		g.kind, g.level = pipeline.Kind(head>>groupKindShift), pipeline.Level(head>>groupLevelShift)
		g.resource = uint32(r.uvarint())
		g.first = start + int64(r.uvarint())
		g.lines, g.last = 1, g.first
		if head&manyLines != 0 {
			g.lines = int64(r.uvarint())
			g.last += int64(r.uvarint())
		}
		g.eventless, g.events = g.lines, g.events[:0]
		if head&withEvents != 0 {
			g.eventless = int64(r.uvarint())
			for range min(r.uvarint(), blockEntries) {
				var e uidCount
				copy(e.uid[:], r.bytes(uint64(len(e.uid))))
				e.count = r.uvarint()
				g.events = append(g.events, e)
			}
		}
		if r.broken {
			return errCorrupt
		}
		if err := fn(&g); err != nil {
			return err
		}
	}
	return nil
}

// groups answers PatternReader.Groups.
func (s *Store) groups(ctx context.Context, q pipeline.PatternQuery) ([]pipeline.PatternGroup, error) {
	x, err := s.newSearch(&pipeline.LineQuery{Filter: q.Filter, Text: q.Text, Any: q.Any})
	if err != nil {
		return nil, err
	}
	if x.text.nothing || q.Filter.Scopes != nil && len(q.Filter.Scopes) == 0 {
		return nil, nil
	}
	days, err := s.snapshotDays(q.Filter.From, q.Filter.To)
	if err != nil {
		return nil, err
	}
	totals := groupTotals{}
	for _, d := range days {
		// A day adds all of its groups or none: it may be dropped while it is read.
		var ofDay groupTotals
		err := d.use(ctx, func(v *view, db *sql.DB) (err error) {
			c := groupCounter{search: x, view: v, db: db, matcher: newMatcher(x.filter, v), totals: map[dayGroup]*groupTotal{}}
			ofDay, err = c.count(ctx)
			return err
		})
		if errors.Is(err, errDropped) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("count patterns of day %s: %w", d.name, err)
		}
		totals.merge(ofDay)
	}
	return totals.groups(), nil
}

// groupTotals are groups under way.
type groupTotals map[groupKey]*groupTotal

type groupKey struct {
	document sharedDocument
	kind     pipeline.Kind
}

type groupTotal struct {
	level            pipeline.Level
	lines, eventless int64
	first, last      int64
	counts           map[uidHash]uint64 // the highest of each UID; nil without events
}

func (t *groupTotal) add(level pipeline.Level, lines, eventless, first, last int64) {
	t.level = max(t.level, level)
	t.lines += lines
	t.eventless += eventless
	t.first, t.last = min(t.first, first), max(t.last, last)
}

func (t *groupTotal) event(uid uidHash, count uint64) {
	if t.counts == nil {
		t.counts = map[uidHash]uint64{}
	}
	t.counts[uid] = max(t.counts[uid], count)
}

// count is how often it happened, at most math.MaxInt64.
func (t *groupTotal) count() int64 {
	sum := uint64(t.eventless)
	for _, n := range t.counts {
		sum += min(n, math.MaxInt64)
		sum = min(sum, math.MaxInt64)
	}
	return int64(sum)
}

func (totals groupTotals) merge(o groupTotals) {
	for k, from := range o {
		to := totals[k]
		if to == nil {
			totals[k] = from
			continue
		}
		to.add(from.level, from.lines, from.eventless, from.first, from.last)
		for uid, n := range from.counts {
			to.event(uid, n)
		}
	}
}

func (totals groupTotals) groups() []pipeline.PatternGroup {
	groups := make([]pipeline.PatternGroup, 0, len(totals))
	for k, t := range totals {
		d := k.document.Value()
		groups = append(groups, pipeline.PatternGroup{
			Pattern: d.pattern, Cluster: d.cluster, Namespace: d.namespace, Service: d.service, Kind: k.kind,
			Level: t.level, Lines: t.lines, Count: t.count(), First: t.first, Last: t.last,
		})
	}
	return groups
}

// dayGroup is groupKey in a day's numbers.
type dayGroup struct {
	document uint32
	kind     pipeline.Kind
}

// groupCounter counts the groups of one day.
type groupCounter struct {
	search  *search
	view    *view
	db      *sql.DB
	matcher *matcher
	totals  map[dayGroup]*groupTotal
}

func (c *groupCounter) total(document uint32, kind pipeline.Kind) *groupTotal {
	k := dayGroup{document, kind}
	t := c.totals[k]
	if t == nil {
		t = &groupTotal{first: math.MaxInt64, last: math.MinInt64}
		c.totals[k] = t
	}
	return t
}

func (c *groupCounter) count(ctx context.Context) (groupTotals, error) {
	blocks, err := candidates(ctx, c.db, c.view, c.matcher, c.search.text.expression())
	if err != nil {
		return nil, err
	}
	// What is stored in numbers answers for full blocks of which every time
	// matches; the lines of the others are looked at.
	whole, cut := make([]*summary, 0, len(blocks)), []*summary(nil)
	for _, s := range blocks {
		switch {
		case slices.Equal(s.documents, noDocuments):
		case s != c.view.open && c.search.text.empty() && s.within(c.matcher.from, c.matcher.to):
			whole = append(whole, s)
		default:
			cut = append(cut, s)
		}
	}
	if err := c.countWhole(ctx, whole); err != nil {
		return nil, err
	}
	r := &blockReader{store: c.search.store, q: c.db, view: c.view}
	for _, s := range cut {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := c.countLines(ctx, r, s); err != nil {
			return nil, err
		}
	}
	totals := make(groupTotals, len(c.totals))
	for k, t := range c.totals {
		totals[groupKey{c.view.documents[k.document], k.kind}] = t
	}
	return totals, nil
}

// within says whether all times of a block lie in [from, to); 0 is open.
func (s *summary) within(from, to int64) bool {
	return (from == 0 || s.minTime >= from) && (to == 0 || s.maxTime < to)
}

// groupGap is how many blocks between two that are wanted are read along: a row
// of a scan costs about a twentieth of a statement.
const groupGap = 16

// countWhole adds the groups of full blocks, which ascend.
func (c *groupCounter) countWhole(ctx context.Context, blocks []*summary) error {
	wanted := c.documents()
	for len(blocks) > 0 {
		n := 1
		for n < len(blocks) && blocks[n].id-blocks[n-1].id <= groupGap {
			n++
		}
		run := blocks[:n]
		blocks = blocks[n:]
		err := each(ctx, c.db, `SELECT id, data FROM block_groups WHERE id BETWEEN ? AND ? ORDER BY id`, func(id int64, data []byte) error {
			if len(run) == 0 || run[0].id != id {
				return nil
			}
			s := run[0]
			run = run[1:]
			return eachGroup(data, s.minTime, func(g *blockGroup) error { return c.addGroup(g, wanted) })
		}, run[0].id, run[n-1].id)
		if err != nil {
			return fmt.Errorf("read groups: %w", err)
		}
		if len(run) > 0 {
			return fmt.Errorf("groups of block %d: %w", run[0].id, errCorrupt)
		}
	}
	return nil
}

// documents is which documents the filter's patterns and services select, by
// number; nil for any.
func (c *groupCounter) documents() []bool {
	services := c.search.filter.Services
	if len(services) == 0 {
		return c.matcher.documents
	}
	wanted := make([]bool, len(c.view.documents))
	for i, d := range c.view.documents {
		wanted[i] = c.matcher.document(i) && slices.Contains(services, d.Value().service)
	}
	return wanted
}

func (c *groupCounter) addGroup(g *blockGroup, wanted []bool) error {
	m := c.matcher
	if int(g.document) >= len(c.view.documents) || int(g.resource) >= len(c.view.resources) || g.document == 0 {
		return fmt.Errorf("dictionary of groups: %w", errCorrupt)
	}
	if len(wanted) > 0 && !wanted[g.document] || len(m.resources) > 0 && !m.resources[g.resource] ||
		m.levels != 0 && !slices.Contains(m.exactLevels, g.level) || m.kinds != 0 && !slices.Contains(m.exactKinds, g.kind) {
		return nil
	}
	t := c.total(g.document, g.kind)
	t.add(g.level, g.lines, g.eventless, g.first, g.last)
	for _, e := range g.events {
		t.event(e.uid, e.count)
	}
	return nil
}

// countLines adds the lines of a block that match.
func (c *groupCounter) countLines(ctx context.Context, r *blockReader, s *summary) error {
	f, err := c.search.findIn(ctx, c.db, s)
	if err != nil || f.entries.empty() {
		return err
	}
	if err := r.open(ctx, s); err != nil {
		return err
	}
	entries := c.matcher.entries(&r.columns)
	entries.and(f.entries)
	if entries.empty() {
		return nil
	}
	if c.search.text.phrases {
		if err := r.readTexts(ctx); err != nil {
			return err
		}
	}
	entries.each(func(i int) {
		if r.columns.pattern[i] == 0 || c.search.text.phrases && !c.search.text.confirm(&f, i, r.message(i)) {
			return
		}
		t := c.total(uint32(r.columns.pattern[i]), pipeline.Kind(r.columns.kind[i]))
		eventless := int64(1)
		if r.columns.hasEvent[i] != 0 {
			eventless = 0
			t.event(hashUID(r.columns.uid(i)), r.columns.count[i])
		}
		at := r.columns.time[i]
		t.add(pipeline.Level(r.columns.level[i]), 1, eventless, at, at)
	})
	return nil
}
