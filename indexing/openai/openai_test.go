package openai_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/openai"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/embedding/embeddingtest"
)

func TestEmbedder(t *testing.T) {
	for name, change := range map[string]func(*openai.Options){
		"plain":            nil,
		"dimensions":       func(o *openai.Options) { o.Dimensions = 3 },
		"batch of one":     func(o *openai.Options) { o.Batch = 1 },
		"with a prefix":    func(o *openai.Options) { o.DocumentPrefix = "passage: " },
		"slash at the end": func(o *openai.Options) { o.URL += "/" },
	} {
		t.Run(name, func(t *testing.T) {
			embeddingtest.TestEmbedder(t, func(t *testing.T) embedding.Embedder { return newServer(t).open(t, change) }, 1e-6)
		})
	}
}

func hintOf(t *testing.T, err error) string {
	var hint *pipeline.HintError
	require.ErrorAs(t, err, &hint)
	return hint.Hint
}

func TestNewChecksAllOptionsAtOnce(t *testing.T) {
	_, err := openai.New(openai.Options{URL: "localhost:11434", Dimensions: -1, Batch: 1 << 20, MaxBytes: -5, Timeout: -1, Key: "a\n"})
	for _, want := range []string{"no http or https URL", "no name", "dimensions", "batch", "max bytes", "timeout", "line break"} {
		require.ErrorContains(t, err, want)
	}
	for _, u := range []string{"", "http://", "ftp://a/v1", "http://user:hunter2@a/v1", "http://a/v1?key=hunter2", "http://user:hunter2@a:b/v1"} {
		_, err := openai.New(openai.Options{URL: u, Model: "m"})
		require.Error(t, err, u)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestModelNamesTheVectors(t *testing.T) {
	s := newServer(t)
	plain := s.open(t, nil)
	require.Equal(t, "openai:fake", plain.Model())
	require.Zero(t, plain.Dimensions())
	require.Equal(t, "openai:fake:3", s.open(t, func(o *openai.Options) { o.Dimensions = 3 }).Model())
	prefixed := s.open(t, func(o *openai.Options) { o.DocumentPrefix = "passage: "; o.QueryPrefix = "query: " })
	require.Equal(t, "openai:fake:707ad539", prefixed.Model())
	require.Equal(t, prefixed.Model(), prefixed.Queries().Model(), "a question is compared with documents")
}

func TestWhatIsSent(t *testing.T) {
	s := newServer(t)
	s.key = "secret"
	e := s.open(t, func(o *openai.Options) {
		o.Key, o.Batch, o.MaxBytes, o.Dimensions = "secret", 2, 10, 4
		o.DocumentPrefix, o.QueryPrefix = "d: ", "q: "
	})
	_, err := e.Embed(t.Context(), []string{" one ", "", "größer als", "a\xffb", "four"})
	require.NoError(t, err)
	_, err = e.Queries().Embed(t.Context(), []string{"five"})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"d: one", "d: größer a"}, {"d: a\ufffdb", "d: four"}, {"q: five"}}, s.inputs())
	require.Equal(t, 4, s.requests[0].Dimensions)
}

func TestDimensionsAreLearnt(t *testing.T) {
	s := newServer(t)
	e := s.open(t, nil)
	vectors, err := e.Embed(t.Context(), []string{" "})
	require.NoError(t, err)
	require.Equal(t, make([]float32, 6), vectors[0])
	require.Equal(t, 6, e.Dimensions())
	require.Equal(t, 6, e.Queries().Dimensions())
	s.vector = func(string) string { return "[1,2,3]" }
	_, err = e.Embed(t.Context(), []string{"a"})
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.ErrorContains(t, err, "3 dimensions, not 6")
	require.NotEmpty(t, hintOf(t, err))
}

