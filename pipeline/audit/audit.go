// Package audit holds the stream against the index: every entry of the stream
// must be one document, or in the dead letters, or dropped by policy, and every
// document must come from the stream.
//
//	stream  -> Expander -> what must be there  \
//	                                            compare by ID, content, lineage -> Report
//	index   -> Scan     -> what is there       /
package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/indexer"
	"github.com/loglode/loglode/pipeline/policy"
)

// Stream is what an audit reads of a stream.
type Stream interface {
	// Records calls fn for each record that the stream holds, until fn fails.
	Records(ctx context.Context, fn func(pipeline.Record) error) error
	// Holds says whether the stream still holds the record at a position;
	// finished ones are trimmed in time.
	Holds(pipeline.Position) bool
	// Finished says whether the record was handled: others are still on their
	// way.
	Finished(pipeline.Position) bool
	// Gone is how many records are not there although the stream holds older
	// ones; it is asked after Records.
	Gone() int64
}

// DeadLetters is what an audit asks of the dead letters.
type DeadLetters interface {
	// DeadLetterAt says whether there is a letter for a place in the stream, or
	// was one that has been dealt with.
	DeadLetterAt(ctx context.Context, at pipeline.Lineage) (bool, error)
}

// Options configure an audit. All fields but the times and limits are required.
type Options struct {
	Stream      Stream
	Index       pipeline.LineReader
	DeadLetters DeadLetters
	Rules       indexer.Rules
	// From is inclusive, To exclusive, Unix ns of the entries' times; 0 is open.
	From, To int64
	// Retired says whether a day ("2021-08-03") was deleted after the record at a
	// position had been handled.
	Retired func(day string, at pipeline.Position) bool
	// SliceEntries bounds memory: about 150 bytes for each. Default 2,000,000.
	// A larger index is audited in several passes.
	SliceEntries int64
	// Progress, if not nil, is told of each pass.
	Progress func(pass, passes int)
}

// Report is the result of an audit.
type Report struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Records and Entries were read from the stream, Documents from the index.
	Records   int64 `json:"records"`
	Entries   int64 `json:"entries"`
	Documents int64 `json:"documents"`
	// Missing entries are finished in the stream and nowhere else.
	Missing int64 `json:"missing"`
	// Doubled documents: one ID or one content in two documents, or two
	// documents of one place in the stream.
	Doubled int64 `json:"doubled"`
	// Collapsed: one ID stands for different content, or for two entries of one
	// record.
	Collapsed int64 `json:"collapsed"`
	// Stray documents name a place in the stream that does not hold them.
	Stray int64 `json:"stray"`
	// Repeated entries stand in the stream more than once, which is harmless.
	Repeated int64 `json:"repeated"`
	Rejected int64 `json:"rejected"`
	Dropped  int64 `json:"dropped"`
	// DroppedBy counts by rule; "retention" for days deleted by age or space.
	DroppedBy map[string]int64 `json:"dropped_by"`
	// Pending entries are in the stream and not handled yet.
	Pending int64 `json:"pending"`
	// Trimmed documents come from records that the stream no longer holds: they
	// were only held against each other.
	Trimmed int64 `json:"trimmed"`
	// Suspected are lines that are there with an occurrence number and, equal in
	// all else, with an origin: a source may have taken them twice, on two ways.
	// They may be two lines as well.
	Suspected int64 `json:"suspected"`
	// Gone are records that vanished from within the stream: nobody trims there.
	// What they held cannot be held against the index.
	Gone int64 `json:"gone"`
	// Clean: nothing missing, doubled, collapsed, stray or gone.
	Clean bool `json:"clean"`
	// Examples of what is not clean, at most 20.
	Examples []string `json:"examples"`
}

// expected is an entry that the stream holds.
type expected struct {
	content uint64
	place   place
	day     int32 // days since 1970
	pending bool
	seen    bool
	// loose: the record was written under other rules than today's, or by
	// others, so that its content may have been changed on the way.
	loose bool
	// excuse is the rule that would drop it today, or its age, when it was not
	// written under today's rules.
	excuse string
}

