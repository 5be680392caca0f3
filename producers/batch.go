package producers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/loglode/loglode/pipeline/policy"
	"github.com/loglode/loglode/pipeline/redact"
	"github.com/loglode/loglode/pipeline/wire"
)

// Observer is told what happens at the sources, for metrics. Its methods may
// be called from several goroutines.
type Observer interface {
	Dropped(rule string)
	Redacted(rule string)
	RejectedAtSource(reason string)
	Collected(lines, entries int, bytes int64)
	Published(records int, bytes int64, took time.Duration)
}

// Options configure an Intake. All fields but the limits are required.
type Options struct {
	Publisher   Publisher
	Redactor    *redact.Redactor
	Policy      *policy.Policy
	Digest      uint32 // of Redactor and Policy, carried in each record
	DeadLetters pipeline.DeadLetters
	Observer    Observer
	Now         func() time.Time
	// RecordBytes is the decoded size at which a record is closed. Default 256
	// KiB.
	RecordBytes int
	// WaveBytes bounds what is encoded but not yet published. Default 4 MiB.
	WaveBytes int
}

// Intake is what all sources put their entries into: it applies the drop
// rules, redacts, packs lanes into records and publishes them. It is safe for
// concurrent use; its Batches are not.
type Intake struct {
	o        Options
	compress *zstd.Encoder
}

// NewIntake makes an Intake.
func NewIntake(o Options) (*Intake, error) {
	if o.RecordBytes <= 0 {
		o.RecordBytes = 256 << 10
	}
	if o.WaveBytes <= 0 {
		o.WaveBytes = 4 << 20
	}
	compress, err := wire.NewCompressor()
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	return &Intake{o: o, compress: compress}, nil
}

// Receipt says what became of the entries of a batch at the source.
type Receipt struct {
	Lines     int64 // source lines, those of joined entries counted one by one
	Entries   int64 // what the lines were joined to; dropped and rejected ones included
	Bytes     int64 // source bytes
	Published int64 // entries that are in the stream
	Dropped   map[string]int64
	Redacted  map[string]int64 // replacements by rule
	Rejected  map[string]int64
	// Positions of the records in the stream.
	Positions []pipeline.Position
}

// Ahead makes durable what a retry must repeat. A Batch calls Wave before it
// publishes some of its entries, and Last before it publishes the rest of them.
type Ahead interface {
	Wave(ctx context.Context) error
	Last(ctx context.Context) error
}

// Batch gathers the entries of one unit of a source: an HTTP body, a file, a
// tailer's turn. Entries are published in waves when much has gathered; Commit
// publishes the rest. After an error the unit has to be done again from its
// beginning.
type Batch struct {
	in      *Intake
	sent    int64
	ahead   Ahead
	lanes   map[string]*wire.Encoder
	byRes   map[*pipeline.Resource]*lane
	free    []*wire.Encoder
	sealed  []Outgoing
	size    int // decoded bytes in sealed and lanes
	letters []pipeline.DeadLetter
	receipt Receipt
	found   func(rule string)
	name    string
}

type lane struct {
	key string
	// res is the resource as it is sent: redacted.
	res *pipeline.Resource
}

// Batch begins a unit. sent is its send time, Unix ns: a retry of the same unit
// must give the same. ahead may be nil.
func (in *Intake) Batch(sent int64, ahead Ahead) *Batch {
	b := &Batch{in: in, sent: sent, ahead: ahead,
		lanes: map[string]*wire.Encoder{}, byRes: map[*pipeline.Resource]*lane{},
		receipt: Receipt{Dropped: map[string]int64{}, Redacted: map[string]int64{}, Rejected: map[string]int64{}}}
	b.found = func(rule string) {
		b.receipt.Redacted[rule]++
		in.o.Observer.Redacted(rule)
	}
	return b
}

// Named sets what people call the unit, a file's path: it stands in the details
// of dead letters, not in their identity.
func (b *Batch) Named(name string) *Batch {
	b.name = name
	return b
}

