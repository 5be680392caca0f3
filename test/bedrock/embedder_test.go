package bedrock_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	embedder "github.com/loglode/loglode/indexing/bedrock"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/embedding/embeddingtest"
	"github.com/loglode/loglode/producers/producertest"
	"github.com/loglode/loglode/test/bedrock"
)

// options are those of an embedder of a server under this address.
func options(address string) embedder.Options {
	return embedder.Options{
		Region:      "eu-central-1",
		Endpoint:    address,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "hunter2", ""),
	}
}

func open(t *testing.T, o embedder.Options) *embedder.Embedder {
	e, err := embedder.New(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// inBubble runs f with a server and an embedder of it in a bubble, where the
// waits between attempts take no time.
func inBubble(t *testing.T, change func(*embedder.Options), f func(t *testing.T, s *bedrock.Server, e *embedder.Embedder)) {
	t.Helper()
	t.Setenv("AWS_BEARER_TOKEN_BEDROCK", "")
	synctest.Test(t, func(t *testing.T) {
		s := new(bedrock.Server)
		transport, stop := s.Pipe()
		defer stop()
		o := options("http://bedrock.test")
		o.Transport = transport
		if change != nil {
			change(&o)
		}
		f(t, s, open(t, o))
	})
}

func hintOf(t *testing.T, err error) string {
	t.Helper()
	var hint *pipeline.HintError
	require.ErrorAs(t, err, &hint)
	return hint.Hint
}

func many(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint("text ", i))
	}
	return texts
}

func TestEmbedder(t *testing.T) {
	for name, change := range map[string]func(*embedder.Options){
		"plain":           func(*embedder.Options) {},
		"512 dimensions":  func(o *embedder.Options) { o.Dimensions = 512 },
		"1024 dimensions": func(o *embedder.Options) { o.Dimensions = 1024 },
		"one at a time":   func(o *embedder.Options) { o.Concurrency = 1 },
		"uncut":           func(o *embedder.Options) { o.MaxBytes = 4 * bedrock.MaxCharacters },
		"an ARN": func(o *embedder.Options) {
			o.Model = "arn:aws:bedrock:eu-central-1::foundation-model/amazon.titan-embed-text-v2:0"
		},
	} {
		t.Run(name, func(t *testing.T) {
			embeddingtest.TestEmbedder(t, func(t *testing.T) embedding.Embedder {
				o := options(new(bedrock.Server).Listen(t))
				change(&o)
				return open(t, o)
			}, 1e-6)
		})
	}
}

func TestModelNamesTheVectors(t *testing.T) {
	e := open(t, options("http://bedrock.test"))
	require.Equal(t, "bedrock:amazon.titan-embed-text-v2:0:256", e.Model())
	require.Equal(t, 256, e.Dimensions())
	o := options("http://bedrock.test")
	o.Dimensions = 1024
	require.Equal(t, "bedrock:amazon.titan-embed-text-v2:0:1024", open(t, o).Model())
}

func TestTheDefaultChainSigns(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_SESSION_TOKEN": "", "AWS_REGION": "eu-west-1",
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_BEARER_TOKEN_BEDROCK": "",
	} {
		t.Setenv(name, value)
	}
	e := open(t, embedder.Options{Endpoint: new(bedrock.Server).Listen(t)})
	vectors, err := e.Embed(t.Context(), []string{"a"})
	require.NoError(t, err)
	require.InDeltaSlice(t, bedrock.Vector("a", 256), vectors[0], 1e-6)
}

func TestWhatIsSent(t *testing.T) {
	s := new(bedrock.Server)
	o := options(s.Listen(t))
	o.MaxBytes = 64
	long := strings.Repeat("größe ", 20)
	vectors, usage, err := open(t, o).EmbedCounted(t.Context(), []string{" one ", "", "a\xffb", long, "\n"})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"one": 1, "a\ufffdb": 1, strings.TrimSpace(long[:64]): 1}, s.Texts())
	require.Equal(t, make([]float32, 256), vectors[1])
	require.Equal(t, make([]float32, 256), vectors[4])
	require.InDeltaSlice(t, bedrock.Vector("one", 256), vectors[0], 1e-6)
	require.Equal(t, embedding.Usage{Requests: 3, Tokens: []int{1, 0, bedrock.Tokens("a\ufffdb"), bedrock.Tokens(strings.TrimSpace(long[:64])), 0}}, usage)
	require.Equal(t, s.Counts().Tokens, usage.Total())
}

