package embedding_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/embedding/embeddingtest"
)

// state is a pipeline.State in memory.
type state struct {
	mu    sync.Mutex
	items map[string]string
	puts  int
	// fault is what the next calls fail with.
	fault error
}

func (s *state) Get(_ context.Context, bucket, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value, ok := s.items[bucket+"\x00"+key]; ok {
		return []byte(value), s.fault
	}
	return nil, s.fault
}

func (s *state) Put(ctx context.Context, items []pipeline.StateItem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.fault, ctx.Err()); err != nil {
		return err
	}
	s.puts++
	if s.items == nil {
		s.items = map[string]string{}
	}
	for _, it := range items {
		if it.Value == nil {
			delete(s.items, it.Bucket+"\x00"+it.Key)
			continue
		}
		s.items[it.Bucket+"\x00"+it.Key] = string(it.Value)
	}
	return nil
}

func (s *state) List(_ context.Context, bucket string, fn func(key string, value []byte) error) error {
	s.mu.Lock()
	items, fault := maps.Clone(s.items), s.fault
	s.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(items)) {
		if key, ok := strings.CutPrefix(k, bucket+"\x00"); ok {
			if err := fn(key, []byte(items[k])); err != nil {
				return err
			}
		}
	}
	return fault
}

func (s *state) failWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

// counter is a model that counts: each text is a request of ten tokens, and takes
// a while.
type counter struct {
	*model
	takes time.Duration

	mu      sync.Mutex
	arrived []time.Time
	during  func()
}

func (c *counter) EmbedCounted(ctx context.Context, texts []string) ([][]float32, embedding.Usage, error) {
	for range texts {
		c.mu.Lock()
		c.arrived = append(c.arrived, time.Now())
		c.mu.Unlock()
		time.Sleep(c.takes)
	}
	if c.during != nil {
		c.during()
	}
	vectors, err := c.Embed(ctx, texts)
	used := embedding.Usage{Tokens: make([]int, len(texts))}
	for i := range vectors {
		if vectors[i] != nil && strings.TrimSpace(texts[i]) != "" {
			used.Requests++
			used.Tokens[i] = 10
		}
	}
	return vectors, used, err
}

// busiest is how many texts arrived within some span.
func (c *counter) busiest(span time.Duration) (most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, from := range c.arrived {
		n := 0
		for _, at := range c.arrived[i:] {
			if at.Sub(from) < span {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func newLimiter(t *testing.T, s pipeline.State, o embedding.LimitOptions) *embedding.Limiter {
	t.Helper()
	o.Name = "vendor"
	l, err := embedding.NewLimiter(t.Context(), s, o)
	require.NoError(t, err)
	return l
}

func some(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprintf("text %06d", i)) // 11 bytes: bounded by 13 tokens
	}
	return texts
}

func requireDelay(t *testing.T, want time.Duration, err error) {
	t.Helper()
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	var d *embedding.DelayError
	require.ErrorAs(t, err, &d)
	require.Equal(t, want, d.After)
}

func made(vectors [][]float32) (n int) {
	for _, v := range vectors {
		if v != nil {
			n++
		}
	}
	return n
}

func TestLimitedIsAnEmbedder(t *testing.T) {
	for name, open := range map[string]func(l *embedding.Limiter) embedding.Embedder{
		"documents": func(l *embedding.Limiter) embedding.Embedder { return l.Documents(builtin{}) },
		"questions": func(l *embedding.Limiter) embedding.Embedder { return l.Questions(builtin{}) },
	} {
		t.Run(name, func(t *testing.T) {
			embeddingtest.TestEmbedder(t, func(t *testing.T) embedding.Embedder {
				return open(newLimiter(t, new(state), embedding.LimitOptions{RequestsPerMinute: 1000, TokensPerMinute: 1e6, DollarsPerDay: 1, DollarsPerMillionTokens: .02}))
			}, 0)
		})
	}
}

// builtin is a model without faults that looks at its context.
type builtin struct{}

func (builtin) Model() string   { return "fake-1" }
func (builtin) Dimensions() int { return 4 }

func (builtin) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		vectors[i] = vectorOf(strings.TrimSpace(text))
	}
	return vectors, ctx.Err()
}

