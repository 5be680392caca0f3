package embedding

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/loglode/loglode/pipeline"
)

const (
	// usageBucket is where a State keeps usage, under "<name>/<day>".
	usageBucket = "embedding-usage"
	// keepUsage is how long.
	keepUsage = 400 * 24 * time.Hour
	// saveTimeout bounds the writing of what was spent.
	saveTimeout = 10 * time.Second
)

// DayUsage is what embedding took in a UTC day.
type DayUsage struct {
	Day      string  `json:"day"` // "2021-08-03"
	Requests int64   `json:"requests"`
	Tokens   int64   `json:"tokens"`
	Dollars  float64 `json:"dollars"`
	// Services are the parts of the services whose documents were embedded, at
	// most 500 a day, with those of Questions, NoService and OtherServices.
	Services map[string]ServiceUsage `json:"services,omitempty"`
}

// UsageByDay reads what a Limiter of that name has spent, oldest day first. The
// last day may hold what calls under way can cost at most.
func UsageByDay(ctx context.Context, state pipeline.State, name string) ([]DayUsage, error) {
	var days []DayUsage
	err := state.List(ctx, usageBucket, func(key string, value []byte) error {
		day, ours := strings.CutPrefix(key, name+"/")
		if !ours {
			return nil
		}
		u, err := decodeUsage(day, value)
		days = append(days, u)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the usage of embeddings: %w", err)
	}
	return days, nil
}

func decodeUsage(day string, value []byte) (DayUsage, error) {
	u := DayUsage{Day: day}
	if value == nil {
		return u, nil
	}
	if err := json.Unmarshal(value, &u); err != nil {
		return u, fmt.Errorf("decode usage of %s: %w", day, err)
	}
	u.Day = day
	return u, nil
}

// plus is the sum of both, of u's day.
func (u DayUsage) plus(v DayUsage) DayUsage {
	u.Requests += v.Requests
	u.Tokens += v.Tokens
	u.Dollars += v.Dollars
	u.Services = merged(u.Services, v.Services)
	return u
}

// since is what u has more than v, an earlier state of it.
func (u DayUsage) since(v DayUsage) DayUsage {
	more := DayUsage{Requests: u.Requests - v.Requests, Tokens: u.Tokens - v.Tokens, Dollars: u.Dollars - v.Dollars, Services: map[string]ServiceUsage{}}
	for name, of := range u.Services {
		before := v.Services[name]
		if of != before {
			more.Services[name] = ServiceUsage{of.Texts - before.Texts, of.Tokens - before.Tokens, of.Dollars - before.Dollars}
		}
	}
	return more
}

// ledger counts what is spent by UTC day, and keeps it in a State.
type ledger struct {
	state  pipeline.State
	name   string
	dollar float64 // per token

	saving sync.Mutex // the last Put holds the newest numbers

	mu     sync.Mutex
	today  DayUsage
	flying amount // by calls under way, at most
}

func newLedger(state pipeline.State, name string, dollarsPerMillion float64) *ledger {
	return &ledger{state: state, name: name, dollar: dollarsPerMillion / 1e6}
}

func (l *ledger) price(tokens int) float64 { return float64(tokens) * l.dollar }

func (l *ledger) key(day string) string { return l.name + "/" + day }

// day is the UTC day.
func day(now time.Time) string { return now.UTC().Format(time.DateOnly) }

// open reads today's usage and deletes what is too old.
func (l *ledger) open(ctx context.Context) error {
	days, err := UsageByDay(ctx, l.state, l.name)
	if err != nil {
		return err
	}
	var old []pipeline.StateItem
	for _, u := range days {
		if u.Day < day(time.Now().Add(-keepUsage)) {
			old = append(old, pipeline.StateItem{Bucket: usageBucket, Key: l.key(u.Day)})
		}
	}
	if len(old) > 0 {
		if err := l.state.Put(ctx, old); err != nil {
			return fmt.Errorf("forget old usage of embeddings: %w", err)
		}
	}
	return l.turn(ctx)
}

// turn begins another day when there is one: also an earlier one, when the clock
// was set back. What calls under way cost belongs to the new day.
func (l *ledger) turn(ctx context.Context) error {
	now := day(time.Now())
	if l.snapshot().Day == now {
		return nil
	}
	l.saving.Lock()
	defer l.saving.Unlock()
	last := l.snapshot()
	if last.Day == now {
		return nil // another call was first
	}
	if last.Day != "" {
		if err := l.put(ctx, last); err != nil {
			return err
		}
	}
	value, err := l.state.Get(ctx, usageBucket, l.key(now))
	if err != nil {
		return fmt.Errorf("read the usage of embeddings: %w", err)
	}
	u, err := decodeUsage(now, value)
	if err != nil {
		return pipeline.WithHint(err, "what was spent today cannot be read: deleting the state's key "+l.key(now)+" forgets it")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// What was booked since last was taken is in no record yet.
	l.today = u.plus(l.today.since(last))
	return nil
}

// save makes durable what was spent today, with what calls under way may cost.
func (l *ledger) save(ctx context.Context) error {
	l.saving.Lock()
	defer l.saving.Unlock()
	l.mu.Lock()
	u := l.today.plus(l.usageOf(l.flying))
	l.mu.Unlock()
	return l.put(ctx, u)
}

func (l *ledger) put(ctx context.Context, u DayUsage) error {
	value, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("encode usage: %w", err)
	}
	if err := l.state.Put(ctx, []pipeline.StateItem{{Bucket: usageBucket, Key: l.key(u.Day), Value: value}}); err != nil {
		return fmt.Errorf("save the usage of embeddings: %w", err)
	}
	return nil
}

// snapshot is the newest day's usage.
func (l *ledger) snapshot() DayUsage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.today
}

// usage is today's, also when nothing was spent since midnight.
func (l *ledger) usage() DayUsage {
	u := l.snapshot()
	if now := day(time.Now()); u.Day != now {
		return DayUsage{Day: now}
	}
	return u
}

// inFlight is what calls under way may take.
func (l *ledger) inFlight() amount {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flying
}

// committed is the dollars spent today, with those that calls under way may cost.
func (l *ledger) committed() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.today.Dollars + l.price(l.flying.tokens)
}

// commit counts a call that begins.
func (l *ledger) commit(reserved amount) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying = l.flying.plus(reserved)
}

// book counts what a call took that has ended.
func (l *ledger) book(reserved, used amount, services map[string]ServiceUsage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying = l.flying.minus(reserved)
	took := l.usageOf(used)
	took.Services = services
	l.today = l.today.plus(took)
}

func (l *ledger) usageOf(a amount) DayUsage {
	return DayUsage{Requests: int64(a.requests), Tokens: int64(a.tokens), Dollars: l.price(a.tokens)}
}