// Add takes an entry from a collector; source is the identity of the unit that
// it comes from.
func (b *Batch) Add(ctx context.Context, source string, e *collect.Entry) error {
	b.receipt.Lines += int64(e.Lines)
	b.receipt.Entries++
	if e.Rejected != "" {
		b.reject(source, e)
		return nil
	}
	subject := policy.SubjectOf(&e.RawEntry, e.Annotations, b.sent)
	if rule, drop := b.in.o.Policy.Drop(&subject); drop {
		b.receipt.Dropped[rule]++
		b.in.o.Observer.Dropped(rule)
		return nil
	}
	l := b.lane(e.Resource)
	raw := e.RawEntry
	raw.Resource = l.res
	if raw.Message = e.Message; e.InKey {
		raw.Message = b.in.o.Redactor.KeyLine(e.Message, b.found)
	}
	raw.Message = b.in.o.Redactor.Text(raw.Message, b.found)
	enc := b.lanes[l.key]
	if enc == nil {
		enc = b.encoder()
		b.lanes[l.key] = enc
	}
	before := enc.Size()
	if err := enc.Add(&raw); err != nil {
		return fmt.Errorf("encode entry: %w", err)
	}
	b.size += enc.Size() - before
	b.receipt.Published++
	if enc.Size() >= b.in.o.RecordBytes {
		b.seal(l.key, enc)
	}
	if b.size >= b.in.o.WaveBytes {
		return b.wave(ctx)
	}
	return nil
}

// AddBytes counts source bytes that were read for the batch.
func (b *Batch) AddBytes(n int64) { b.receipt.Bytes += n }

// countRejected counts input that never became an entry: letter keeps it.
func (b *Batch) countRejected(letter pipeline.DeadLetter) {
	b.receipt.Rejected[letter.Reason]++
	b.in.o.Observer.RejectedAtSource(letter.Reason)
	if b.receipt.Rejected[letter.Reason] <= maxLetters {
		b.letters = append(b.letters, letter)
	}
}

// maxLetters bounds the dead letters of one reason in a batch: the rest is
// counted alone. Who sends garbage must not fill the disk with it.
const maxLetters = 1000

// Commit publishes what is left and returns the receipt. All entries added are
// durable when it returns nil.
func (b *Batch) Commit(ctx context.Context) (Receipt, error) {
	b.sealAll()
	if err := b.keepLetters(ctx); err != nil {
		return Receipt{}, err
	}
	if b.ahead != nil {
		if err := b.ahead.Last(ctx); err != nil {
			return Receipt{}, fmt.Errorf("write ahead: %w", err)
		}
	}
	if err := b.publish(ctx); err != nil {
		return Receipt{}, err
	}
	b.in.o.Observer.Collected(int(b.receipt.Lines), int(b.receipt.Entries), b.receipt.Bytes)
	return b.receipt, nil
}

// wave publishes everything gathered so far. All lanes are sealed, not only the
// sealed records: what is written ahead covers all entries added.
func (b *Batch) wave(ctx context.Context) error {
	b.sealAll()
	if err := b.keepLetters(ctx); err != nil {
		return err
	}
	if b.ahead != nil {
		if err := b.ahead.Wave(ctx); err != nil {
			return fmt.Errorf("write ahead: %w", err)
		}
	}
	return b.publish(ctx)
}

// sealAll closes the records of all lanes, in the order of their keys: the same
// unit gives the same records each time.
func (b *Batch) sealAll() {
	for _, key := range slices.Sorted(maps.Keys(b.lanes)) {
		if enc := b.lanes[key]; enc.Entries() > 0 {
			b.seal(key, enc)
		}
	}
}

func (b *Batch) publish(ctx context.Context) error {
	if len(b.sealed) == 0 {
		return nil
	}
	start := b.in.o.Now()
	positions, err := b.in.o.Publisher.Publish(ctx, b.sealed)
	if errors.Is(err, pipeline.ErrRejected) {
		positions, err = b.publishEach(ctx)
	}
	if err != nil {
		return fmt.Errorf("publish records: %w", err)
	}
	var bytes int64
	for _, r := range b.sealed {
		bytes += int64(len(r.Data))
	}
	b.in.o.Observer.Published(len(b.sealed), bytes, b.in.o.Now().Sub(start))
	b.receipt.Positions = append(b.receipt.Positions, positions...)
	b.sealed = b.sealed[:0]
	b.size = 0
	return nil
}