func TestLimitOptionsAreChecked(t *testing.T) {
	for want, o := range map[string]embedding.LimitOptions{
		"name":                {},
		"slash":               {Name: "a/b"},
		"requests a minute":   {Name: "a", RequestsPerMinute: -1},
		"tokens a minute":     {Name: "a", TokensPerMinute: -1},
		"dollars a day":       {Name: "a", DollarsPerDay: math.NaN(), DollarsPerMillionTokens: 1},
		"dollars per million": {Name: "a", DollarsPerMillionTokens: math.Inf(1)},
		"longest wait":        {Name: "a", MaxWait: -1},
		"no price":            {Name: "a", DollarsPerDay: 1},
	} {
		_, err := embedding.NewLimiter(t.Context(), new(state), o)
		require.ErrorContains(t, err, want)
	}
}

func TestRequestsAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{model: newModel(), takes: 100 * time.Millisecond}
		l := newLimiter(t, new(state), embedding.LimitOptions{RequestsPerMinute: 30, MaxWait: time.Hour})
		start := time.Now()
		vectors, usage, err := l.Documents(c).EmbedCounted(t.Context(), some(135))
		require.NoError(t, err)
		require.Equal(t, 135, made(vectors))
		require.Equal(t, embedding.Usage{Requests: 135, Tokens: slices.Repeat([]int{10}, 135)}, usage)
		require.Equal(t, 27, c.busiest(time.Minute), "a tenth is left to questions")
		require.InDelta(t, 4, time.Since(start).Minutes(), .3)
	})
}

func TestTokensAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{model: newModel()}
		l := newLimiter(t, new(state), embedding.LimitOptions{TokensPerMinute: 1000, MaxWait: time.Hour})
		start := time.Now()
		_, err := l.Documents(c).Embed(t.Context(), some(200))
		require.NoError(t, err)
		require.LessOrEqual(t, c.busiest(time.Minute), 90)
		require.GreaterOrEqual(t, c.busiest(time.Minute), 85, "what a call took counts, not what it might have taken")
		require.InDelta(t, 2, time.Since(start).Minutes(), .2)

		time.Sleep(2 * time.Minute)
		_, err = l.Documents(c).Embed(t.Context(), []string{strings.Repeat("long ", 1000)})
		require.NoError(t, err, "a text that is too much for any minute passes alone")
	})
}

func TestALongTextWaitsForAWholeMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{model: newModel()}
		l := newLimiter(t, new(state), embedding.LimitOptions{TokensPerMinute: 1000})
		for range 2 {
			_, err := l.Questions(c).Embed(t.Context(), some(1))
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
		}
		_, err := l.Questions(c).Embed(t.Context(), []string{strings.Repeat("long ", 1000)})
		require.ErrorContains(t, err, "the limit of 1000 tokens a minute")
		requireDelay(t, 50*time.Second, err)
	})
}

// What waits goes on as soon as a call ends that took less than it might have.
func TestTheEndOfACallWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, new(state), embedding.LimitOptions{RequestsPerMinute: 10})
		slow := slowly{newModel(), 300 * time.Millisecond} // one request, however many texts
		start := time.Now()
		var callers sync.WaitGroup
		for range 2 {
			callers.Go(func() {
				if _, err := l.Documents(slow).Embed(t.Context(), some(9)); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		require.Equal(t, 900*time.Millisecond, time.Since(start), "9, then 8, then 1")
	})
}

// slowly is a model that takes a while.
type slowly struct {
	*model
	takes time.Duration
}

func (s slowly) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	time.Sleep(s.takes)
	return s.model.Embed(ctx, texts)
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{model: newModel()}
		l := newLimiter(t, new(state), embedding.LimitOptions{RequestsPerMinute: 20, MaxWait: 90 * time.Second})
		start := time.Now()
		vectors, err := l.Documents(c).Embed(t.Context(), some(100))
		require.ErrorIs(t, err, embedding.ErrPaced)
		require.ErrorContains(t, err, "the limit of 20 requests a minute")
		requireDelay(t, time.Minute, err)
		require.Equal(t, 36, made(vectors), "what was embedded is not lost")
		require.Equal(t, time.Minute, time.Since(start), "and does not wait for what cannot come in time")
	})
}

func TestQuestionsDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{model: newModel()}
		l := newLimiter(t, new(state), embedding.LimitOptions{RequestsPerMinute: 20, DollarsPerDay: 1, DollarsPerMillionTokens: 100})
		_, err := l.Documents(c).Embed(t.Context(), some(18))
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		for range 2 {
			_, err = l.Questions(c).Embed(t.Context(), []string{"why?"})
			require.NoError(t, err, "a part is left to questions")
		}
		start := time.Now()
		_, err = l.Questions(c).Embed(t.Context(), []string{"why?"})
		require.ErrorIs(t, err, embedding.ErrPaced)
		requireDelay(t, 50*time.Second, err)
		require.Zero(t, time.Since(start))
	})
}

func TestTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{model: newModel()}
		kept := new(state)
		o := embedding.LimitOptions{DollarsPerDay: .02, DollarsPerMillionTokens: 10} // 2,000 tokens, 1,980 for documents
		l := newLimiter(t, kept, o)
		time.Sleep(20 * time.Hour)

		vectors, err := l.Documents(c).Embed(t.Context(), some(150))
		require.NoError(t, err)
		require.Equal(t, 150, made(vectors))
		require.Equal(t, embedding.DayUsage{Day: "2000-01-01", Requests: 150, Tokens: 1500, Dollars: .015}, round(l.Usage()))

		l = newLimiter(t, kept, o) // a restart
		require.Equal(t, embedding.DayUsage{Day: "2000-01-01", Requests: 150, Tokens: 1500, Dollars: .015}, round(l.Usage()))
		vectors, err = l.Documents(c).Embed(t.Context(), some(150))
		require.ErrorIs(t, err, embedding.ErrBudgetSpent)
		require.NotErrorIs(t, err, embedding.ErrPaced)
		require.ErrorContains(t, err, "the budget of $0.02 for embeddings is spent for 2000-01-01 (UTC): $0.0197 for 1970 tokens in 197 requests")
		require.NotContains(t, err.Error(), "service asks")
		requireDelay(t, 4*time.Hour, err)
		var hint *pipeline.HintError
		require.ErrorAs(t, err, &hint)
		require.Contains(t, hint.Hint, "budget")
		require.Equal(t, 47, made(vectors), "47 more than a restart would forget")

		_, err = l.Questions(c).Embed(t.Context(), []string{"why?"})
		require.NoError(t, err, "a part is left to questions")
		require.LessOrEqual(t, l.Usage().Dollars, .02)
		_, err = l.Documents(c).Embed(t.Context(), []string{" ", ""})
		require.NoError(t, err, "nothing is paid for blank texts")

		time.Sleep(4*time.Hour - 2*time.Minute)
		_, err = l.Documents(c).Embed(t.Context(), some(1))
		requireDelay(t, 2*time.Minute, err)
		time.Sleep(2 * time.Minute)
		require.Equal(t, embedding.DayUsage{Day: "2000-01-02"}, l.Usage(), "before anything is spent")
		_, err = l.Documents(c).Embed(t.Context(), some(3))
		require.NoError(t, err)
		require.Equal(t, embedding.DayUsage{Day: "2000-01-02", Requests: 3, Tokens: 30, Dollars: .0003}, round(l.Usage()))

		days, err := embedding.UsageByDay(t.Context(), kept, "vendor")
		require.NoError(t, err)
		require.Len(t, days, 2)
		require.Equal(t, embedding.DayUsage{Day: "2000-01-01", Requests: 198, Tokens: 1980, Dollars: .0198}, round(days[0]))
		require.Equal(t, l.Usage(), days[1])
		other, err := embedding.UsageByDay(t.Context(), kept, "vend")
		require.NoError(t, err)
		require.Empty(t, other)
	})
}

// round is u without what adding floating-point numbers leaves.
func round(u embedding.DayUsage) embedding.DayUsage {
	u.Services = nil
	u.Dollars = math.Round(u.Dollars*1e9) / 1e9
	return u
}