// place is a lineage without its partition's name, which is kept in a table.
type place struct {
	partition  uint16
	sub, index uint32
	sequence   string
}

type run struct {
	o          Options
	report     Report
	expand     *indexer.Expander
	partitions map[string]uint16
	names      []string // of partitions, by number

	// Of the pass.
	pass, passes uint64
	want         map[pipeline.ID]*expected
	contents     map[uint64]pipeline.ID
	places       map[place]pipeline.ID
	documents    map[pipeline.ID]bool // those without an expected entry
	droppedAt    map[place]bool       // where today's rules drop what others wrote
	texts        map[uint64]ways      // by TextHash
}

// ways counts the documents of one text by how they are told apart.
type ways struct{ numbered, placed int64 }

// Run audits. Its error says that the audit could not be made; what it found is
// in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.SliceEntries <= 0 {
		o.SliceEntries = 2_000_000
	}
	asWritten := o.Rules
	asWritten.AsWritten = true
	expand, err := indexer.NewExpander(asWritten)
	if err != nil {
		return Report{}, err
	}
	r := &run{o: o, expand: expand, partitions: map[string]uint16{}, passes: 1}
	r.report.DroppedBy = map[string]int64{}
	if o.From != 0 {
		r.report.From = time.Unix(0, o.From).UTC()
	}
	if o.To != 0 {
		r.report.To = time.Unix(0, o.To).UTC()
	}
	days, err := o.Index.Days(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("list days: %w", err)
	}
	var total int64
	for _, d := range days {
		total += d.Entries
	}
	r.passes = uint64(total/o.SliceEntries + 1)
	for r.pass = range r.passes {
		if o.Progress != nil {
			o.Progress(int(r.pass)+1, int(r.passes))
		}
		if err := r.slice(ctx); err != nil {
			return Report{}, err
		}
	}
	p := &r.report
	if p.Gone = o.Stream.Gone(); p.Gone > 0 {
		r.example("gone: %d records vanished from the stream", p.Gone)
	}
	p.Clean = p.Gone == 0 && p.Missing == 0 && p.Doubled == 0 && p.Collapsed == 0 && p.Stray == 0
	return r.report, nil
}

