package bedrock_test

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/test/bedrock"
)

const (
	invokePath = "/model/amazon.titan-embed-text-v2%3A0/invoke"
	signature  = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-central-1/bedrock/aws4_request, " +
		"SignedHeaders=content-type;host;x-amz-date, Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// post is a request without the SDK, so that what the fake says does not rest on
// what the SDK understands.
func post(t *testing.T, client *http.Client, address, body string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+invokePath, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", signature)
	r.Header.Set("X-Amz-Date", "20260101T000000Z")
	if change != nil {
		change(r)
	}
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(text)
}

type embedded struct {
	Embedding []float64            `json:"embedding"`
	Tokens    int                  `json:"inputTextTokenCount"`
	ByType    map[string][]float64 `json:"embeddingsByType"`
}

func length(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}

func TestWhatTitanAnswers(t *testing.T) {
	address := new(bedrock.Server).Listen(t)
	for name, tt := range map[string]struct {
		body       string
		dimensions int
		length     float64
		binary     bool
	}{
		"defaults":       {`{"inputText":"disk full"}`, 1024, 1, false},
		"256":            {`{"inputText":"disk full","dimensions":256,"normalize":true}`, 256, 1, false},
		"not normalised": {`{"inputText":"disk full","dimensions":512,"normalize":false}`, 512, 7, false},
		"both types":     {`{"inputText":"disk full","dimensions":256,"embeddingTypes":["float","binary"]}`, 256, 1, true},
	} {
		resp, text := post(t, http.DefaultClient, address, tt.body, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, name)
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		require.Equal(t, "2", resp.Header.Get("X-Amzn-Bedrock-Input-Token-Count"))
		require.NotEmpty(t, resp.Header.Get("X-Amzn-Requestid"))
		var e embedded
		require.NoError(t, json.Unmarshal([]byte(text), &e), name)
		require.Len(t, e.Embedding, tt.dimensions, name)
		require.InDelta(t, tt.length, length(e.Embedding), 1e-5, name)
		require.Equal(t, 2, e.Tokens)
		require.Equal(t, e.Embedding, e.ByType["float"])
		require.Equal(t, tt.binary, e.ByType["binary"] != nil)
	}
	_, text := post(t, http.DefaultClient, address, `{"inputText":"disk full","embeddingTypes":["binary"]}`, nil)
	require.NotContains(t, text, `"embedding":`)
}

func TestWhatIsRefused(t *testing.T) {
	address := new(bedrock.Server).Listen(t)
	text := func(s string) string {
		b, err := json.Marshal(map[string]string{"inputText": s})
		require.NoError(t, err)
		return string(b)
	}
	for name, tt := range map[string]struct {
		body    string
		change  func(*http.Request)
		status  int
		kind    string
		message string
	}{
		"empty":               {text(""), nil, 400, "ValidationException", "minLength: 1"},
		"blank":               {text(" \n"), nil, 400, "ValidationException", "minLength: 1"},
		"too many characters": {text(strings.Repeat("ö", 50_001)), nil, 400, "ValidationException", "expected maxLength: 50000, actual: 50001"},
		"too many tokens":     {text(strings.Repeat("a ", 8193)), nil, 400, "ValidationException", "Max input tokens: 8192, request input token count: 8193"},
		"dimensions":          {`{"inputText":"a","dimensions":300}`, nil, 400, "ValidationException", "300 is not a valid enum value"},
		"types":               {`{"inputText":"a","embeddingTypes":["int8"]}`, nil, 400, "ValidationException", "embeddingTypes"},
		"another field":       {`{"inputText":"a","user":"b"}`, nil, 400, "ValidationException", "user"},
		"no text":             {`{}`, nil, 400, "ValidationException", "inputText"},
		"no JSON":             {`inputText`, nil, 400, "ValidationException", "Malformed"},
		"content type":        {text("a"), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 400, "ValidationException", "Content Type"},
		"unsigned":            {text("a"), func(r *http.Request) { r.Header.Del("Authorization") }, 403, "MissingAuthenticationTokenException", "Missing"},
		"a bearer":            {text("a"), func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 403, "InvalidSignatureException", "signature"},
		"for another service": {text("a"), func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(signature, "/bedrock/", "/s3/", 1))
		}, 403, "InvalidSignatureException", "signature"},
		"no date":       {text("a"), func(r *http.Request) { r.Header.Del("X-Amz-Date") }, 403, "InvalidSignatureException", "signature"},
		"another model": {text("a"), func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/model/amazon.titan-embed-text-v9/invoke", "" }, 404, "ResourceNotFoundException", "model"},
		"an operation":  {text("a"), func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/model/amazon.titan-embed-text-v2:0/sing", "" }, 404, "UnknownOperationException", ""},
		"a GET":         {text("a"), func(r *http.Request) { r.Method = http.MethodGet }, 404, "UnknownOperationException", ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := post(t, http.DefaultClient, address, tt.body, tt.change)
			require.Equal(t, tt.status, resp.StatusCode, body)
			require.True(t, strings.HasPrefix(resp.Header.Get("X-Amzn-ErrorType"), tt.kind+":"))
			var e struct{ Message *string }
			require.NoError(t, json.Unmarshal([]byte(body), &e))
			require.Contains(t, *e.Message, tt.message)
		})
	}
	resp, _ := post(t, http.DefaultClient, address, text(strings.Repeat("a ", 8192)), nil)
	require.Equal(t, http.StatusOK, resp.StatusCode, "the most that Titan takes")
}

