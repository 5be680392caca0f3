package producers

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
)

// Buckets of the Ledger in the durable State.
const (
	unitBucket = "source-units"
	tailBucket = "source-tails"
)

// unitMemory is how long an HTTP body is remembered, and a tail: shippers give a
// retry up long before. Past it, a body that is sent again gives its lines
// without times a new one. Files are remembered for ever: people load them again
// at any time.
const unitMemory = 24 * time.Hour

// fileUnit begins the identity of a unit that is a file.
const fileUnit = "file:"

// Ledger remembers what sources need to number entries so that a retry gives
// the same IDs and a border between two units collapses nothing.
//
// A unit is a piece of input with an identity of its own: an HTTP body (its
// hash, decoded), a file (its fingerprint). Two lines of one container can share one
// time on both sides of a unit's border; then the second unit's occurrence
// numbers go on where the first one's stopped: its base. A retry of the second
// unit must start from the same base, although the tail has moved on since.
// So the bases are durable before anything of the unit is published:
//
//	read unit -> number entries -> Put(bases, tails) -> publish -> answer
//
// A crash between Put and publish leaves a gap in the numbers, which is
// harmless.
//
// Units may be read at once. A context has one unit at a time that numbers by
// the tail; to others it is crowded (collect.Crowded).
type Ledger struct {
	state pipeline.State
	now   func() time.Time

	mu     sync.Mutex
	tails  map[collect.Key]collect.Mark // cache of the tail bucket
	active map[collect.Key]*claim
}

// claim is a context that a unit numbers by the tail. Who sends the same unit
// again meanwhile shares it.
type claim struct {
	identity string
	base     collect.Mark
	holders  int
}

// NewLedger makes a Ledger over a durable state.
func NewLedger(state pipeline.State, now func() time.Time) *Ledger {
	return &Ledger{state: state, now: now, tails: map[collect.Key]collect.Mark{}, active: map[collect.Key]*claim{}}
}

// Unit is one unit while it is read.
type Unit struct {
	ledger   *Ledger
	ctx      context.Context
	identity string
	read     int64
	known    bool // it was begun before
	done     bool
	recorded map[collect.Key]collect.Mark
	claimed  []collect.Key
	numbers  *collect.Numberer
	err      error
}

// Unit begins a unit, or begins it again. identity must be a function of the
// unit's content. The caller MUST Close it.
func (l *Ledger) Unit(ctx context.Context, identity string) (*Unit, error) {
	u := &Unit{ledger: l, ctx: ctx, identity: identity, read: l.now().UnixNano()}
	value, err := l.state.Get(ctx, unitBucket, identity)
	if err != nil {
		return nil, fmt.Errorf("read unit %s: %w", identity, err)
	}
	if value != nil {
		u.known = true
		if err := u.decode(value); err != nil {
			return nil, fmt.Errorf("read unit %s: %w", identity, err)
		}
	}
	u.numbers = collect.NewNumberer(identity, u.base)
	return u, nil
}

// Read is when the unit was read first, Unix ns: its send time, and the time of
// lines that have none.
func (u *Unit) Read() int64 { return u.read }

// Numbers numbers the unit's entries.
func (u *Unit) Numbers() *collect.Numberer { return u.numbers }

// base is the mark that a context starts from, whose first line in the unit has
// time t. A unit that was read to its end before has recorded all bases that are
// not zero.
func (u *Unit) base(k collect.Key, t int64) (collect.Mark, bool) {
	if m, ok := u.recorded[k]; ok {
		return m, m != collect.Mark{}
	}
	if u.done {
		return collect.Mark{}, false
	}
	m, err := u.ledger.claim(u.ctx, u.identity, k, t)
	if err != nil {
		u.err = err
	}
	if m != collect.Crowded() {
		u.claimed = append(u.claimed, k)
	}
	return m, m != collect.Mark{}
}

