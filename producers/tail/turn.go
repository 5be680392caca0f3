package tail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/loglode/loglode/producers/file/feed"
)

const (
	// minShare is the least that a file may read in a turn, bytes: so many files
	// take several turns rather than a few bytes each.
	minShare = 64 << 10
	// scanBytes is how far a turn looks for the end of a line that is too long,
	// or of a hole. It is only read, not kept.
	scanBytes = 16 << 20
	// longestHold is how many JoinIdles a line may be held back in a file that
	// goes on growing.
	longestHold = 5
)

// turn is what one Step reads and publishes. It is kept until it is published:
// its entries are numbered, and the file may be truncated meanwhile.
type turn struct {
	read   int64 // Unix ns
	budget int
	pieces []piece
	marks  map[collect.Key]collect.Mark // the furthest of all pieces
	forget []pipeline.StateItem         // how t.forget begins, until it is saved
}

// piece is a turn's part of one file.
type piece struct {
	file    *file
	next    mark
	entries []collect.Entry
	marks   map[collect.Key]collect.Mark // of the contexts in entries
}

// read gathers what is new in all files, fairly: who reads first changes from
// turn to turn.
func (t *Tailer) read(ctx context.Context) (next *turn, more bool, err error) {
	now := t.o.Now()
	next = &turn{read: now.UnixNano(), budget: t.o.TurnBytes, marks: map[collect.Key]collect.Mark{}}
	var ready, waiting []*file
	for _, f := range t.files {
		if t.wants(f, now) {
			ready = append(ready, f)
		}
	}
	t.turns++
	share := max(minShare, t.o.TurnBytes/max(1, len(ready)))
	for i := range ready {
		f := ready[(i+t.turns)%len(ready)]
		if f.after != nil && f.after.unfinished() {
			waiting = append(waiting, f)
			continue
		}
		if next.budget <= 0 {
			more = true
			break
		}
		if err := t.take(ctx, next, f, share, now); err != nil {
			return nil, false, fmt.Errorf("read %s: %w", f.path, err)
		}
		more = more || f.more
	}
	for _, f := range waiting {
		more = more || f.after == nil || !f.after.unfinished()
	}
	return t.register(next), more, nil
}

// register adds to a turn what else its Put must say: which files are new, also
// those of which nothing was read yet, and which are not followed any more. A
// file that is known is looked for if it is rotated while loglode is down.
func (t *Tailer) register(to *turn) *turn {
	for _, f := range t.files {
		if !f.durable && !slices.ContainsFunc(to.pieces, func(p piece) bool { return p.file == f }) {
			to.pieces = append(to.pieces, piece{file: f, next: f.mark})
		}
	}
	to.forget = slices.Clone(t.forget)
	return to
}

// wants tells whether f may have something to read.
func (t *Tailer) wants(f *file, now time.Time) bool {
	return !f.again && (f.changed || f.more || t.holdsTooLong(f, now) || t.isOver(f, now))
}

// holdsTooLong tells whether held-back lines have waited long enough for lines
// to join: no line came, or lines came, but none that ended the wait.
func (t *Tailer) holdsTooLong(f *file, now time.Time) bool {
	return f.held >= 0 && (now.Sub(f.grown) >= t.o.JoinIdle || now.Sub(f.heldSince) >= longestHold*t.o.JoinIdle)
}

// isOver tells whether f is gone and its writer has let go of it.
func (t *Tailer) isOver(f *file, now time.Time) bool {
	return !f.gone.IsZero() && now.Sub(f.gone) >= t.o.RotateWait && now.Sub(f.grown) >= t.o.RotateWait
}