// slice audits the entries whose IDs fall to this pass, and the contents that
// do: both are even hashes.
func (r *run) slice(ctx context.Context) error {
	r.want = map[pipeline.ID]*expected{}
	r.contents = map[uint64]pipeline.ID{}
	r.places = map[place]pipeline.ID{}
	r.documents = map[pipeline.ID]bool{}
	r.droppedAt = map[place]bool{}
	r.texts = map[uint64]ways{}
	var entries []pipeline.Entry
	err := r.o.Stream.Records(ctx, func(rec pipeline.Record) error {
		var err error
		entries, err = r.record(ctx, &rec, entries[:0])
		return err
	})
	if err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	if err := r.o.Index.Scan(ctx, r.o.From, r.o.To, func(s pipeline.Stored) error {
		r.document(&s)
		return nil
	}); err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	for _, w := range r.texts {
		r.report.Suspected += min(w.numbered, w.placed)
	}
	for id, e := range r.want {
		if e.seen {
			continue
		}
		if err := r.absent(ctx, id, e); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) mine(id pipeline.ID) bool {
	return binary.BigEndian.Uint64(id[:])%r.passes == r.pass
}

func (r *run) inRange(t int64) bool {
	return (r.o.From == 0 || t >= r.o.From) && (r.o.To == 0 || t < r.o.To)
}

func (r *run) example(format string, args ...any) {
	if len(r.report.Examples) < 20 {
		r.report.Examples = append(r.report.Examples, fmt.Sprintf(format, args...))
	}
}

// record notes the entries of a record. It returns the buffer for the next one.
func (r *run) record(ctx context.Context, rec *pipeline.Record, buffer []pipeline.Entry) ([]pipeline.Entry, error) {
	first := r.pass == 0
	if first {
		r.report.Records++
	}
	expansion, err := r.expand.Expand(rec, buffer)
	switch {
	case errors.Is(err, pipeline.ErrRejected):
		if first {
			return buffer, r.rejected(ctx, pipeline.Lineage{Position: rec.Position})
		}
		return buffer, nil
	case errors.Is(err, pipeline.ErrTryLater):
		if first {
			r.report.Pending++
		}
		return buffer, nil
	case err != nil:
		return buffer, err
	}
	for i := range expansion.Refused {
		if f := &expansion.Refused[i]; f.Dropped != "" {
			r.droppedAt[r.place(pipeline.Lineage{Position: rec.Position, Sub: f.Sub, Index: f.Index})] = true
		}
	}
	if first {
		for i := range expansion.Refused {
			if err := r.refused(ctx, rec, &expansion.Refused[i]); err != nil {
				return expansion.Entries, err
			}
		}
	}
	pending := !r.o.Stream.Finished(rec.Position)
	for i := range expansion.Entries {
		if e := &expansion.Entries[i]; r.inRange(e.Time) && r.mine(e.ID) {
			r.report.Entries++
			r.entry(e, &expected{content: e.ContentHash(), place: r.place(e.Lineage), day: int32(e.Time / int64(24*time.Hour)),
				pending: pending, loose: !expansion.Current, excuse: r.excuse(e, &expansion)})
		}
	}
	return expansion.Entries, nil
}

func (r *run) refused(ctx context.Context, rec *pipeline.Record, f *indexer.Refused) error {
	if f.Dropped != "" {
		r.report.Dropped++
		r.report.DroppedBy[f.Dropped]++
		return nil
	}
	at := pipeline.Lineage{Position: rec.Position, Sub: f.Sub, Index: f.Index}
	return r.rejected(ctx, at)
}

func (r *run) rejected(ctx context.Context, at pipeline.Lineage) error {
	if !r.o.Stream.Finished(at.Position) {
		r.report.Pending++
		return nil
	}
	has, err := r.o.DeadLetters.DeadLetterAt(ctx, at)
	if err != nil {
		return fmt.Errorf("look for dead letter: %w", err)
	}
	if has {
		r.report.Rejected++
		return nil
	}
	r.report.Missing++
	r.example("missing: %s/%s[%d] was rejected and is not in the dead letters", at.Partition, at.Sequence, at.Index)
	return nil
}

func (r *run) place(l pipeline.Lineage) place {
	n, ok := r.partitions[l.Partition]
	if !ok {
		n = uint16(len(r.partitions))
		r.partitions[l.Partition] = n
		r.names = append(r.names, l.Partition)
	}
	return place{partition: n, sub: uint32(l.Sub), index: uint32(l.Index), sequence: l.Sequence}
}

// excuse is why an entry may rightly be nowhere: its age, or a rule of today
// where the record was not written under today's rules.
func (r *run) excuse(e *pipeline.Entry, x *indexer.Expansion) string {
	if retention := r.o.Rules.Retention; retention > 0 && e.Time < x.Sent-int64(retention) {
		return "retention"
	}
	if x.Current {
		return ""
	}
	rule, _ := r.o.Rules.Policy.Drop(&policy.Subject{Resource: e.Resource,
		Service: func() string { return e.Service }, Level: func() pipeline.Level { return e.Level }})
	return rule
}

func (r *run) entry(e *pipeline.Entry, now *expected) {
	before, ok := r.want[e.ID]
	if !ok {
		r.want[e.ID] = now
		return
	}
	sameRecord := before.place.partition == now.place.partition && before.place.sequence == now.place.sequence
	switch {
	case before.content != now.content && !before.loose && !now.loose && e.Kind != pipeline.KindEvent,
		// A source numbers the entries of a record in one go: one number twice
		// within it means that it lost count. Events are numbered by the API
		// server, and listing them twice is a repeat.
		sameRecord && e.Kind != pipeline.KindEvent:
		r.report.Collapsed++
		r.example("collapsed: %s stands at %s/%s[%d] and %s[%d]", e.ID, e.Lineage.Partition, e.Lineage.Sequence, e.Lineage.Index, before.place.sequence, before.place.index)
	default:
		r.report.Repeated++
		before.pending = before.pending && now.pending
	}
}

func (r *run) document(s *pipeline.Stored) {
	if s.Content%r.passes == r.pass {
		if other, ok := r.contents[s.Content]; ok && other != s.ID {
			r.report.Doubled++
			r.example("doubled: %s and %s have the same content", s.ID, other)
		}
		r.contents[s.Content] = s.ID
	}
	if s.Text%r.passes == r.pass && (s.Numbered || s.Placed) {
		r.text(s)
	}
	if !r.mine(s.ID) {
		return
	}
	r.report.Documents++
	at := r.place(s.Lineage)
	if other, ok := r.places[at]; ok {
		r.report.Doubled++
		r.example("doubled: %s and %s both come from %s/%s[%d]", s.ID, other, s.Lineage.Partition, s.Lineage.Sequence, s.Lineage.Index)
	}
	r.places[at] = s.ID
	e, ok := r.want[s.ID]
	if !ok {
		r.unexpected(s)
		return
	}
	switch {
	case e.seen:
		r.report.Doubled++
		r.example("doubled: %s is in two documents", s.ID)
	case e.content != s.Content && !e.loose:
		r.report.Collapsed++
		r.example("collapsed: document %s is not what %s/%s holds", s.ID, s.Lineage.Partition, s.Lineage.Sequence)
	}
	e.seen = true
}

func (r *run) text(s *pipeline.Stored) {
	w := r.texts[s.Text]
	if s.Numbered {
		w.numbered++
	} else {
		w.placed++
	}
	r.texts[s.Text] = w
}

// unexpected is a document that no entry of the stream accounts for.
func (r *run) unexpected(s *pipeline.Stored) {
	switch {
	case r.droppedAt[r.place(s.Lineage)]:
		// It was indexed before the rule was made.
	case r.documents[s.ID]:
		r.report.Doubled++
		r.example("doubled: %s is in two documents", s.ID)
	case r.o.Stream.Holds(s.Lineage.Position):
		r.report.Stray++
		r.example("stray: %s says it comes from %s/%s[%d], which does not hold it", s.ID, s.Lineage.Partition, s.Lineage.Sequence, s.Lineage.Index)
	default:
		r.report.Trimmed++
	}
	r.documents[s.ID] = true
}

// absent is an entry of the stream that has no document.
func (r *run) absent(ctx context.Context, id pipeline.ID, e *expected) error {
	day := pipeline.Day(int64(e.day) * int64(24*time.Hour))
	at := pipeline.Lineage{Position: pipeline.Position{Partition: r.names[e.place.partition], Sequence: e.place.sequence},
		Sub: int(e.place.sub), Index: int(e.place.index)}
	switch {
	case e.pending:
		r.report.Pending++
		return nil
	case r.o.Retired(day, at.Position):
		r.report.Dropped++
		r.report.DroppedBy["retention"]++
		return nil
	case e.excuse != "":
		r.report.Dropped++
		r.report.DroppedBy[e.excuse]++
		return nil
	}
	has, err := r.o.DeadLetters.DeadLetterAt(ctx, at)
	if err != nil {
		return fmt.Errorf("look for dead letter: %w", err)
	}
	if has { // refused by the index, not by the expander
		r.report.Rejected++
		return nil
	}
	r.report.Missing++
	r.example("missing: %s of %s, record %s/%s[%d]", id, day, at.Partition, at.Sequence, at.Index)
	return nil
}