// publishEach publishes records one by one, and the entries of a refused one
// each in a record of its own: those that the stream can never take are dead
// letters, and the others are not held up by them.
func (b *Batch) publishEach(ctx context.Context) (positions []pipeline.Position, err error) {
	for _, r := range b.sealed {
		at, err := b.in.o.Publisher.Publish(ctx, []Outgoing{r})
		if errors.Is(err, pipeline.ErrRejected) {
			at, err = b.publishEntries(ctx, r)
		}
		if err != nil {
			return nil, err
		}
		positions = append(positions, at...)
	}
	return positions, b.keepLetters(ctx)
}

func (b *Batch) publishEntries(ctx context.Context, r Outgoing) (positions []pipeline.Position, err error) {
	decoder, err := wire.NewDecoder(b.in.o.WaveBytes * 4)
	if err != nil {
		return nil, fmt.Errorf("split record: %w", err)
	}
	decoded, err := decoder.Decode(r.Data)
	if err != nil {
		return nil, fmt.Errorf("split record: %w", err)
	}
	one := wire.NewEncoder(b.in.compress)
	for i := range decoded.Entries {
		if err := one.Add(&decoded.Entries[i]); err != nil {
			return nil, fmt.Errorf("split record: %w", err)
		}
		single := Outgoing{Key: r.Key, Data: one.Seal(b.sent, b.in.o.Digest)}
		at, err := b.in.o.Publisher.Publish(ctx, []Outgoing{single})
		switch {
		case errors.Is(err, pipeline.ErrRejected):
			b.refuse(single, err)
		case err != nil:
			return nil, err
		}
		positions = append(positions, at...)
	}
	return positions, nil
}

// ReasonRefused is why an entry is a dead letter that the stream does not take.
const ReasonRefused = "refused_by_stream"

func (b *Batch) refuse(r Outgoing, err error) {
	b.receipt.Published--
	b.countRejected(pipeline.DeadLetter{
		ID: xxh3.Hash128(r.Data).Bytes(), Reason: ReasonRefused, Detail: err.Error(), Data: r.Data, At: b.in.o.Now(),
		Lineage: pipeline.Lineage{Position: pipeline.Position{Partition: cmp.Or(b.name, "source"), Sequence: "0"}},
	})
}

// encoder takes a used encoder when there is one: its buffer has grown already.
func (b *Batch) encoder() *wire.Encoder {
	if n := len(b.free); n > 0 {
		enc := b.free[n-1]
		b.free = b.free[:n-1]
		return enc
	}
	return wire.NewEncoder(b.in.compress)
}

func (b *Batch) seal(key string, enc *wire.Encoder) {
	b.sealed = append(b.sealed, Outgoing{Key: key, Data: enc.Seal(b.sent, b.in.o.Digest)})
	delete(b.lanes, key)
	b.free = append(b.free, enc)
}

// maxResources bounds what a batch remembers of resources seen.
const maxResources = 16384

func (b *Batch) lane(res *pipeline.Resource) *lane {
	l := b.byRes[res]
	if l == nil {
		if len(b.byRes) >= maxResources {
			clear(b.byRes)
		}
		l = &lane{key: Lane(res), res: b.in.o.Redactor.Resource(res, b.found)}
		b.byRes[res] = l
	}
	return l
}

// reject keeps an entry that can never be sent as a dead letter. Its lineage is
// the source's name and byte offset, so that the same line is one letter.
func (b *Batch) reject(source string, e *collect.Entry) {
	head := b.in.o.Redactor.Text(e.Message, b.found)
	sum := xxh3.HashString128(fmt.Sprint(source, "\x00", e.Start, "\x00", e.Rejected)).Bytes()
	b.countRejected(pipeline.DeadLetter{
		ID: sum, Reason: e.Rejected, Data: []byte(head), At: b.in.o.Now(),
		Detail:  fmt.Sprintf("%s: bytes %d to %d; the first %d bytes are kept", cmp.Or(b.name, source), e.Start, e.End, len(head)),
		Lineage: pipeline.Lineage{Position: pipeline.Position{Partition: source, Sequence: fmt.Sprint(e.Start)}},
	})
}

func (b *Batch) keepLetters(ctx context.Context) error {
	if len(b.letters) == 0 {
		return nil
	}
	if err := b.in.o.DeadLetters.Add(ctx, b.letters); err != nil {
		return fmt.Errorf("keep dead letters: %w", errors.Join(err, pipeline.ErrTryLater))
	}
	b.letters = b.letters[:0]
	return nil
}
