package bedrock

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

// withoutAWS hides what the machine knows of AWS.
func withoutAWS(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_BEARER_TOKEN_BEDROCK"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
}

func TestNewChecksAllOptionsAtOnce(t *testing.T) {
	withoutAWS(t)
	_, err := New(t.Context(), Options{Endpoint: "bedrock", Model: "amazon.titan-embed-text-v1", Dimensions: 300, Timeout: -1, Concurrency: -1, MaxBytes: 1})
	for _, want := range []string{"no http or https URL", "v1", "300 dimensions", "timeout", "concurrency", "max bytes"} {
		require.ErrorContains(t, err, want)
	}
	for _, u := range []string{"http://", "ftp://a", "http://user:hunter2@a", "http://a?key=hunter2", "http://user:hunter2@a:b"} {
		_, err := New(t.Context(), Options{Region: "eu-central-1", Endpoint: u})
		require.Error(t, err, u)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestTheRegion(t *testing.T) {
	withoutAWS(t)
	_, err := New(t.Context(), Options{})
	require.ErrorContains(t, err, "no AWS region")
	var hint *pipeline.HintError
	require.ErrorAs(t, err, &hint)
	require.Contains(t, hint.Hint, "AWS_REGION")

	t.Setenv("AWS_REGION", "eu-west-1")
	o := Options{Credentials: aws.AnonymousCredentials{}}
	c, err := o.awsConfig(t.Context())
	require.NoError(t, err)
	require.Equal(t, "eu-west-1", c.Region)
	require.Equal(t, o.Credentials, c.Credentials)
	c, err = Options{Region: "us-east-1"}.awsConfig(t.Context())
	require.NoError(t, err)
	require.Equal(t, "us-east-1", c.Region)

	t.Setenv("AWS_PROFILE", "nobody")
	_, err = New(t.Context(), Options{})
	require.ErrorContains(t, err, "read the AWS configuration")
	require.ErrorAs(t, err, &hint)
	require.Contains(t, hint.Hint, "AWS_PROFILE")
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		" a\n": "a", " \t": "", "": "", "a\xffb": "a\ufffdb", strings.Repeat("ö", 60): strings.Repeat("ö", 50), strings.Repeat("a", 99) + " bc": strings.Repeat("a", 99),
	} {
		require.Equal(t, want, clean(text, 100))
	}
	require.Equal(t, maxCharacters, utf8.RuneCountInString(clean(strings.Repeat("ö", 60_000), 4*maxCharacters)))
	require.Len(t, clean(strings.Repeat("a", maxCharacters), 4*maxCharacters), maxCharacters)
}

func TestExcerpt(t *testing.T) {
	for message, want := range map[string]string{
		"": "", "Too many\x1b[31m\t tokens. ": "Too many [31m tokens.", "It is wrong.\n\nThe headers were secret": "It is wrong.",
		strings.Repeat("ö", 400): strings.Repeat("ö", 150), "a\xffb": "ab",
	} {
		require.Equal(t, want, excerpt(message))
	}
}

func TestFaultOfAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := fault(ctx, errors.New("request send failed"))
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, pipeline.ErrTryLater)
}

func FuzzRead(f *testing.F) {
	values := make([]float64, 256)
	for i := range values {
		values[i] = float64(i) - 99.5
	}
	whole, err := json.Marshal(map[string]any{"embedding": values, "inputTextTokenCount": 7})
	require.NoError(f, err)
	for _, s := range []string{
		string(whole), `{"embedding":[1,null]}`, `{"embedding":null,"inputTextTokenCount":-1}`, `{"embedding":[1e99]}`, `{"embedding":[NaN]}`, `[]`, `{`, `{"inputTextTokenCount":1e9}`,
	} {
		f.Add([]byte(s))
	}
	e := &Embedder{o: Options{Dimensions: 256}}
	f.Fuzz(func(t *testing.T, body []byte) {
		made, err := e.read("disk full", body)
		require.Positive(t, made.tokens, "what is embedded is counted")
		if err != nil {
			var refused *refusedError
			require.ErrorAs(t, err, &refused)
			require.Nil(t, made.vector)
			return
		}
		require.Len(t, made.vector, 256)
		var square float64
		for _, x := range made.vector {
			square += float64(x) * float64(x)
		}
		if square != 0 {
			require.InDelta(t, 1, square, 1e-4)
		}
	})
}

func TestATokenCountThatCannotBeIsEstimated(t *testing.T) {
	e := &Embedder{o: Options{Dimensions: 256}}
	for _, count := range []string{``, `,"inputTextTokenCount":0`, `,"inputTextTokenCount":-3`, `,"inputTextTokenCount":9000000000000000000`} {
		made, err := e.read("certificate expired", []byte(`{"embedding":[`+strings.TrimSuffix(strings.Repeat("1,", 256), ",")+`]`+count+`}`))
		require.NoError(t, err)
		require.Equal(t, embedding.EstimateTokens("certificate expired"), made.tokens, count)
	}
}