// take reads what is new in f, up to limit bytes and more if a line needs them,
// and adds it to the turn.
func (t *Tailer) take(ctx context.Context, to *turn, f *file, limit int, now time.Time) error {
	if !t.open(f) {
		if t.isOver(f, now) && f.size <= f.mark.End {
			t.remove(f)
		}
		return nil
	}
	same, err := f.mark.matches(f.handle)
	if err != nil {
		t.warnOnce("read "+f.path, "cannot read a file; it is tried again", "path", f.path, "error", err)
		return nil
	}
	if !same {
		t.replaced(f, f.handle.Name())
		f.more = true
		return nil
	}
	info, err := f.handle.Stat()
	if err != nil {
		return err
	}
	f.note(info, now)
	f.changed, f.more = false, false
	over := t.isOver(f, now)
	if over && f.mark.End == f.size {
		t.remove(f)
		return nil
	}
	for {
		chunk, err := t.chunk(f, limit)
		if err != nil {
			t.warnOnce("read "+f.path, "cannot read a file; it is tried again", "path", f.path, "error", err)
			f.changed = true
			return nil
		}
		atEnd := f.mark.End+int64(len(chunk)) >= f.size
		n := bytes.LastIndexByte(chunk, '\n') + 1
		if over && atEnd {
			n = len(chunk)
		}
		switch {
		case n > 0:
			whole := over && atEnd || t.holdsTooLong(f, now)
			if !whole {
				moved, err := t.gather(to, f, chunk[:n], now)
				if err != nil {
					return err
				}
				if !moved && !atEnd && limit < 4*t.o.MaxLine {
					limit = max(2*limit, t.o.MaxLine)
					continue
				}
				whole = !moved && !atEnd
			}
			if whole {
				if err := t.gatherWhole(to, f, chunk[:n]); err != nil {
					return err
				}
			}
			f.more = !atEnd
			to.budget -= len(chunk)
			return nil
		case len(chunk) > 0 && chunk[0] == 0:
			return t.skipHole(to, f)
		case atEnd && len(chunk) <= t.o.MaxLine:
			return nil // a line without its end: it waits
		case len(chunk) <= max(t.o.MaxLine, feed.HeadBytes):
			limit = max(t.o.MaxLine, feed.HeadBytes) + 1
		default:
			return t.skipLong(to, f, chunk, now)
		}
	}
}

// chunk reads up to limit bytes from f's offset on, into a buffer that the next
// call uses again.
func (t *Tailer) chunk(f *file, limit int) ([]byte, error) {
	n := int(min(int64(limit), f.size-f.mark.End))
	t.buf = slices.Grow(t.buf[:0], n)[:n]
	n, err := f.handle.ReadAt(t.buf, f.mark.End)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return t.buf[:n], nil
}

// gathered is what a Collector emitted.
type gathered []collect.Entry

func (g *gathered) add(e *collect.Entry) error {
	*g = append(*g, *e)
	return nil
}

// gather collects the lines of chunk, which begins at f's offset, and adds a
// piece. Lines that may be joined with later ones are left for the next turn,
// and all behind them. moved is false when that is everything.
func (t *Tailer) gather(to *turn, f *file, chunk []byte, now time.Time) (moved bool, err error) {
	var entries gathered
	c, err := t.collect(&f.mark, bytes.NewReader(chunk), f.mark.End, to.read, entries.add)
	if err != nil {
		return false, err
	}
	held, ok := c.Pending()
	if !ok {
		f.held = -1
		return true, t.addPiece(to, f, f.mark.End+int64(len(chunk)), entries)
	}
	end, kept := before(held, entries)
	if f.held != end {
		f.held, f.heldSince = end, now
	}
	if end == f.mark.End {
		return false, nil
	}
	return true, t.addPiece(to, f, end, kept)
}

// gatherWhole is gather without waiting for lines to join.
func (t *Tailer) gatherWhole(to *turn, f *file, chunk []byte) error {
	var entries gathered
	c, err := t.collect(&f.mark, bytes.NewReader(chunk), f.mark.End, to.read, entries.add)
	if err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	f.held = -1
	return t.addPiece(to, f, f.mark.End+int64(len(chunk)), entries)
}

// before is where a batch must end so that nothing from held on is in it, and
// no entry is cut: an entry may begin before held and end behind it, since lines
// of other containers lie between its lines.
func before(held int64, entries []collect.Entry) (end int64, kept []collect.Entry) {
	end = held
	for cut := true; cut; {
		cut = false
		for i := range entries {
			if e := &entries[i]; e.Start < end && e.End > end {
				end, cut = e.Start, true
			}
		}
	}
	return end, slices.DeleteFunc(entries, func(e collect.Entry) bool { return e.Start >= end })
}

// collect feeds the lines of r, whose first byte is at start, to a Collector.
func (t *Tailer) collect(m *mark, r io.Reader, start, read int64, emit func(*collect.Entry) error) (*collect.Collector, error) {
	c := collect.New(collect.Options{
		Format: t.o.Format, Kind: t.o.Kind, MaxLine: t.o.MaxLine, Read: read,
		Defaults: feed.Resource(t.o.Defaults, m.Path, m.Real), Emit: emit,
	})
	lines := t.lines
	lines.Reset(r, start)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return nil, err
		}
		if line.Long {
			err = c.TooLong(line.Data, line.Start, line.End)
		} else {
			err = c.Line(line.Data, line.Start, line.End)
		}
		if err != nil {
			return nil, err
		}
	}
}