// claim takes a context for a unit and returns its base: the tail, when it has
// the time of the unit's first line. At any other time numbers begin anew, so
// that what is sent again on another way gets the numbers that it got before.
func (l *Ledger) claim(ctx context.Context, identity string, k collect.Key, t int64) (collect.Mark, error) {
	tail, _, err := l.Tail(ctx, k)
	if err != nil {
		return collect.Mark{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.active[k]
	switch {
	case c == nil:
		c = &claim{identity: identity}
		if now, ok := l.tails[k]; ok {
			tail = now // moved meanwhile
		}
		if tail.Time == t {
			c.base = tail
		}
		l.active[k] = c
	case c.identity != identity:
		return collect.Crowded(), nil
	}
	c.holders++
	return c.base, nil
}

// Close lets others number the unit's contexts by the tail.
func (u *Unit) Close() {
	u.ledger.mu.Lock()
	defer u.ledger.mu.Unlock()
	for _, k := range u.claimed {
		c := u.ledger.active[k]
		if c.holders--; c.holders == 0 {
			delete(u.ledger.active, k)
		}
	}
	u.claimed = nil
}

// Wave makes durable what was numbered so far. It implements Ahead.
func (u *Unit) Wave(ctx context.Context) error {
	return u.save(ctx, u.bases())
}

// bases are those of all contexts that this or an earlier attempt has seen: a
// retry that fails sooner than the attempt before must not forget what that one
// has published. A zero base is recorded too: the tail will not be zero.
func (u *Unit) bases() map[collect.Key]collect.Mark {
	marks := u.numbers.Marks()
	bases := make(map[collect.Key]collect.Mark, len(marks)+len(u.recorded))
	for k := range marks {
		bases[k] = collect.Mark{}
	}
	maps.Copy(bases, u.numbers.Bases())
	maps.Copy(bases, u.recorded)
	return bases
}

// Last makes durable that the unit was numbered to its end. It implements
// Ahead.
func (u *Unit) Last(ctx context.Context) error {
	u.done = true
	bases := u.bases()
	maps.DeleteFunc(bases, func(_ collect.Key, m collect.Mark) bool { return m == collect.Mark{} })
	return u.save(ctx, bases)
}

func (u *Unit) save(ctx context.Context, bases map[collect.Key]collect.Mark) error {
	if u.err != nil {
		return fmt.Errorf("read tails: %w", u.err)
	}
	unit := pipeline.StateItem{Bucket: unitBucket, Key: u.identity, Value: u.encode(bases)}
	return u.ledger.save(ctx, u.numbers.Marks(), u.moves, unit)
}

// moves says whether a tail moves to a mark of the unit. A unit that is read
// for the first time moves it wherever it is, back in a backfill too; one that
// is read again has been passed by others, and only moves it on.
func (u *Unit) moves(tail, to collect.Mark) bool {
	switch {
	case to.Time == collect.Crowded().Time:
		return false
	case u.known:
		return onward(tail, to)
	}
	return tail.Time != to.Time || to.Count > tail.Count
}

// onward says whether a mark lies behind the tail.
func onward(tail, to collect.Mark) bool {
	return to.Time > tail.Time || to.Time == tail.Time && to.Count > tail.Count
}

// Tail is the mark of the last entry of a container and stream that any source
// has numbered.
func (l *Ledger) Tail(ctx context.Context, k collect.Key) (collect.Mark, bool, error) {
	l.mu.Lock()
	m, ok := l.tails[k]
	l.mu.Unlock()
	if ok {
		return m, true, nil
	}
	value, err := l.state.Get(ctx, tailBucket, hex.EncodeToString(k[:]))
	if err != nil || len(value) < 24 {
		return collect.Mark{}, false, err
	}
	m = decodeMark(value)
	l.mu.Lock()
	defer l.mu.Unlock()
	if newer, ok := l.tails[k]; ok {
		return newer, true, nil // saved meanwhile
	}
	if len(l.tails) >= maxTails {
		clear(l.tails)
	}
	l.tails[k] = m
	return m, true, nil
}

// maxTails bounds the cache of tails.
const maxTails = 65536

// Save makes marks durable as the tails of their contexts, together with other
// items of the source, in one step. It moves no tail back.
func (l *Ledger) Save(ctx context.Context, marks map[collect.Key]collect.Mark, items ...pipeline.StateItem) error {
	return l.save(ctx, marks, onward, items...)
}

func (l *Ledger) save(ctx context.Context, marks map[collect.Key]collect.Mark, moves func(tail, to collect.Mark) bool, items ...pipeline.StateItem) error {
	moved := make(map[collect.Key]collect.Mark, len(marks))
	now := l.now().UnixNano()
	for k, m := range marks {
		tail, ok, err := l.Tail(ctx, k)
		if err != nil {
			return fmt.Errorf("read tail: %w", err)
		}
		if ok && !moves(tail, m) || m.Time == collect.Crowded().Time {
			continue
		}
		moved[k] = m
		value := binary.BigEndian.AppendUint64(encodeMark(nil, m), uint64(now))
		items = append(items, pipeline.StateItem{Bucket: tailBucket, Key: hex.EncodeToString(k[:]), Value: value})
	}
	if err := l.state.Put(ctx, items); err != nil {
		return fmt.Errorf("write source state: %w", err)
	}
	// Only now: a unit that failed must find the tails as they were before it.
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tails)+len(moved) > maxTails {
		clear(l.tails)
	}
	maps.Copy(l.tails, moved)
	return nil
}

// pruneAtOnce bounds what one transaction of Prune deletes.
const pruneAtOnce = 2000

// Prune forgets bodies and tails that have not been written for a day.
func (l *Ledger) Prune(ctx context.Context) error {
	oldest := l.now().Add(-unitMemory).UnixNano()
	for bucket, at := range map[string]int{unitBucket: 0, tailBucket: 16} {
		var old []pipeline.StateItem
		err := l.state.List(ctx, bucket, func(key string, value []byte) error {
			expired := len(value) < at+8 || int64(binary.BigEndian.Uint64(value[at:])) < oldest
			if expired && !strings.HasPrefix(key, fileUnit) {
				old = append(old, pipeline.StateItem{Bucket: bucket, Key: key})
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("list %s: %w", bucket, err)
		}
		for some := range slices.Chunk(old, pruneAtOnce) {
			if err := l.state.Put(ctx, some); err != nil {
				return fmt.Errorf("prune %s: %w", bucket, err)
			}
		}
	}
	return nil
}

// fileBucket of the State holds a file's path -> length and print of the
// beginning by which it was known last, and its identity.
const fileBucket = "source-files"

// FileIdentity is the identity of a file whose first bytes (all of it, if
// shorter) are head: their hash. A file that was loaded when it was shorter than
// that keeps the identity that it had then.
func (l *Ledger) FileIdentity(ctx context.Context, path string, head []byte) (string, error) {
	print := func(b []byte) string {
		sum := sha256.Sum256(b)
		return hex.EncodeToString(sum[:16])
	}
	identity := fileUnit + print(head)
	value, err := l.state.Get(ctx, fileBucket, path)
	if err != nil {
		return "", fmt.Errorf("read identity of %s: %w", path, err)
	}
	if before := strings.Fields(string(value)); len(before) == 3 {
		n, err := strconv.Atoi(before[0])
		if err == nil && n <= len(head) && print(head[:n]) == before[1] {
			identity = before[2]
		}
	}
	known := fmt.Appendf(nil, "%d %s %s", len(head), print(head), identity)
	if string(known) == string(value) {
		return identity, nil
	}
	if err := l.state.Put(ctx, []pipeline.StateItem{{Bucket: fileBucket, Key: path, Value: known}}); err != nil {
		return "", fmt.Errorf("note identity of %s: %w", path, err)
	}
	return identity, nil
}

// A unit's value: saved at, read at (Unix ns), done (1 byte), then key and mark
// of each base.
func (u *Unit) encode(bases map[collect.Key]collect.Mark) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(u.ledger.now().UnixNano()))
	b = binary.BigEndian.AppendUint64(b, uint64(u.read))
	done := byte(0)
	if u.done {
		done = 1
	}
	b = append(b, done)
	for k, m := range bases {
		b = encodeMark(append(b, k[:]...), m)
	}
	return b
}

func (u *Unit) decode(b []byte) error {
	const head, each = 17, 32
	if len(b) < head || (len(b)-head)%each != 0 {
		return fmt.Errorf("a unit of %d bytes is not one of ours", len(b))
	}
	u.read = int64(binary.BigEndian.Uint64(b[8:]))
	u.done = b[16] == 1
	u.recorded = map[collect.Key]collect.Mark{}
	for b = b[head:]; len(b) > 0; b = b[each:] {
		u.recorded[collect.Key(b[:16])] = decodeMark(b[16:])
	}
	return nil
}

func encodeMark(b []byte, m collect.Mark) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(m.Time))
	return binary.BigEndian.AppendUint64(b, m.Count)
}

func decodeMark(b []byte) collect.Mark {
	return collect.Mark{Time: int64(binary.BigEndian.Uint64(b)), Count: binary.BigEndian.Uint64(b[8:])}
}