func TestTextsAreCutToTitansLimits(t *testing.T) {
	inBubble(t, func(o *embedder.Options) { o.MaxBytes, o.Concurrency = 4*bedrock.MaxCharacters, 1 }, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
		long := strings.Repeat("ab ", 30_000)        // 90,000 characters, a token for each three
		dense := strings.Repeat("größe {} <> ", 900) // too many tokens
		vectors, usage, err := e.EmbedCounted(t.Context(), []string{"ok then", long, dense})
		require.NoError(t, err)
		for text := range s.Texts() {
			require.True(t, utf8.ValidString(text))
			require.LessOrEqual(t, bedrock.Tokens(text), bedrock.MaxTokens)
		}
		require.Equal(t, 3, s.Counts().Embedded)
		for i, text := range []string{long[:12_500], dense[:(len(dense)-1)/2]} {
			require.InDeltaSlice(t, bedrock.Vector(text, 256), vectors[i+1], 1e-6, "text %d", i)
		}
		require.Equal(t, s.Counts().Calls, usage.Requests)
		require.Equal(t, s.Counts().Tokens, usage.Total())
	})
}

// Faults of the service: none of them rejects a text.
func TestFaultsThatAreTriedLater(t *testing.T) {
	const once, thrice = 1, 3
	for name, tt := range map[string]struct {
		fault    bedrock.Fault
		want     string
		hint     string
		requests int
	}{
		"throttled":       {bedrock.FailAs("ThrottlingException"), "ThrottlingException (429)", "quota", thrice},
		"away":            {bedrock.FailAs("ServiceUnavailableException"), "ServiceUnavailableException (503)", "", thrice},
		"not ready":       {bedrock.FailAs("ModelNotReadyException"), "ModelNotReadyException (429)", "", thrice},
		"bad gateway":     {bedrock.Page(http.StatusBadGateway), "status 502", "", thrice},
		"redirect":        {bedrock.Page(http.StatusTemporaryRedirect), "status 307", "", once},
		"quota":           {bedrock.FailAs("ServiceQuotaExceededException"), "ServiceQuotaExceededException (400)", "quota", once},
		"no access":       {bedrock.FailAs("AccessDeniedException"), "AccessDeniedException (403)", "bedrock:InvokeModel", once},
		"no model":        {bedrock.FailAs("ResourceNotFoundException"), "ResourceNotFoundException (404)", "region", once},
		"expired":         {bedrock.FailAs("ExpiredTokenException"), "ExpiredTokenException (403)", "expired", once},
		"unknown key":     {bedrock.FailAs("UnrecognizedClientException"), "UnrecognizedClientException (403)", "expired", once},
		"wrong signature": {bedrock.Fail(bedrock.NewException("InvalidSignatureException", "It is wrong.\n\nThe headers were: secret")), "InvalidSignatureException (403): It is wrong.", "clock", once},
		"refuses all":     {bedrock.FailAs("ValidationException"), "refuses every text", "Titan", 2},
		"a page":          {bedrock.Answer("<html>welcome</html>\x1b[31m"), "refuses every text", "Titan", 2},
		"no vector":       {bedrock.Answer(`{"inputTextTokenCount":3}`), "0 dimensions, not 256", "Titan", 2},
		"NaN for all":     {bedrock.Answer(`{"embedding":[1,null],"inputTextTokenCount":3}`), "no number", "Titan", 2},
		"overflow":        {bedrock.Answer(`{"embedding":[1e99],"inputTextTokenCount":3}`), "refuses every text", "Titan", 2},
		"two dimensions":  {bedrock.Answer(`{"embedding":[1,2],"inputTextTokenCount":3}`), "2 dimensions, not 256", "Titan", 2},
		"endless":         {bedrock.Answer(strings.Repeat(" ", 1<<20+1)), "too large", "Bedrock that answers", once},
		"cut":             {bedrock.Cut(), "unexpected EOF", "Bedrock that answers", thrice},
		"dropped":         {bedrock.Drop(), "EOF", "reachable", thrice},
		"hangs":           {bedrock.Hang(), "context deadline exceeded", "reachable", thrice},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(o *embedder.Options) { o.Concurrency = 1 }, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
				s.FailAll(tt.fault)
				vectors, usage, err := e.EmbedCounted(t.Context(), []string{"a", "b", " "})
				require.ErrorIs(t, err, pipeline.ErrTryLater)
				require.NotErrorIs(t, err, pipeline.ErrRejected)
				require.ErrorContains(t, err, tt.want)
				require.NotContains(t, err.Error(), "\x1b")
				require.NotContains(t, err.Error(), "secret")
				require.NotContains(t, err.Error(), "hunter2")
				if tt.hint != "" {
					require.Contains(t, hintOf(t, err), tt.hint)
				}
				require.Equal(t, tt.requests, s.Counts().Calls)
				require.Equal(t, tt.requests, usage.Requests)
				require.Nil(t, vectors[0])
				require.Nil(t, vectors[1])

				s.Heal()
				vectors, err = e.Embed(t.Context(), []string{"a", "b", " "})
				require.NoError(t, err, "it goes on by itself")
				require.InDeltaSlice(t, bedrock.Vector("a", 256), vectors[0], 1e-6)
			})
		})
	}
}

