package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

const (
	// maxWait is the longest wait that a server may ask for.
	maxWait = time.Hour
	// maxMessage is how many bytes of a server's message stand in an error.
	maxMessage = 300
)

// Reasons of rejections.
const (
	refusedText = "refused"
	serverError = "server_error"
	badAnswer   = "bad_answer"
)

// refusedError says that the endpoint does not embed these texts. Whether that is
// their fault, call.blame finds out.
type refusedError struct {
	reason  string
	message string
	// again says that the same request may pass next time.
	again bool
}

func (e *refusedError) Error() string { return e.message }

// noNumber is the refusal of a vector that holds NaN.
func noNumber() *refusedError {
	return &refusedError{reason: badAnswer, again: true, message: "the embeddings endpoint's vector holds what is no number"}
}

type request struct {
	Model      string   `json:"model"`
	Input      []string `json:"input"`
	Dimensions int      `json:"dimensions,omitempty"`
}

type answer struct {
	Data []struct {
		Index     *int   `json:"index"`
		Embedding values `json:"embedding"`
	} `json:"data"`
}

// values is a vector as JSON. encoding/json would read null, which some servers
// write for NaN, as 0.
type values []float32

// UnmarshalJSON implements json.Unmarshaler: nil for a vector of which a value
// is no number.
func (v *values) UnmarshalJSON(text []byte) error {
	list, isArray := bytes.CutPrefix(bytes.TrimSpace(text), []byte("["))
	list = bytes.TrimSpace(bytes.TrimSuffix(list, []byte("]")))
	*v = nil
	if !isArray || len(list) == 0 {
		return nil
	}
	vector := make([]float32, 0, bytes.Count(list, []byte(","))+1)
	for number := range bytes.SplitSeq(list, []byte(",")) {
		x, err := strconv.ParseFloat(string(bytes.TrimSpace(number)), 32)
		if err != nil {
			return nil
		}
		vector = append(vector, float32(x))
	}
	*v = vector
	return nil
}

// post sends one request and returns a unit vector for each text, nil for one
// whose vector holds what is no number. Its error holds a *refusedError or wraps
// pipeline.ErrTryLater, or ctx has ended.
func (e *Embedder) post(ctx context.Context, texts []string) ([][]float32, error) {
	r := request{Model: e.o.Model, Input: make([]string, len(texts)), Dimensions: e.o.Dimensions}
	for i, text := range texts {
		r.Input[i] = e.prefix + text
	}
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if e.o.Key != "" {
		req.Header.Set("Authorization", "Bearer "+e.o.Key)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, away(ctx, err)
	}
	defer resp.Body.Close()
	limit := int64(1+len(texts)) << 20 // a value takes about 22 bytes
	text, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, away(ctx, err)
	case resp.StatusCode != http.StatusOK:
		return nil, e.fault(resp, text)
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("%w: the embeddings endpoint's answer is longer than %d bytes", pipeline.ErrTryLater, limit)
	}
	return e.read(text, len(texts))
}

// away is the error of an endpoint that gave no whole answer.
func away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("ask the embeddings endpoint: %w", err)
	}
	return pipeline.WithHint(fmt.Errorf("%w: ask the embeddings endpoint: %w", pipeline.ErrTryLater, err),
		"is it running, and is this its address? Everything else goes on without it")
}

// fault is the error of an answer that is not 200.
func (e *Embedder) fault(resp *http.Response, body []byte) error {
	message := fmt.Sprintf("the embeddings endpoint answers %s: %s", resp.Status, e.excerpt(body))
	later := func(hint string) error {
		err := fmt.Errorf("%w: %s", pipeline.ErrTryLater, message)
		if wait := retryAfter(resp.Header.Get("Retry-After")); wait > 0 {
			err = &embedding.DelayError{Err: err, After: wait}
		}
		if hint != "" {
			err = pipeline.WithHint(err, hint)
		}
		return err
	}
	switch code := resp.StatusCode; {
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return &refusedError{reason: refusedText, message: message}
	case code == http.StatusInternalServerError:
		// Also what some servers answer to a text that is too long, or for which
		// their model yields NaN.
		return &refusedError{reason: serverError, message: message, again: true}
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return later("check the API key of the embeddings endpoint")
	case code == http.StatusNotFound:
		return later(fmt.Sprintf("check the URL, which should end in /v1 for most servers, and that the server has the model %q (Ollama: ollama pull %s)", e.o.Model, e.o.Model))
	case code >= 300 && code < 400:
		return later("it sends requests elsewhere, which are not followed: configure the address that it names")
	}
	return later("")
}

// excerpt is the beginning of a server's message, fit for a log.
func (e *Embedder) excerpt(body []byte) string {
	text := strings.ToValidUTF8(string(body[:min(len(body), 4*maxMessage)]), "")
	if e.o.Key != "" {
		text = strings.ReplaceAll(text, e.o.Key, "[the key]")
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return cut(strings.Join(strings.Fields(text), " "), maxMessage)
}

// retryAfter reads the header, seconds or a date; 0 for none.
func retryAfter(header string) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.Atoi(header); err == nil {
		wait = time.Duration(min(max(seconds, 0), int(maxWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), maxWait)
}

// read takes the vectors out of an answer.
func (e *Embedder) read(body []byte, n int) ([][]float32, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, &refusedError{reason: badAnswer, again: true,
			message: fmt.Sprintf("the embeddings endpoint's answer is not what the API says (%v): %s", err, e.excerpt(body))}
	}
	wrong := func(format string, args ...any) error {
		return pipeline.WithHint(fmt.Errorf("%w: the embeddings endpoint's answer holds %s", pipeline.ErrTryLater, fmt.Sprintf(format, args...)),
			"does the server speak OpenAI's embeddings API, and has the model changed behind its name?")
	}
	if len(a.Data) != n {
		return nil, wrong("%d vectors for %d texts", len(a.Data), n)
	}
	vectors := make([][]float32, n)
	seen := make([]bool, n)
	for _, d := range a.Data {
		if d.Index == nil || *d.Index < 0 || *d.Index >= n || seen[*d.Index] {
			return nil, wrong("no vector, or two, for one of %d texts", n)
		}
		seen[*d.Index] = true
		if !isFinite(d.Embedding) {
			continue
		}
		if len(d.Embedding) > maxDimensions {
			return nil, wrong("a vector of %d dimensions", len(d.Embedding))
		}
		e.dimensions.CompareAndSwap(0, int64(len(d.Embedding))) // the first vector of all decides
		if len(d.Embedding) != e.Dimensions() {
			return nil, wrong("a vector of %d dimensions, not %d", len(d.Embedding), e.Dimensions())
		}
		vectors[*d.Index] = embedding.Normalise(d.Embedding)
	}
	return vectors, nil
}

// isFinite says whether all of a vector are numbers, and that it is one.
func isFinite(v []float32) bool {
	for _, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return false
		}
	}
	return len(v) > 0
}