// Faults of the service: none of them rejects a text.
func TestFaultsThatAreTriedLater(t *testing.T) {
	status := func(code int) func(int, http.ResponseWriter, request) bool {
		return func(_ int, w http.ResponseWriter, _ request) bool { return refuse(w, code, "no\x1b[31m way") }
	}
	body := func(text string) func(int, http.ResponseWriter, request) bool {
		return func(_ int, w http.ResponseWriter, _ request) bool { fmt.Fprint(w, text); return true }
	}
	for name, tt := range map[string]struct {
		fault    func(n int, w http.ResponseWriter, r request) bool
		want     string
		hint     string
		requests int
	}{
		"throttled":   {status(429), "429 Too Many Requests", "", 1},
		"away":        {status(503), "503", "", 1},
		"bad gateway": {status(502), "502", "", 1},
		"no money":    {status(402), "402", "", 1},
		"no key":      {status(401), "401", "API key", 1},
		"forbidden":   {status(403), "403", "API key", 1},
		"no model":    {status(404), "404", "ollama pull fake", 1},
		"redirect": {func(_ int, w http.ResponseWriter, _ request) bool {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(307)
			return true
		}, "307", "elsewhere", 1},
		"refuses all":       {status(400), "refuses every text", "model's name", 2},
		"fails for all":     {status(500), "refuses every text", "model's name", 2},
		"a page":            {body("<html>welcome</html>"), "refuses every text", "model's name", 2},
		"NaN for all":       {body(`{"data":[{"index":0,"embedding":[null]},{"index":1,"embedding":[null]}]}`), "1 texts", "API", 2},
		"too few":           {body(`{"data":[{"index":0,"embedding":[1]}]}`), "1 vectors for 2 texts", "API", 1},
		"an index twice":    {body(`{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`), "or two", "API", 1},
		"an index too high": {body(`{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]}`), "or two", "API", 1},
		"no index":          {body(`{"data":[{"embedding":[1]},{"embedding":[1]}]}`), "or two", "API", 1},
		"two dimensions":    {body(`{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1,2]}]}`), "2 dimensions, not 1", "API", 1},
		"huge":              {body(`{"data":[{"index":0,"embedding":[` + strings.Repeat("1,", 40_000) + `1]},{"index":1,"embedding":[1]}]}`), "40001 dimensions", "API", 1},
		"endless":           {body(strings.Repeat(" ", 3<<20+1)), "longer than 3145728 bytes", "", 1},
		"cut": {func(_ int, w http.ResponseWriter, _ request) bool {
			w.Header().Set("Content-Length", "500")
			fmt.Fprint(w, `{"data":[{"index":0,"embedding":[1,`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "unexpected EOF", "running", 1},
		"slow": {func(_ int, _ http.ResponseWriter, r request) bool { <-r.gone; return true }, "Client.Timeout", "running", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.fault = tt.fault
			_, err := s.open(t, func(o *openai.Options) {
				if name == "slow" {
					o.Timeout = 50 * time.Millisecond
				}
			}).Embed(t.Context(), []string{"a", "b"})
			require.ErrorIs(t, err, pipeline.ErrTryLater)
			require.NotErrorIs(t, err, pipeline.ErrRejected)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "\x1b")
			if tt.hint != "" {
				require.Contains(t, hintOf(t, err), tt.hint)
			}
			require.Len(t, s.inputs(), tt.requests)
		})
	}
	e, err := openai.New(openai.Options{URL: "http://127.0.0.1:1/v1", Model: "m"})
	require.NoError(t, err)
	_, err = e.Embed(t.Context(), []string{"a"})
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.Contains(t, hintOf(t, err), "running")
}

func TestTheKeyIsNotShown(t *testing.T) {
	s := newServer(t)
	s.key = "right"
	_, err := s.open(t, func(o *openai.Options) { o.Key = "hunter2" }).Embed(t.Context(), []string{"a"})
	require.ErrorContains(t, err, "401")
	require.ErrorContains(t, err, "Incorrect API key provided: [the key]")
}

func TestThrottledThenFine(t *testing.T) {
	s := newServer(t)
	s.fault = func(n int, w http.ResponseWriter, _ request) bool {
		if n != 1 {
			return false
		}
		w.Header().Set("Retry-After", "7")
		return refuse(w, 429, "slow down")
	}
	e := s.open(t, func(o *openai.Options) { o.Batch = 2 })
	texts := []string{"a", "b", "c", "d"}
	vectors, err := e.Embed(t.Context(), texts)
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	var delay *embedding.DelayError
	require.ErrorAs(t, err, &delay)
	require.Equal(t, 7*time.Second, delay.After)
	require.NotNil(t, vectors[1], "the first batch is not lost")
	require.Nil(t, vectors[2])
	vectors, err = e.Embed(t.Context(), texts)
	require.NoError(t, err)
	require.NotNil(t, vectors[2])
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"-5": 0, "soon": 0, "999999999": time.Hour,
		time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat): 30 * time.Second,
	} {
		s := newServer(t)
		s.fault = func(_ int, w http.ResponseWriter, _ request) bool {
			w.Header().Set("Retry-After", header)
			return refuse(w, 503, "later")
		}
		_, err := s.open(t, nil).Embed(t.Context(), []string{"a"})
		var delay *embedding.DelayError
		if errors.As(err, &delay) {
			require.InDelta(t, want, delay.After, float64(2*time.Second), header)
		} else {
			require.Zero(t, want, header)
		}
	}
}