// The loop comes back when the day turns, without a person.
func TestTheLoopGoesOnTomorrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{model: newModel()}
		l := newLimiter(t, new(state), embedding.LimitOptions{DollarsPerDay: .01, DollarsPerMillionTokens: 10}) // 99 texts a day
		memory := new(embeddingtest.Memory)
		for _, text := range some(250) {
			memory.Add(embedding.Document{Text: text})
		}
		o := new(observer)
		loop := embedding.NewLoop(memory, embedding.Cached(l.Documents(c), memory), embedding.LoopOptions{Observer: o})
		ctx, cancel := context.WithTimeout(t.Context(), 49*time.Hour)
		defer cancel()
		require.NoError(t, loop.Run(ctx))
		waiting, err := memory.Unembedded(t.Context(), c.Model(), 1)
		require.NoError(t, err)
		require.Empty(t, waiting)
		require.Len(t, c.sent(), 250, "each is paid for once")
		errs, waits := o.failures()
		require.Len(t, errs, 2, "a day's error is one")
		for i, err := range errs {
			require.ErrorIs(t, err, embedding.ErrBudgetSpent)
			require.InDelta(t, 24, waits[i].Hours(), .01)
		}
	})
}

// What a call may cost is durable before it is made.
func TestACrashForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := new(state)
		o := embedding.LimitOptions{DollarsPerDay: 1, DollarsPerMillionTokens: 10}
		var during embedding.DayUsage
		c := &counter{model: newModel()}
		c.during = func() { during = newLimiter(t, kept, o).Usage() }
		l := newLimiter(t, kept, o)
		_, err := l.Documents(c).Embed(t.Context(), some(64))
		require.NoError(t, err)
		require.EqualValues(t, 64, during.Requests)
		require.GreaterOrEqual(t, during.Tokens, int64(640))
		require.EqualValues(t, 640, newLimiter(t, kept, o).Usage().Tokens, "and is put right after it")
	})
}

func TestACallThatSpansMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := new(state)
		c := &counter{model: newModel(), takes: time.Minute}
		l := newLimiter(t, kept, embedding.LimitOptions{DollarsPerMillionTokens: 10})
		time.Sleep(24*time.Hour - 10*time.Minute)
		var callers sync.WaitGroup
		callers.Go(func() {
			if _, err := l.Documents(c).Embed(t.Context(), some(20)); err != nil { // 20 min
				t.Error(err)
			}
		})
		time.Sleep(11 * time.Minute)
		_, err := l.Questions(&counter{model: newModel()}).Embed(t.Context(), []string{"why?"})
		require.NoError(t, err)
		callers.Wait()
		require.Equal(t, embedding.DayUsage{Day: "2000-01-02", Requests: 21, Tokens: 210, Dollars: .0021}, round(l.Usage()))
		days, err := embedding.UsageByDay(t.Context(), kept, "vendor")
		require.NoError(t, err)
		require.Equal(t, embedding.DayUsage{Day: "2000-01-01"}, days[0], "nothing is counted twice")
		require.Equal(t, l.Usage(), days[1])
	})
}

// Calls at once share the limits and the budget.
func TestCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{model: newModel(), takes: 10 * time.Millisecond}
		l := newLimiter(t, new(state), embedding.LimitOptions{RequestsPerMinute: 100, DollarsPerDay: .05, DollarsPerMillionTokens: 10, MaxWait: time.Hour})
		var callers sync.WaitGroup
		var mu sync.Mutex
		embedded := 0
		for range 8 {
			callers.Go(func() {
				vectors, err := l.Documents(c).Embed(t.Context(), some(100))
				mu.Lock()
				defer mu.Unlock()
				embedded += made(vectors)
				if err != nil && !errors.Is(err, embedding.ErrBudgetSpent) {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		require.Equal(t, 494, embedded, "495 texts of ten tokens, of which the last might have been too long")
		require.LessOrEqual(t, c.busiest(time.Minute), 100)
		require.EqualValues(t, 4940, l.Usage().Tokens)
	})
}

// A question while a call holds all that is left comes back in a moment, not
// tomorrow.
func TestABudgetThatCallsUnderWayHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{model: newModel(), takes: time.Second}
		l := newLimiter(t, new(state), embedding.LimitOptions{DollarsPerDay: .001, DollarsPerMillionTokens: 10}) // 100 tokens
		var callers sync.WaitGroup
		callers.Go(func() {
			if _, err := l.Documents(c).Embed(t.Context(), some(7)); err != nil { // 70 tokens, at most 91
				t.Error(err)
			}
		})
		synctest.Wait()
		_, err := l.Questions(c).Embed(t.Context(), []string{"why is that?"})
		require.ErrorIs(t, err, embedding.ErrPaced)
		requireDelay(t, time.Second, err)
		callers.Wait()
		_, err = l.Questions(c).Embed(t.Context(), []string{"why is that?"})
		require.NoError(t, err)
	})
}

func TestTheEndOfTheContextEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, new(state), embedding.LimitOptions{RequestsPerMinute: 10})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		vectors, err := l.Documents(&counter{model: newModel()}).Embed(ctx, some(20))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, pipeline.ErrTryLater)
		require.Equal(t, 9, made(vectors))
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}

// A caller that goes away during a call has paid for it all the same.
func TestWhatACancelledCallSpentIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := new(state)
		ctx, cancel := context.WithCancel(t.Context())
		c := &counter{model: newModel(), during: cancel}
		o := embedding.LimitOptions{DollarsPerMillionTokens: 10}
		_, err := newLimiter(t, kept, o).Documents(c).Embed(ctx, some(3))
		require.NoError(t, err)
		require.EqualValues(t, 30, newLimiter(t, kept, o).Usage().Tokens)
	})
}

func TestFaultsOfTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, gone := new(state), errors.New("disk gone")
		kept.failWith(gone)
		_, err := embedding.NewLimiter(t.Context(), kept, embedding.LimitOptions{Name: "vendor"})
		require.ErrorIs(t, err, gone)
		kept.failWith(nil)
		c := &counter{model: newModel()}
		l := newLimiter(t, kept, embedding.LimitOptions{RequestsPerMinute: 10, DollarsPerMillionTokens: 10})

		kept.failWith(gone)
		vectors, err := l.Documents(c).Embed(t.Context(), some(3))
		require.ErrorIs(t, err, gone)
		require.NotErrorIs(t, err, pipeline.ErrRejected)
		require.Zero(t, made(vectors))
		require.Empty(t, c.sent(), "nothing is paid for that would be forgotten")
		kept.failWith(nil)

		c.during = func() { kept.failWith(gone) }
		vectors, err = l.Documents(c).Embed(t.Context(), some(3))
		require.ErrorIs(t, err, gone)
		require.Equal(t, 3, made(vectors), "what is paid for is kept")
		require.EqualValues(t, 30, l.Usage().Tokens)
		kept.failWith(nil)

		c.during = nil
		time.Sleep(24 * time.Hour)
		kept.failWith(gone)
		_, err = l.Documents(c).Embed(t.Context(), some(3))
		require.ErrorIs(t, err, gone, "the day turns only when it is durable")
		kept.failWith(nil)
		_, err = l.Documents(c).Embed(t.Context(), some(9))
		require.NoError(t, err, "what was not used does not count")
		require.EqualValues(t, 90, l.Usage().Tokens)

		kept.items["embedding-usage\x00vendor/2000-01-02"] = "no JSON"
		_, err = embedding.NewLimiter(t.Context(), kept, embedding.LimitOptions{Name: "vendor"})
		require.ErrorContains(t, err, "decode usage of 2000-01-02")
	})
}

func TestOldUsageIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &state{items: map[string]string{
			"embedding-usage\x00vendor/1998-11-01": `{"tokens":1}`, // 426 days
			"embedding-usage\x00vendor/1998-12-01": `{"tokens":2}`, // 396 days
			"embedding-usage\x00other/1998-11-01":  `{"tokens":3}`,
		}}
		newLimiter(t, kept, embedding.LimitOptions{})
		require.Equal(t, map[string]string{
			"embedding-usage\x00vendor/1998-12-01": `{"tokens":2}`,
			"embedding-usage\x00other/1998-11-01":  `{"tokens":3}`,
		}, kept.items)
	})
}

func TestRejectionsAndFaultsPassTheLimiter(t *testing.T) {
	texts := some(150)
	texts[3], texts[140] = "cursed", "cursed too"
	m := newModel()
	l := newLimiter(t, new(state), embedding.LimitOptions{})
	vectors, err := l.Documents(m).Embed(t.Context(), texts)
	require.ErrorIs(t, err, pipeline.ErrRejected)
	var rejected *embedding.RejectedError
	require.ErrorAs(t, err, &rejected)
	require.Len(t, rejected.Rejections, 2)
	require.Equal(t, 3, rejected.Rejections[0].Index)
	require.Equal(t, 140, rejected.Rejections[1].Index)
	require.Equal(t, 148, made(vectors))

	m.set(40, errThrottled)
	vectors, err = l.Documents(m).Embed(t.Context(), texts[4:100])
	require.ErrorIs(t, err, errThrottled)
	require.Equal(t, 40, made(vectors))

	m.set(-1, nil)
	m.wrong = func(vectors [][]float32, err error) ([][]float32, error) { return vectors[1:], err }
	_, err = l.Documents(m).Embed(t.Context(), texts[4:10])
	require.ErrorContains(t, err, "5 vectors for 6 texts")
}