// What the SDK repeats, and what only we do.
func TestPassingFaultsAreRepeated(t *testing.T) {
	for name, fault := range map[string]bedrock.Fault{
		"throttled":     bedrock.FailAs("ThrottlingException"),
		"away":          bedrock.FailAs("ServiceUnavailableException"),
		"internal":      bedrock.FailAs("InternalServerException"),
		"model timeout": bedrock.FailAs("ModelTimeoutException"),
		"model error":   bedrock.FailAs("ModelErrorException"),
		"not ready":     bedrock.FailAs("ModelNotReadyException"),
		"cut":           bedrock.Cut(),
		"dropped":       bedrock.Drop(),
		"hangs":         bedrock.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
				s.FailNext(2, fault)
				start := time.Now()
				vectors, usage, err := e.EmbedCounted(t.Context(), []string{"a"})
				require.NoError(t, err)
				require.InDeltaSlice(t, bedrock.Vector("a", 256), vectors[0], 1e-6)
				require.Equal(t, 3, usage.Requests)
				require.Positive(t, time.Since(start), "it waits in between")
				require.Less(t, time.Since(start), 2*30*time.Second+2*5*time.Second)
			})
		})
	}
}

func TestNobodyToAsk(t *testing.T) {
	inBubble(t, func(o *embedder.Options) {
		o.Transport = &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, errors.New("no way out") }}
	}, func(t *testing.T, _ *bedrock.Server, e *embedder.Embedder) {
		_, err := e.Embed(t.Context(), []string{"a"})
		require.ErrorIs(t, err, pipeline.ErrTryLater)
		require.ErrorContains(t, err, "no way out")
		require.Contains(t, hintOf(t, err), "reachable")
	})
	inBubble(t, func(o *embedder.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("the session has ended")
		})
	}, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
		_, err := e.Embed(t.Context(), []string{"a"})
		require.ErrorIs(t, err, pipeline.ErrTryLater)
		require.ErrorContains(t, err, "the session has ended")
		require.Contains(t, hintOf(t, err), "credentials")
		require.Zero(t, s.Counts().Calls)
	})
}

