package embedding

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/loglode/loglode/pipeline"
)

const (
	// limitedBatch is how many texts a call of a limited embedder's inner one
	// holds: what a crash in the middle of it may count too much.
	limitedBatch = 64
	// maxTextTokens is the most that a text is taken for before it is embedded:
	// what the embedding models of our vendors read of one.
	maxTextTokens = 8192
	// questionShare and questionMoney are the parts of the limits of a minute and
	// of a day's budget that documents leave to questions: a backlog of days must
	// not keep all questions from their vectors.
	questionShare = 10
	questionMoney = 100
	// minDelay is how long to stay away when only calls under way stand in the
	// way, whose end nobody knows.
	minDelay = time.Second
)

// What a limiter's errors wrap, beside pipeline.ErrTryLater and a [*DelayError]:
// neither is a fault of the service.
var (
	// ErrPaced says that a limit of requests or tokens a minute is reached.
	ErrPaced = errors.New("limit of a minute reached")
	// ErrBudgetSpent says that the day's budget is spent.
	ErrBudgetSpent = errors.New("budget spent")
)

// LimitOptions configure a Limiter. Name is required; a limit of 0 is none.
type LimitOptions struct {
	// Name tells the usage of one service from another's in the State, "bedrock".
	Name string
	// RequestsPerMinute and TokensPerMinute hold for any 60 s, not for the
	// clock's minutes. Requests that an embedder repeats on its own are counted
	// when it returns, and may exceed them.
	RequestsPerMinute, TokensPerMinute int
	// DollarsPerDay is the budget of a UTC day.
	DollarsPerDay float64
	// DollarsPerMillionTokens is the service's price.
	DollarsPerMillionTokens float64
	// MaxWait is how long an Embed of documents waits in all for the limits of a
	// minute before it returns what it has, 1 min if 0.
	MaxWait  time.Duration
	Observer LimitObserver
}

// LimitObserver sees what is spent, for metrics. It may be called from several
// goroutines and must return soon.
type LimitObserver interface {
	// Spent is called after each call of an embedder, failed ones included, with
	// its requests and what it took for each service. It MUST NOT change the map.
	Spent(requests int, services map[string]ServiceUsage)
}