func TestExceptionsHaveBedrocksStatus(t *testing.T) {
	for name, status := range map[string]int{
		"ThrottlingException": 429, "ServiceUnavailableException": 503, "InternalServerException": 500, "ModelTimeoutException": 408,
		"ModelErrorException": 424, "ModelNotReadyException": 429, "ServiceQuotaExceededException": 400, "ValidationException": 400,
		"AccessDeniedException": 403, "ResourceNotFoundException": 404,
	} {
		require.Equal(t, status, bedrock.NewException(name, "").Status, name)
	}
}

func TestVectorsAndTokens(t *testing.T) {
	require.Equal(t, bedrock.Vector("a", 256), bedrock.Vector("a", 256))
	require.NotEqual(t, bedrock.Vector("a", 256), bedrock.Vector("b", 256))
	for text, want := range map[string]int{"": 0, " \n": 0, "disk full": 2, "certificate expired": 5, "12345": 3, "a=1": 3, "ö": 2, "ab12cd": 3} {
		require.Equal(t, want, bedrock.Tokens(text), text)
	}
}

func TestFaultsComeInTheirOrder(t *testing.T) {
	s := new(bedrock.Server)
	address := s.Listen(t)
	s.FailNext(2, bedrock.FailAs("ModelTimeoutException"))
	s.FailNext(1, bedrock.Answer("hello"))
	s.FailText("cursed", bedrock.FailAs("ModelErrorException"))
	status := func(text string) int {
		resp, _ := post(t, http.DefaultClient, address, `{"inputText":"`+text+`"}`, nil)
		return resp.StatusCode
	}
	for i, tt := range []struct {
		text string
		want int
	}{{"a", 408}, {"cursed", 408}, {"a", 200}, {"a", 200}, {"cursed b", 424}, {"c", 200}} {
		require.Equal(t, tt.want, status(tt.text), "request %d", i)
	}
	s.Heal()
	require.Equal(t, 200, status("cursed b"))
	require.Equal(t, map[string]int{"a": 1, "c": 1, "cursed b": 1}, s.Texts(), "what a fault answered was not embedded")
	require.Equal(t, bedrock.Counts{Calls: 7, Embedded: 3, Tokens: 5, Concurrent: 1}, s.Counts())
}

func TestSometimesIsSeeded(t *testing.T) {
	run := func(seed uint64) (statuses []int) {
		s := new(bedrock.Server)
		address := s.Listen(t)
		s.FailAll(bedrock.Sometimes(seed, 0.5, bedrock.FailAs("ModelTimeoutException"), bedrock.FailAs("InternalServerException")))
		for range 30 {
			resp, _ := post(t, http.DefaultClient, address, `{"inputText":"a"}`, nil)
			statuses = append(statuses, resp.StatusCode)
		}
		return statuses
	}
	first := run(1)
	require.Equal(t, first, run(1))
	require.NotEqual(t, first, run(2))
	for _, want := range []int{200, 408, 500} {
		require.Contains(t, first, want)
	}
}

func TestThrottleIsOfAnySixtySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(bedrock.Server)
		transport, stop := s.Pipe()
		defer stop()
		client := &http.Client{Transport: transport}
		status := func() int {
			resp, _ := post(t, client, "http://bedrock.test", `{"inputText":"a"}`, nil)
			return resp.StatusCode
		}
		s.Throttle(2)
		require.Equal(t, 200, status())
		time.Sleep(40 * time.Second)
		require.Equal(t, 200, status())
		require.Equal(t, 429, status())
		time.Sleep(20 * time.Second)
		require.Equal(t, 200, status(), "the first does not count any more")
		require.Equal(t, 429, status())
		s.Throttle(0)
		require.Equal(t, 200, status())
		require.Equal(t, 2, s.Counts().Throttled)
	})
}