// One text that Titan does not take must not keep the others waiting.
func TestOneTextIsRejected(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  bedrock.Fault
		reason string
	}{
		"refused":    {bedrock.FailAs("ValidationException"), "refused"},
		"no numbers": {bedrock.Answer(`{"embedding":[null],"inputTextTokenCount":2}`), "bad_answer"},
		"no JSON":    {bedrock.Answer(`{"embedding":[`), "bad_answer"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
				texts := many(40)
				texts[3], texts[31] = "cursed text", "cursed too"
				s.FailText("cursed", tt.fault)
				s.OnText(func(text string) {
					if text == texts[3] {
						time.Sleep(10 * time.Second) // it is refused last
					}
				})
				vectors, usage, err := e.EmbedCounted(t.Context(), texts)
				require.ErrorIs(t, err, pipeline.ErrRejected)
				require.NotErrorIs(t, err, pipeline.ErrTryLater)
				var rejected *embedding.RejectedError
				require.ErrorAs(t, err, &rejected)
				require.Len(t, rejected.Rejections, 2)
				for i, at := range []int{3, 31} {
					require.Equal(t, at, rejected.Rejections[i].Index)
					require.Equal(t, tt.reason, rejected.Rejections[i].Reason)
					require.Error(t, rejected.Rejections[i].Err)
				}
				for i, v := range vectors {
					require.Equal(t, i == 3 || i == 31, v == nil, "text %d", i)
				}
				require.Equal(t, s.Counts().Calls, usage.Requests)
				require.Less(t, usage.Requests, 46)
			})
		})
	}
}

func TestABadAnswerThatPassesRejectsNothing(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
		s.FailNext(1, bedrock.Answer(`{"embedding":[null],"inputTextTokenCount":5}`))
		vectors, usage, err := e.EmbedCounted(t.Context(), []string{"a"})
		require.NoError(t, err)
		require.InDeltaSlice(t, bedrock.Vector("a", 256), vectors[0], 1e-6)
		require.Equal(t, embedding.Usage{Requests: 3, Tokens: []int{7}}, usage, "5 for nothing, 1 for the probe, 1 for the text")
	})
}

// A text alone in its call is rejected only after Titan took another.
func TestOneTextAloneIsRejected(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
		s.FailText("cursed", bedrock.FailAs("ValidationException"))
		_, err := e.Embed(t.Context(), []string{"cursed"})
		require.ErrorIs(t, err, pipeline.ErrRejected)
		require.Equal(t, map[string]int{"ok": 1}, s.Texts())
		require.Equal(t, 2, s.Counts().Calls)
	})
}

// A text with which Titan itself fails waits, and the others do not.
func TestATextThatFailsIsLeftForLater(t *testing.T) {
	for _, name := range []string{"ModelErrorException", "ModelTimeoutException", "InternalServerException"} {
		inBubble(t, func(o *embedder.Options) { o.Concurrency = 1 }, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
			texts := many(10)
			texts[0], texts[1], texts[7] = "cursed", "cursed again", "cursed as well"
			s.FailText("cursed", bedrock.FailAs(name))
			vectors, err := e.Embed(t.Context(), texts)
			require.ErrorIs(t, err, pipeline.ErrTryLater)
			require.ErrorContains(t, err, name)
			for i, v := range vectors {
				require.Equal(t, i == 0 || i == 1 || i == 7, v == nil, "text %d", i)
			}
		})
	}
}

// When they all fail it is not their fault, and the rest is not tried.
func TestAModelThatFailsAlwaysIsLeftAlone(t *testing.T) {
	inBubble(t, func(o *embedder.Options) { o.Concurrency = 1 }, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
		s.FailAll(bedrock.FailAs("InternalServerException"))
		_, err := e.Embed(t.Context(), many(50))
		require.ErrorIs(t, err, pipeline.ErrTryLater)
		require.Equal(t, 9, s.Counts().Calls, "three texts, three times each")
	})
}

func TestWhatIsEmbeddedBeforeAFaultIsKept(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
		s.Throttle(25)
		texts := many(40)
		vectors, usage, err := e.EmbedCounted(t.Context(), texts)
		require.ErrorIs(t, err, pipeline.ErrTryLater)
		n := 0
		for i, v := range vectors {
			if v != nil {
				require.InDeltaSlice(t, bedrock.Vector(texts[i], 256), v, 1e-6)
				require.Positive(t, usage.Tokens[i])
				n++
			} else {
				require.Zero(t, usage.Tokens[i])
			}
		}
		require.Equal(t, 25, n)
		require.Positive(t, s.Counts().Throttled)
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	inBubble(t, func(o *embedder.Options) { o.Concurrency = 3 }, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
		s.OnText(func(string) { time.Sleep(100 * time.Millisecond) })
		var callers sync.WaitGroup
		start := time.Now()
		for range 4 {
			callers.Go(func() {
				if _, err := e.Embed(t.Context(), many(15)); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		require.Equal(t, 3, s.Counts().Concurrent, "of all calls together")
		require.Equal(t, 2*time.Second, time.Since(start), "and as many are used")
	})
}

func TestTheEndOfTheContext(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
		ctx, cancel := context.WithCancel(t.Context())
		s.FailText("last", bedrock.Hang())
		s.OnText(func(text string) {
			if text == "last" {
				time.AfterFunc(time.Second, cancel)
			}
		})
		vectors, err := e.Embed(ctx, []string{"first", "last", "never", "even less", "no", "not at all"})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, pipeline.ErrTryLater, "nothing is wrong with the service")
		require.NotNil(t, vectors[0])
		require.Nil(t, vectors[1])
	})
}