// addPiece numbers entries and adds them to the turn as f's piece up to end.
func (t *Tailer) addPiece(to *turn, f *file, end int64, entries []collect.Entry) error {
	var failed error
	numbers := collect.NewNumberer(f.mark.Identity, func(k collect.Key, at int64) (collect.Mark, bool) {
		m, ok, err := t.base(to, f, k, at)
		failed = errors.Join(failed, err)
		return m, ok
	})
	for i := range entries {
		numbers.Number(&entries[i])
	}
	if failed != nil {
		return failed
	}
	next := f.mark
	next.Start, next.End, next.Read = f.mark.End, end, to.read
	next.setBases(numbers.Bases())
	if err := next.extendPrint(f.handle); err != nil {
		return err
	}
	marks := numbers.Marks()
	advance(to.marks, marks)
	to.pieces = append(to.pieces, piece{file: f, next: next, entries: entries, marks: marks})
	return nil
}

// skipHole moves past NUL bytes, which a writer leaves that keeps its offset
// while its file is truncated. At the file's end they may yet be written to.
func (t *Tailer) skipHole(to *turn, f *file) error {
	at, found, err := t.scan(to, f, func(b []byte) int {
		return bytes.IndexFunc(b, func(r rune) bool { return r != 0 })
	})
	if err != nil || !found {
		return err
	}
	f.more = true
	return t.addPiece(to, f, at, nil)
}

// skipLong moves past a line that is longer than MaxLine; chunk is its
// beginning.
func (t *Tailer) skipLong(to *turn, f *file, chunk []byte, now time.Time) error {
	at, found, err := t.scan(to, f, func(b []byte) int { return bytes.IndexByte(b, '\n') })
	if err != nil {
		return err
	}
	end := at + 1
	if !found {
		if !t.isOver(f, now) || f.more {
			return nil
		}
		end = f.size
	}
	var entries gathered
	c := collect.New(collect.Options{
		Format: t.o.Format, Kind: t.o.Kind, MaxLine: t.o.MaxLine, Read: to.read,
		Defaults: feed.Resource(t.o.Defaults, f.mark.Path, f.mark.Real), Emit: entries.add,
	})
	if err := c.TooLong(chunk[:min(len(chunk), feed.HeadBytes)], f.mark.End, end); err != nil {
		return err
	}
	f.more = end < f.size
	return t.addPiece(to, f, end, entries)
}

// scan looks for the first byte that match finds, from where the last scan of
// the same line stopped. Without one, f.more says whether there is more to look
// at.
func (t *Tailer) scan(to *turn, f *file, match func([]byte) int) (at int64, found bool, err error) {
	f.scanned = max(f.scanned, f.mark.End)
	buf := make([]byte, minShare)
	for range scanBytes / len(buf) {
		n, err := f.handle.ReadAt(buf, f.scanned)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, false, err
		}
		if i := match(buf[:n]); i >= 0 {
			return f.scanned + int64(i), true, nil
		}
		f.scanned += int64(n)
		if n < len(buf) {
			f.more = false
			return 0, false, nil
		}
	}
	to.budget -= scanBytes / 8 // read, but neither parsed nor kept
	f.more = true
	return 0, false, nil
}

// publish makes a turn durable and brings it into the stream. When it fails the
// turn stays, to be published again.
func (t *Tailer) publish(ctx context.Context, u *turn) error {
	// Before anything else: identities are new here, dead letters bear them.
	if err := t.save(ctx, u); err != nil {
		return err
	}
	batch := t.o.Intake.Batch(u.read, nil)
	for _, p := range u.pieces {
		batch.Named(p.next.Path).AddBytes(p.next.End - p.next.Start)
		for i := range p.entries {
			if err := batch.Add(ctx, p.next.Identity, &p.entries[i]); err != nil {
				return err
			}
		}
	}
	if _, err := batch.Commit(ctx); err != nil {
		return err
	}
	for _, p := range u.pieces {
		p.file.published(p.next, p.marks)
	}
	t.advance(u.marks)
	t.turn = nil
	return nil
}

// save writes the marks of all of a turn's files in one step.
func (t *Tailer) save(ctx context.Context, u *turn) error {
	items := slices.Clone(u.forget)
	for i := range u.pieces {
		p := &u.pieces[i]
		item, err := p.next.item()
		if err != nil {
			return err
		}
		items = append(items, item)
		for k, m := range p.marks {
			items = append(items, numberItem(p.next.Identity, k, m))
		}
	}
	if len(items) == 0 {
		return nil
	}
	if err := t.o.Ledger.Save(ctx, u.marks, items...); err != nil {
		return err
	}
	for _, p := range u.pieces {
		p.file.durable = true
	}
	t.forget = t.forget[len(u.forget):]
	u.forget = nil
	return nil
}