func (o LimitOptions) withDefaults() (LimitOptions, error) {
	var faults []error
	if o.Name == "" || strings.Contains(o.Name, "/") {
		faults = append(faults, fmt.Errorf("the limiter's name %q is empty or holds a slash", o.Name))
	}
	for _, n := range []struct {
		name  string
		value float64
	}{
		{"requests a minute", float64(o.RequestsPerMinute)},
		{"tokens a minute", float64(o.TokensPerMinute)},
		{"dollars a day", o.DollarsPerDay},
		{"dollars per million tokens", o.DollarsPerMillionTokens},
		{"longest wait", float64(o.MaxWait)},
	} {
		if !(n.value >= 0) || math.IsInf(n.value, 0) {
			faults = append(faults, fmt.Errorf("the limit of %s for embeddings is %v, not 0 or more", n.name, n.value))
		}
	}
	if o.DollarsPerDay > 0 && o.DollarsPerMillionTokens == 0 {
		faults = append(faults, pipeline.WithHint(errors.New("embeddings have a budget and no price"),
			"give the price of a million tokens, or leave the budget out"))
	}
	if o.MaxWait == 0 {
		o.MaxWait = time.Minute
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	return o, errors.Join(faults...)
}

func (unobserved) Spent(int, map[string]ServiceUsage) {}

// Limiter keeps the calls of one service within its limits, and counts them. Its
// decorators share the limits: documents wait for them, questions do not.
//
//	Cached(limiter.Documents(e)) --.                 .--> e, at most 64 texts a call
//	                               +--> [Limiter] --+
//	limiter.Questions(e) ----------'       |         '--> ErrPaced, ErrBudgetSpent
//	                                     State
//
// What a call may cost at most is durable before it is made, what it did cost
// after it: a crash counts too much, never too little. One process at a time may
// keep usage under a name in a State.
type Limiter struct {
	o      LimitOptions
	ledger *ledger

	mu      sync.Mutex
	window  window
	changed chan struct{} // closed when a call ends
}

// NewLimiter returns a limiter that goes on from what state says was spent
// today, and forgets the usage of days that are older than 400 days.
func NewLimiter(ctx context.Context, state pipeline.State, o LimitOptions) (*Limiter, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Limiter{o: o, ledger: newLedger(state, o.Name, o.DollarsPerMillionTokens), changed: make(chan struct{})}
	if err := l.ledger.open(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// Documents is e within the limits, for what can wait. It leaves a tenth of a
// minute's limits and a hundredth of a day's budget to questions.
//
// A fault of the State is an error of Embed: without it a restart would spend
// the budget again.
func (l *Limiter) Documents(e Embedder) *Limited {
	return &Limited{Embedder: e, limiter: l, wait: l.o.MaxWait, without: NoService, requests: all(l.o.RequestsPerMinute).but(questionShare),
		tokens: all(l.o.TokensPerMinute).but(questionShare), dollars: l.o.DollarsPerDay * (1 - 1.0/questionMoney)}
}

// Questions is e within the limits, for what somebody waits for: it never waits
// for them.
func (l *Limiter) Questions(e Embedder) *Limited {
	return &Limited{Embedder: e, limiter: l, without: Questions, requests: l.o.RequestsPerMinute, tokens: l.o.TokensPerMinute, dollars: l.o.DollarsPerDay}
}

// all is a whole limit.
type all int

// but is the limit without its part, at least 1, unless nothing would be left.
func (n all) but(part int) int {
	if n < 2 {
		return int(n)
	}
	return int(n) - max(int(n)/part, 1)
}

// Usage is what was spent in this UTC day so far, calls under way excluded.
func (l *Limiter) Usage() DayUsage { return l.ledger.usage() }

// Limited is an Embedder within a Limiter's limits. It is a Counter.
type Limited struct {
	Embedder
	limiter          *Limiter
	wait             time.Duration
	requests, tokens int     // a minute
	dollars          float64 // a UTC day
	without          string  // what is counted for no service is under this name
}

// Embed implements Embedder.
func (e *Limited) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vectors, _, err := e.EmbedCounted(ctx, texts)
	return vectors, err
}

// EmbedCounted implements Counter. When a limit stands in the way, its error
// wraps ErrPaced or ErrBudgetSpent, and says when to come back.
func (e *Limited) EmbedCounted(ctx context.Context, texts []string) ([][]float32, Usage, error) {
	vectors := make([][]float32, len(texts))
	usage := Usage{Tokens: make([]int, len(texts))}
	var refused RejectedError
	patience := time.Now().Add(e.wait)
	for at := 0; at < len(texts); {
		n, reserved, err := e.reserve(ctx, texts[at:], patience)
		if err != nil {
			return vectors, usage, err
		}
		part := texts[at : at+n]
		made, used, callErr := e.call(ctx, part)
		services := shares(ctx, part, used.Tokens, e.limiter.ledger.price, e.without)
		saveErr := e.limiter.settle(ctx, reserved, used, services)
		e.limiter.o.Observer.Spent(used.Requests, services)
		usage.Requests += used.Requests
		copy(usage.Tokens[at:], used.Tokens)
		rejected := rejections(callErr)
		if err := checkVectors(e.Embedder, part, made, rejected, callErr); err != nil {
			return vectors, usage, err
		}
		copy(vectors[at:], made)
		if err := errors.Join(notRejected(callErr), saveErr); err != nil {
			return vectors, usage, err
		}
		for i := range part {
			if r, ok := rejected[i]; ok {
				r.Index += at
				refused.Rejections = append(refused.Rejections, r)
			}
		}
		at += n
	}
	if len(refused.Rejections) > 0 {
		return vectors, usage, &refused
	}
	return vectors, usage, nil
}

// call embeds, and estimates what the embedder does not tell.
func (e *Limited) call(ctx context.Context, texts []string) ([][]float32, Usage, error) {
	if c, ok := e.Embedder.(Counter); ok {
		vectors, used, err := c.EmbedCounted(ctx, texts)
		if len(used.Tokens) > len(texts) {
			used.Tokens = used.Tokens[:len(texts)]
		}
		return vectors, used, err
	}
	vectors, err := e.Embedder.Embed(ctx, texts)
	used := Usage{Tokens: make([]int, len(texts))}
	for i, text := range texts {
		if !isBlank(text) {
			used.Requests = 1
		}
		if i < len(vectors) && vectors[i] != nil {
			used.Tokens[i] = EstimateTokens(text)
		}
	}
	return vectors, used, err
}

// reserve waits until the limits let the first n > 0 texts pass, and makes what
// they may cost durable.
func (e *Limited) reserve(ctx context.Context, texts []string, patience time.Time) (n int, reserved amount, err error) {
	l := e.limiter
	for {
		if err := l.ledger.turn(ctx); err != nil {
			return 0, amount{}, err
		}
		n, reserved, changed, err := e.take(texts)
		if n > 0 && reserved != (amount{}) {
			err = l.ledger.save(ctx)
		}
		if n > 0 && err != nil {
			l.land(reserved, amount{}, nil) // no call is made
			return 0, amount{}, err
		}
		if n > 0 {
			return n, reserved, nil
		}
		var limit *limitError
		if !errors.As(err, &limit) || time.Now().Add(limit.after).After(patience) {
			return 0, amount{}, err
		}
		if err := sleep(ctx, limit.after, changed); err != nil {
			return 0, amount{}, fmt.Errorf("wait for the limits of embeddings: %w", err)
		}
	}
}

// sleep waits for d or until woken is closed.
func sleep(ctx context.Context, d time.Duration, woken <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-woken:
	}
	return nil
}

// take reserves as much for the first texts as the limits have left. When that is
// not enough for one, err is a *limitError; changed is closed when a call ends.
func (e *Limited) take(texts []string) (n int, reserved amount, changed <-chan struct{}, err error) {
	l := e.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	used := l.window.sum(time.Now()).plus(l.ledger.inFlight())
	spent := l.ledger.committed()
	for n < min(len(texts), limitedBatch) {
		next := reserved.plus(bound(texts[n]))
		if next != (amount{}) { // blank texts pass for nothing
			if err = e.check(used, spent, next); err != nil {
				break
			}
		}
		reserved = next
		n++
	}
	if n == 0 {
		return 0, amount{}, l.changed, err
	}
	l.ledger.commit(reserved)
	return n, reserved, nil, nil
}

// bound is the most that a text may take: a tokeniser makes no more tokens than
// there are bytes, but for those that mark the beginning and the end.
func bound(text string) amount {
	if isBlank(text) {
		return amount{}
	}
	return amount{requests: 1, tokens: min(len(text)+2, maxTextTokens)}
}

// isBlank says whether a text is embedded without asking anybody.
func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// check says which limit next breaks after what was used in the last minute and
// spent today.
func (e *Limited) check(used amount, spent float64, next amount) error {
	l := e.limiter
	cost := l.ledger.price(next.tokens)
	now := time.Now()
	switch {
	case l.o.DollarsPerDay > 0 && spent+cost > e.dollars:
		return l.overspent(now, cost, e.dollars)
	case e.requests > 0 && used.requests+next.requests > e.requests:
		return l.paced(now, "requests", l.o.RequestsPerMinute, func(gone amount) bool {
			return used.requests-gone.requests+next.requests <= e.requests
		})
	case e.tokens > 0 && used.tokens+next.tokens > e.tokens && used.tokens > 0: // one that alone is too much passes alone
		return l.paced(now, "tokens", l.o.TokensPerMinute, func(gone amount) bool {
			return used.tokens-gone.tokens+next.tokens <= e.tokens || used.tokens == gone.tokens
		})
	}
	return nil
}

// overspent is the error of a budget that has not enough left for cost.
func (l *Limiter) overspent(now time.Time, cost, budget float64) error {
	u := l.ledger.usage()
	if u.Dollars+cost <= budget { // calls under way take less than they may
		return &limitError{kind: ErrPaced, message: "calls under way may spend the rest of the budget for embeddings", after: minDelay}
	}
	message := fmt.Sprintf("the budget of $%.2f for embeddings is spent for %s (UTC): $%.4f for %d tokens in %d requests",
		l.o.DollarsPerDay, u.Day, u.Dollars, u.Tokens, u.Requests)
	return pipeline.WithHint(&limitError{kind: ErrBudgetSpent, message: message, after: untilTomorrow(now)},
		"raise the budget, or wait: meanwhile what has no vector is found by its words")
}

// paced is the error of a limit of a minute that holds until enough is gone.
func (l *Limiter) paced(now time.Time, what string, limit int, enough func(gone amount) bool) error {
	return &limitError{kind: ErrPaced, message: fmt.Sprintf("the limit of %d %s a minute for embeddings is reached", limit, what),
		after: l.window.until(now, enough)}
}

// settle puts what a call took in the place of what was reserved for it.
func (l *Limiter) settle(ctx context.Context, reserved amount, used Usage, services map[string]ServiceUsage) error {
	l.land(reserved, amount{requests: used.Requests, tokens: used.Total()}, services)
	// What is paid for is written down also when the caller goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	return l.ledger.save(ctx)
}

func (l *Limiter) land(reserved, used amount, services map[string]ServiceUsage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window.add(time.Now(), used)
	l.ledger.book(reserved, used, services)
	close(l.changed)
	l.changed = make(chan struct{})
}

// limitError says which limit stands in the way. It wraps ErrPaced or
// ErrBudgetSpent, pipeline.ErrTryLater and a DelayError.
type limitError struct {
	kind    error
	message string
	after   time.Duration
}

func (e *limitError) Error() string {
	return fmt.Sprintf("%v: %s; the next is possible in %v", pipeline.ErrTryLater, e.message, e.after.Round(time.Second))
}

func (e *limitError) Unwrap() []error {
	return []error{e.kind, &DelayError{Err: pipeline.ErrTryLater, After: e.after}}
}

// untilTomorrow is how long the UTC day lasts.
func untilTomorrow(now time.Time) time.Duration {
	y, m, d := now.UTC().Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC).Sub(now)
}