// One text that the server cannot take must not keep the others waiting.
func TestOneTextIsRejected(t *testing.T) {
	var texts []string
	for i := range 100 {
		texts = append(texts, fmt.Sprint("text ", i))
	}
	texts[17], texts[80] = "cursed text", "cursed too"
	cursed := func(r request) bool { return strings.Contains(strings.Join(r.Input, " "), "cursed") }
	for name, tt := range map[string]struct {
		arm    func(*server)
		reason string
	}{
		"400": {func(s *server) {
			s.fault = func(_ int, w http.ResponseWriter, r request) bool { return cursed(r) && refuse(w, 400, "illegal text") }
		}, "refused"},
		"413": {func(s *server) {
			s.fault = func(_ int, w http.ResponseWriter, r request) bool { return cursed(r) && refuse(w, 413, "illegal text") }
		}, "refused"},
		"500": {func(s *server) {
			s.fault = func(_ int, w http.ResponseWriter, r request) bool { return cursed(r) && refuse(w, 500, "illegal text") }
		}, "server_error"},
		"NaN as null": {func(s *server) {
			s.vector = func(text string) string {
				if strings.Contains(text, "cursed") {
					return "[1,null,3,4,5,6]"
				}
				return ""
			}
		}, "bad_answer"},
		"NaN as it is": {func(s *server) {
			s.vector = func(text string) string {
				if strings.Contains(text, "cursed") {
					return "[1,NaN,3,4,5,6]"
				}
				return ""
			}
		}, "bad_answer"},
		"overflow": {func(s *server) {
			s.vector = func(text string) string {
				if strings.Contains(text, "cursed") {
					return "[1e99,2,3,4,5,6]"
				}
				return ""
			}
		}, "bad_answer"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			tt.arm(s)
			vectors, err := s.open(t, nil).Embed(t.Context(), texts)
			require.ErrorIs(t, err, pipeline.ErrRejected)
			var rejected *embedding.RejectedError
			require.ErrorAs(t, err, &rejected)
			require.Len(t, rejected.Rejections, 2)
			for i, at := range []int{17, 80} {
				require.Equal(t, at, rejected.Rejections[i].Index)
				require.Equal(t, tt.reason, rejected.Rejections[i].Reason)
				require.Error(t, rejected.Rejections[i].Err)
			}
			for i, v := range vectors {
				require.Equal(t, i == 17 || i == 80, v == nil, "text %d", i)
			}
			require.Less(t, len(s.inputs()), 40)
		})
	}
}

// A text alone in its call is rejected only after the server took another.
func TestOneTextAloneIsRejected(t *testing.T) {
	s := newServer(t)
	s.fault = func(_ int, w http.ResponseWriter, r request) bool {
		return r.Input[0] == "cursed" && refuse(w, 422, "no")
	}
	_, err := s.open(t, nil).Embed(t.Context(), []string{"cursed"})
	require.ErrorIs(t, err, pipeline.ErrRejected)
	require.Equal(t, [][]string{{"cursed"}, {"ok"}}, s.inputs())
}

func TestAPassingFaultRejectsNothing(t *testing.T) {
	s := newServer(t)
	s.fault = func(n int, w http.ResponseWriter, _ request) bool { return n == 0 && refuse(w, 500, "hiccup") }
	vectors, err := s.open(t, nil).Embed(t.Context(), []string{"a"})
	require.NoError(t, err)
	require.NotNil(t, vectors[0])
}

func TestATextThatIsTooLongForTheModelIsShortened(t *testing.T) {
	long := strings.Repeat("größe ", 200)
	for _, code := range []int{400, 500} {
		s := newServer(t)
		s.fault = func(_ int, w http.ResponseWriter, r request) bool {
			for _, text := range r.Input {
				if !utf8.ValidString(text) {
					panic("cut within a character")
				}
				if len(text) > 250 {
					return refuse(w, code, "the input length exceeds the context length")
				}
			}
			return false
		}
		vectors, err := s.open(t, nil).Embed(t.Context(), []string{"a", long, "b"})
		require.NoError(t, err)
		inputs := s.inputs()
		last := inputs[len(inputs)-2][0]
		require.Greater(t, len(last), 120)
		require.True(t, strings.HasPrefix(long, last))
		again, err := s.open(t, nil).Embed(t.Context(), []string{long})
		require.NoError(t, err)
		require.Equal(t, vectors[1], again[0])
	}
}

func TestTheEndOfTheContext(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.fault = func(int, http.ResponseWriter, request) bool {
		cancel()
		time.Sleep(50 * time.Millisecond)
		return false
	}
	_, err := s.open(t, nil).Embed(ctx, []string{"a"})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, pipeline.ErrTryLater, "nothing is wrong with the service")
}

// The loop, a cache and this embedder together.
func TestWithTheLoop(t *testing.T) {
	s := newServer(t)
	s.fault = func(n int, w http.ResponseWriter, r request) bool {
		if n == 1 {
			return refuse(w, 429, "slow down")
		}
		return strings.Contains(strings.Join(r.Input, " "), "cursed") && refuse(w, 400, "no")
	}
	memory := new(embeddingtest.Memory)
	var documents []embedding.Document
	for i := range 30 {
		documents = append(documents, embedding.Document{Text: fmt.Sprint("text ", i), Context: "shop"})
	}
	documents[12].Text = "cursed"
	memory.Add(documents...)
	e := s.open(t, func(o *openai.Options) { o.Batch = 8 })
	loop := embedding.NewLoop(memory, embedding.Cached(e, memory), embedding.LoopOptions{})
	n, err := loop.Step(t.Context())
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.Equal(t, 7, n, "text 0, shop, text 1 to 6")
	n, err = loop.Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, 23, n)
	for i, d := range documents {
		v := memory.Vector("openai:fake", d.Key())
		require.Len(t, v, 6)
		require.Equal(t, i == 12, v[0] == 0 && v[1] == 0 && v[2] == 0)
	}
	require.LessOrEqual(t, strings.Count(fmt.Sprint(s.inputs()), "shop"), 1, "a text that was embedded is not sent again")
}