// Of an embedder that does not count, tokens are estimated.
func TestUsageIsEstimated(t *testing.T) {
	seen := new(spending)
	l := newLimiter(t, new(state), embedding.LimitOptions{DollarsPerMillionTokens: 10, Observer: seen})
	_, usage, err := l.Documents(newModel()).EmbedCounted(t.Context(), []string{"disk full", "cursed", "", "certificate expired"})
	require.ErrorIs(t, err, pipeline.ErrRejected)
	require.Equal(t, embedding.Usage{Requests: 1, Tokens: []int{4, 0, 0, 7}}, usage)
	require.Equal(t, 11, usage.Total())
	require.EqualValues(t, 11, l.Usage().Tokens)
	require.Equal(t, []int{1}, seen.requests)
	require.Len(t, seen.services, 1)
	require.EqualValues(t, 3, seen.services[embedding.NoService].Texts)
	require.EqualValues(t, 11, seen.services[embedding.NoService].Tokens)
	require.InDelta(t, 11*10/1e6, seen.services[embedding.NoService].Dollars, 1e-12)
}

// What the loop embeds is counted for the service whose document it is, once.
func TestUsageByService(t *testing.T) {
	seen := new(spending)
	kept := new(state)
	l := newLimiter(t, kept, embedding.LimitOptions{DollarsPerMillionTokens: 1e6, Observer: seen})
	s := new(embeddingtest.Memory)
	s.Add(embedding.Document{Text: "disk full", Context: "cart"}, embedding.Document{Text: "certificate expired", Context: "mail"})
	_, err := embedding.NewLoop(s, l.Documents(newModel()), embedding.LoopOptions{}).Step(t.Context())
	require.NoError(t, err)
	_, err = l.Questions(newModel()).Embed(t.Context(), []string{"is the disk full?"})
	require.NoError(t, err)
	want := map[string]embedding.ServiceUsage{
		"cart":              {Texts: 2, Tokens: 6, Dollars: 6},
		"mail":              {Texts: 2, Tokens: 9, Dollars: 9},
		embedding.Questions: {Texts: 1, Tokens: 6, Dollars: 6},
	}
	require.Equal(t, want, seen.services)
	days, err := embedding.UsageByDay(t.Context(), kept, "vendor")
	require.NoError(t, err)
	require.Len(t, days, 1)
	require.Equal(t, want, days[0].Services)
	require.EqualValues(t, 21, days[0].Tokens)

	// It goes on after a restart, and a day has room for a bounded number.
	again := newLimiter(t, kept, embedding.LimitOptions{DollarsPerMillionTokens: 1e6})
	many := new(embeddingtest.Memory)
	for i := range 600 {
		many.Add(embedding.Document{Text: "x" + strconv.Itoa(i), Context: "s" + strconv.Itoa(i)})
	}
	_, err = embedding.NewLoop(many, again.Documents(newModel()), embedding.LoopOptions{Batch: 600}).Step(t.Context())
	require.NoError(t, err)
	u := again.Usage()
	require.Equal(t, want["cart"], u.Services["cart"])
	require.LessOrEqual(t, len(u.Services), 501)
	require.Positive(t, u.Services[embedding.OtherServices].Texts)
	var tokens int64
	for _, of := range u.Services {
		tokens += of.Tokens
	}
	require.Equal(t, u.Tokens, tokens)
}

type spending struct {
	requests []int
	services map[string]embedding.ServiceUsage
}

func (s *spending) Spent(requests int, services map[string]embedding.ServiceUsage) {
	s.requests = append(s.requests, requests)
	if s.services == nil {
		s.services = map[string]embedding.ServiceUsage{}
	}
	for name, u := range services {
		of := s.services[name]
		s.services[name] = embedding.ServiceUsage{Texts: of.Texts + u.Texts, Tokens: of.Tokens + u.Tokens, Dollars: of.Dollars + u.Dollars}
	}
}
