package opensearch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/loglode/loglode/pipeline"
)

const (
	// tries is how often refused items are sent again within one call; the handler
	// tries the call again, without end.
	tries = 4
	// fewRefused is how many items may always be refused for good. More than that,
	// and more than a tenth, are a fault of the configuration and not of the data.
	fewRefused = 10
	// tooLarge is the reason of what no answer can be had for.
	tooLarge = "too_large"
)

// action is one item of a bulk request: two lines of it.
type action struct {
	head, body []byte
	// at is the caller's number of it.
	at int
}

func (a *action) size() int { return len(a.head) + len(a.body) }

// fate is what became of an item.
type fate struct {
	outcome pipeline.Outcome
	reason  string
}

// item is OpenSearch's answer for one.
type item struct {
	Status int   `json:"status"`
	Error  cause `json:"error"`
}

// answered is an item under the name of its action: one of them.
type answered struct {
	Index  item `json:"index"`
	Create item `json:"create"`
	Update item `json:"update"`
	Delete item `json:"delete"`
}

// item is the one that is there. An answer without any is judged by its status
// of 0.
func (a *answered) item() item {
	switch {
	case a.Create.Status != 0:
		return a.Create
	case a.Index.Status != 0:
		return a.Index
	case a.Update.Status != 0:
		return a.Update
	}
	return a.Delete
}

// kept are the parts of an answer that are read.
const kept = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"

// bulk sends actions to one target, in bodies of about Options.Body, and returns
// the fate of each. What is overloaded is sent again, a few times; an error
// wraps pipeline.ErrTryLater.
func (s *Store) bulk(ctx context.Context, target string, actions []action, fates []fate) error {
	for start := 0; start < len(actions); {
		end, size := start, 0
		for end < len(actions) && (end == start || size+actions[end].size() <= s.o.Body) {
			size += actions[end].size()
			end++
		}
		if err := s.deliver(ctx, target, actions[start:end], fates); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// bulkOwn is bulk for documents of ours alone, of which none has anything that
// could be refused.
func (s *Store) bulkOwn(ctx context.Context, actions []action) ([]fate, error) {
	fates := make([]fate, len(actions))
	if err := s.bulk(ctx, systemTarget, actions, fates); err != nil {
		return nil, err
	}
	if refused := countRefused(fates); refused > 0 {
		return nil, errRefused(refused, len(actions), systemTarget)
	}
	return fates, nil
}

func countRefused(fates []fate) (n int) {
	for i := range fates {
		if fates[i].outcome == pipeline.Rejected {
			n++
		}
	}
	return n
}

// errRefused says that OpenSearch refuses what it should take.
func errRefused(refused, of int, target string) error {
	return pipeline.WithHint(fmt.Errorf("OpenSearch refuses %d of %d documents for %s: %w", refused, of, target, pipeline.ErrTryLater),
		"that is no fault of the data: compare the mapping and settings of the index with those that loglode makes; the log has its reasons")
}

// deliver sends one body until each of its items has its fate.
func (s *Store) deliver(ctx context.Context, target string, actions []action, fates []fate) error {
	wait := s.client.wait
	for try := 1; ; try++ {
		again, err := s.deliverOnce(ctx, target, actions, fates)
		if err == nil && len(again) == 0 {
			return nil
		}
		if is(err, http.StatusRequestEntityTooLarge) {
			if len(actions) == 1 {
				fates[actions[0].at] = fate{pipeline.Rejected, tooLarge}
				return nil
			}
			return s.deliverHalves(ctx, target, actions, fates)
		}
		if try == tries {
			if err == nil {
				err = fmt.Errorf("OpenSearch is overloaded: %d of %d documents for %s are still refused: %w", len(again), len(actions), target, pipeline.ErrTryLater)
			}
			return err
		}
		if err != nil && (!passes(err) || ctx.Err() != nil) {
			return err
		}
		if err == nil {
			actions = again
		}
		if err := sleep(ctx, wait/2+rand.N(wait)); err != nil {
			return err
		}
		wait *= 2
	}
}

func (s *Store) deliverHalves(ctx context.Context, target string, actions []action, fates []fate) error {
	for _, half := range [][]action{actions[:len(actions)/2], actions[len(actions)/2:]} {
		if err := s.deliver(ctx, target, half, fates); err != nil {
			return err
		}
	}
	return nil
}

// deliverOnce makes one request. again are the items to be sent again.
func (s *Store) deliverOnce(ctx context.Context, target string, actions []action, fates []fate) (again []action, err error) {
	body := func(w io.Writer) error {
		for i := range actions {
			if _, err := w.Write(actions[i].head); err != nil {
				return err
			}
			if _, err := w.Write(actions[i].body); err != nil {
				return err
			}
		}
		return nil
	}
	g := s.gates.at(target)
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	verdict := went
	defer func() { g.leave(verdict) }()
	var answer struct {
		Items []answered `json:"items"`
	}
	if err := s.client.send(ctx, http.MethodPost, "/_bulk?require_alias=true&"+kept, linesBody, body, &answer); err != nil {
		var e *Error
		if !errors.As(err, &e) || overloads(e.Status) {
			verdict = overloaded
		}
		return nil, fmt.Errorf("write to %s: %w", target, err)
	}
	if len(answer.Items) != len(actions) {
		return nil, fmt.Errorf("write to %s: %d answers for %d documents: %w", target, len(answer.Items), len(actions), pipeline.ErrTryLater)
	}
	for i := range actions {
		it := answer.Items[i].item()
		f, later, err := judge(it)
		switch {
		case err != nil:
			return nil, fmt.Errorf("write to %s: %w", target, err)
		case later:
			verdict = overloaded
			again = append(again, actions[i])
			continue
		case f.outcome == pipeline.Rejected:
			s.log.Warn("OpenSearch refuses a document", "index", target, "type", it.Error.Type, "reason", it.Error.Reason)
		}
		fates[actions[i].at] = f
	}
	return again, nil
}

// systemTarget stands for the indices that belong to no day.
const systemTarget = "loglode"

func overloads(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// refusedTypes are the answers that say that a document can never be stored.
var refusedTypes = map[string]bool{
	"mapper_parsing_exception": true, "document_parsing_exception": true, "illegal_argument_exception": true, "parsing_exception": true,
	"x_content_parse_exception": true, "max_bytes_length_exceeded_exception": true, "parse_exception": true,
}

// judge sorts the answer for one item:
//
//	201, 200      created, updated     409  it is there already
//	429, 5xx      later                400 of the data, 413  refused for good
//	403, 404, 401 and other 400: an error, for the configuration is at fault
func judge(it item) (f fate, later bool, err error) {
	switch {
	case it.Status < http.StatusOK:
		return fate{}, false, fmt.Errorf("an item has the status %d: %w", it.Status, pipeline.ErrTryLater)
	case it.Status < http.StatusMultipleChoices:
		return fate{outcome: pipeline.Created}, false, nil
	case it.Status == http.StatusConflict, it.Status == http.StatusNotFound && it.Error.Type == "":
		return fate{outcome: pipeline.Exists}, false, nil // there already, or gone already
	case overloads(it.Status):
		return fate{}, true, nil
	case it.Status == http.StatusRequestEntityTooLarge:
		return fate{pipeline.Rejected, tooLarge}, false, nil
	case it.Status == http.StatusBadRequest && refusedTypes[it.Error.Type]:
		return fate{pipeline.Rejected, it.Error.Type}, false, nil
	}
	return fate{}, false, it.Error.of(it.Status)
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
