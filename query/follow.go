package query

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// MaxLast is the largest number of older lines that a Follower starts with.
const MaxLast = 1_000

// Follower reads lines as they are written. It keeps its place itself, so that
// nothing is read twice and nothing between two steps is missed.
type Follower struct {
	service *Service
	query   pipeline.LineQuery
	cursor  string
	// first are the older lines to start with; seen are their IDs, since a
	// line written while they were read comes again.
	first []Line
	seen  map[pipeline.ID]struct{}
}

// Follow starts behind all that is written, with up to last older lines in
// front; or, when r.Cursor is set to what [Follower.Cursor] said, where another
// Follower stood. Lines come in the order in which they were written, so r
// MUST NOT ask for an order, a limit or an end.
func (s *Service) Follow(ctx context.Context, r LineRequest, last int) (*Follower, error) {
	if r.To != "" || r.Order != "" || r.Limit != 0 {
		return nil, rejectf("leave out to, order and limit", "lines that are still to come have no end and no order")
	}
	if last < 0 || last > MaxLast {
		return nil, rejectf(fmt.Sprintf("last is a number from 0 to %d", MaxLast), "last %d is out of range", last)
	}
	resumed := r.Cursor
	r.Cursor = ""
	q, err := r.compile(s.now())
	if err != nil {
		return nil, err
	}
	f := &Follower{service: s, query: q}
	f.query.Filter.Scopes, _ = scopesOf(ctx)
	f.query.Limit = MaxLast
	if resumed != "" {
		mark, err := base64.RawURLEncoding.DecodeString(resumed)
		if err != nil {
			return nil, rejectf("take the cursor from an id that this stream sent", "cursor is not ours")
		}
		f.cursor = string(mark)
		return f, nil
	}
	// The place comes first: lines written while the last ones are read are
	// then found by both, never by neither.
	if _, err := f.step(ctx); err != nil {
		return nil, err
	}
	if err := f.readLast(ctx, last); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Follower) readLast(ctx context.Context, last int) error {
	if last == 0 {
		return nil
	}
	q := f.query
	q.Order, q.Limit = pipeline.NewestFirst, last
	page, err := f.service.lines(ctx, q)
	if err != nil {
		return err
	}
	f.first = newLines(page.Lines)
	slices.Reverse(f.first)
	f.seen = make(map[pipeline.ID]struct{}, len(f.first))
	for i := range f.first {
		f.seen[f.first[i].ID] = struct{}{}
	}
	return nil
}

// Cursor is the place behind the lines that Next returned last.
func (f *Follower) Cursor() string { return base64.RawURLEncoding.EncodeToString([]byte(f.cursor)) }

// Next returns what was written since the last call, at most a page of it; no
// lines when there are none.
func (f *Follower) Next(ctx context.Context) ([]Line, error) {
	if len(f.first) > 0 {
		first := f.first
		f.first = nil
		return first, nil
	}
	lines, err := f.step(ctx)
	if err != nil || f.seen == nil {
		return lines, err
	}
	return slices.DeleteFunc(lines, func(l Line) bool {
		_, twice := f.seen[l.ID]
		return twice
	}), nil
}

func (f *Follower) step(ctx context.Context) ([]Line, error) {
	page, err := f.service.Reader.Follow(ctx, f.query, f.cursor)
	if err != nil {
		return nil, fmt.Errorf("follow lines: %w", err)
	}
	f.cursor = page.Next
	return newLines(page.Lines), nil
}

// Run calls Next until ctx ends or a call fails, and hands what it returned to
// emit, also when there were no lines (emit may send a sign of life); then it
// waits for more.
func (f *Follower) Run(ctx context.Context, emit func(lines []Line) error) error {
	for ctx.Err() == nil {
		lines, err := f.Next(ctx)
		if err != nil {
			return err
		}
		if err := emit(lines); err != nil {
			return err
		}
		if len(lines) == 0 {
			f.service.wait(ctx)
		}
	}
	return ctx.Err()
}

// wait returns when there may be new lines, after Poll at the latest.
func (s *Service) wait(ctx context.Context) {
	poll := s.Poll
	if poll <= 0 {
		poll = 250 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, poll)
	defer cancel()
	// A wake-up that fails must not make the loop spin.
	if s.Wake == nil || s.Wake(ctx) != nil {
		<-ctx.Done()
	}
}