// The loop, a cache, the limiter and this embedder together: a pattern is paid for
// once, whatever fails, and nothing is left.
func TestWithTheLoop(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		inBubble(t, nil, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
			s.Throttle(100)
			s.FailAll(bedrock.Sometimes(seed, 0.3, bedrock.FailAs("InternalServerException"), bedrock.FailAs("ModelErrorException"),
				bedrock.FailAs("ServiceUnavailableException"), bedrock.Drop(), bedrock.Hang()))
			memory := new(embeddingtest.Memory)
			var documents []embedding.Document
			for _, text := range many(300) {
				documents = append(documents, embedding.Document{Text: text, Context: "shop"})
			}
			memory.Add(documents...)
			limiter, err := embedding.NewLimiter(t.Context(), new(producertest.State), embedding.LimitOptions{
				Name: "bedrock", RequestsPerMinute: 100, DollarsPerMillionTokens: embedder.DollarsPerMillionTokens,
			})
			require.NoError(t, err)
			limited := limiter.Documents(e)
			loop := embedding.NewLoop(memory, embedding.Cached(limited, memory), embedding.LoopOptions{})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
			defer cancel()
			require.NoError(t, loop.Run(ctx))
			for _, d := range documents {
				require.Len(t, memory.Vector(e.Model(), d.Key()), 256, "seed %d, %s", seed, d.Text)
			}
			for text, n := range s.Texts() {
				require.Equal(t, 1, n, "seed %d, %s", seed, text)
			}
			counts, usage := s.Counts(), limiter.Usage()
			require.Len(t, s.Texts(), 301)
			require.EqualValues(t, counts.Tokens, usage.Tokens)
			require.EqualValues(t, counts.Calls, usage.Requests)
			require.InDelta(t, float64(counts.Tokens)*0.02/1e6, usage.Dollars, 1e-12)
		})
	}
}

// Within the limiter's requests a minute, a quota of as many is never exceeded.
func TestTheLimiterKeepsTheQuota(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *bedrock.Server, e *embedder.Embedder) {
		s.Throttle(60)
		s.OnText(func(string) { time.Sleep(90 * time.Millisecond) })
		limiter, err := embedding.NewLimiter(t.Context(), new(producertest.State), embedding.LimitOptions{
			Name: "bedrock", RequestsPerMinute: 60, MaxWait: time.Hour,
		})
		require.NoError(t, err)
		start := time.Now()
		_, err = limiter.Documents(e).Embed(t.Context(), many(300))
		require.NoError(t, err)
		_, err = limiter.Questions(e).Embed(t.Context(), []string{"why?"})
		require.NoError(t, err, "a part is left to questions")
		require.Zero(t, s.Counts().Throttled)
		require.InDelta(t, 5.4, time.Since(start).Minutes(), .3, "300 texts, 54 a minute")
	})
}

// A machine whose metadata service gives no role is not taken for a Bedrock that
// answers nonsense.
func TestNoCredentialsAreNotBedrocksFault(t *testing.T) {
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(metadata.Close)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_BEARER_TOKEN_BEDROCK": "", "AWS_PROFILE": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_CONFIG_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.URL,
	} {
		t.Setenv(name, value)
	}
	s := new(bedrock.Server)
	o := options(s.Listen(t))
	o.Credentials = nil
	_, err := open(t, o).Embed(t.Context(), []string{"disk full"})
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.Contains(t, hintOf(t, err), "are there AWS credentials")
	require.Zero(t, s.Counts().Calls)
}
