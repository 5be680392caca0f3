package bedrock

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

const (
	// maxAttempts and maxBackoff bound the repetition of one request. The wait
	// before the nth repetition is up to 2^n s, at random.
	maxAttempts = 3
	maxBackoff  = 5 * time.Second
	// maxAnswer bounds an answer: 1,024 values of about 22 bytes take 22 KB.
	maxAnswer = 1 << 20
	// maxTokens is the most that Titan reads of a text.
	maxTokens = 8192
	// maxMessage is how many bytes of a service's message stand in an error.
	maxMessage = 300
)

// Reasons of rejections.
const (
	refusedText = "refused"
	badAnswer   = "bad_answer"
)

// refusedError says that Bedrock does not embed this text. Whether that is the
// text's fault, call.blame finds out.
type refusedError struct {
	reason  string
	message string
	// again says that the same request may pass next time.
	again bool
}

func (e *refusedError) Error() string { return e.message }

// failedError is a fault of the model, which may come from the text: the others
// are tried.
type failedError struct{ err error }

func (e *failedError) Error() string { return e.err.Error() }
func (e *failedError) Unwrap() error { return e.err }

// newRetryer repeats what the SDK repeats (throttling, 5xx, connections that
// fail), and what it does not though it passes: the model's own faults, and
// answers that end in the middle.
func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = maxAttempts, maxBackoff
		// The SDK's own budget of repetitions would end them without saying why.
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables,
			retry.RetryableErrorCode{Codes: map[string]struct{}{
				"ModelTimeoutException":  {},
				"ModelErrorException":    {},
				"ModelNotReadyException": {},
			}},
			retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				if errors.Is(err, io.ErrUnexpectedEOF) {
					return aws.TrueTernary
				}
				return aws.UnknownTernary
			}))
	})
}

// attempts is an HTTP client that counts its requests and bounds their answers.
type attempts struct {
	client *http.Client
	n      atomic.Int64
}

// Do implements bedrockruntime.HTTPClient.
func (a *attempts) Do(r *http.Request) (*http.Response, error) {
	a.n.Add(1)
	if r.Body != nil {
		// The SDK closes the body as soon as there is an answer, and WriteTo of a
		// closed one fails with io.EOF. When the goroutine that writes comes to it
		// only then, net/http takes this for a fault and closes the connection while
		// the answer is being read. Without WriteTo it ends as it should.
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

type request struct {
	Text       string `json:"inputText"`
	Dimensions int    `json:"dimensions"`
	Normalize  bool   `json:"normalize"`
}

type answer struct {
	// Embedding's values are pointers since encoding/json reads null as 0.
	Embedding []*float32 `json:"embedding"`
	Tokens    int        `json:"inputTextTokenCount"`
}

// embedded is a text's vector, and the tokens that it was charged for.
type embedded struct {
	vector []float32
	tokens int
}

// invoke embeds one text in one of the embedder's slots, in up to maxAttempts
// requests. Its error holds a *refusedError or wraps pipeline.ErrTryLater, or ctx
// has ended.
func (e *Embedder) invoke(ctx context.Context, text string) (made embedded, requests int, err error) {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return embedded{}, 0, fmt.Errorf("wait for other requests to Bedrock: %w", ctx.Err())
	}
	body, err := json.Marshal(request{Text: text, Dimensions: e.o.Dimensions, Normalize: true})
	if err != nil {
		return embedded{}, 0, fmt.Errorf("encode request: %w", err)
	}
	counted := &attempts{client: e.client}
	out, err := e.runtime.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{
		ModelId:     aws.String(e.o.Model),
		ContentType: aws.String("application/json"),
		Accept:      aws.String("application/json"),
		Body:        body,
	}, func(o *bedrockruntime.Options) { o.HTTPClient = counted })
	requests = int(counted.n.Load())
	if err != nil {
		return embedded{}, requests, fault(ctx, err)
	}
	made, err = e.read(text, out.Body)
	return made, requests, err
}

// read takes the vector out of an answer. The tokens are charged for also when
// there is none.
func (e *Embedder) read(text string, body []byte) (embedded, error) {
	var a answer
	err := json.Unmarshal(body, &a)
	made := embedded{tokens: a.Tokens}
	if made.tokens <= 0 || made.tokens > maxTokens {
		made.tokens = embedding.EstimateTokens(text)
	}
	bad := func(format string, args ...any) (embedded, error) {
		return made, &refusedError{reason: badAnswer, again: true, message: "Titan's answer " + fmt.Sprintf(format, args...)}
	}
	if err != nil {
		return bad("is not what its documentation says (%v): %s", err, excerpt(string(body)))
	}
	vector := make([]float32, len(a.Embedding))
	for i, x := range a.Embedding {
		if x == nil {
			return bad("holds a vector with what is no number")
		}
		vector[i] = *x
	}
	if len(vector) != e.o.Dimensions {
		return bad("holds a vector of %d dimensions, not %d", len(vector), e.o.Dimensions)
	}
	made.vector = embedding.Normalise(vector)
	return made, nil
}

// fault is what the SDK's error means.
func fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("ask Bedrock: %w", ctx.Err())
	}
	later := func(message, hint string) error {
		err := fmt.Errorf("%w: %s", pipeline.ErrTryLater, message)
		if hint == "" {
			return err
		}
		return pipeline.WithHint(err, hint)
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return away(err)
	}
	message := "Bedrock answers " + describe(err, api)
	switch api.ErrorCode() {
	case "ValidationException":
		return &refusedError{reason: refusedText, message: message}
	case "ModelErrorException", "ModelTimeoutException", "InternalServerException":
		return &failedError{later(message, "")}
	case "ThrottlingException":
		return later(message, "lower the embedder's requests or tokens a minute, or ask AWS for a higher quota (Service Quotas, Amazon Bedrock)")
	case "ServiceQuotaExceededException":
		return later(message, "ask AWS for a higher quota (Service Quotas, Amazon Bedrock)")
	case "AccessDeniedException":
		return later(message, "allow bedrock:InvokeModel on the model to the role that is used, and check that the account may use the model in this region")
	case "ResourceNotFoundException":
		return later(message, "is the model offered in this region, and is the ARN right?")
	case "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId", "MissingAuthenticationTokenException",
		"InvalidSignatureException", "IncompleteSignatureException", "IncompleteSignature", "SignatureDoesNotMatch":
		return later(message, "the AWS credentials are wrong or have expired, or this machine's clock is")
	}
	return later(message, "")
}

// fromElsewhere says that a service was at fault which gives credentials: that of
// instances, STS, SSO.
func fromElsewhere(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if operation, is := err.(*smithy.OperationError); is && operation.ServiceID != bedrockruntime.ServiceID { //nolint:errorlint // each of the chain is looked at
			return true
		}
	}
	return false
}

// away is the error of a Bedrock that gave no whole answer, or was not asked.
func away(err error) error {
	var (
		unsent *smithyhttp.RequestSendError
		answer *smithyhttp.ResponseError
		hint   = "no request was made: are there AWS credentials (environment, shared files, role), and have they expired?"
	)
	message := excerpt(rootOf(err).Error())
	switch {
	case fromElsewhere(err): // the hint is right
	case errors.As(err, &unsent):
		message, hint = excerpt(unsent.Err.Error()), "is the endpoint reachable from here? Everything else goes on without it"
	case errors.As(err, &answer):
		message = fmt.Sprintf("status %d: %s", answer.HTTPStatusCode(), excerpt(answer.Err.Error()))
		hint = "is it Bedrock that answers under this address? Everything else goes on without it"
	}
	return pipeline.WithHint(fmt.Errorf("%w: ask Bedrock: %s", pipeline.ErrTryLater, message), hint)
}

// rootOf is what an SDK's error says without the operation's name and IDs.
func rootOf(err error) error {
	var op *smithy.OperationError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// describe is an API's error in a line.
func describe(err error, api smithy.APIError) string {
	code := api.ErrorCode()
	var resp *smithyhttp.ResponseError
	if errors.As(err, &resp) {
		code = fmt.Sprintf("%s (%d)", code, resp.HTTPStatusCode())
	}
	return strings.TrimSpace(code + ": " + excerpt(api.ErrorMessage()))
}

// excerpt is the beginning of a service's message, fit for a log: of its first
// line, since those about signatures go on with the headers that were signed.
func excerpt(message string) string {
	message, _, _ = strings.Cut(strings.TrimSpace(message), "\n")
	message = strings.ToValidUTF8(cut(message, 4*maxMessage), "")
	message = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, message)
	return cut(strings.Join(strings.Fields(message), " "), maxMessage)
}

func sortRejections(list []embedding.Rejection) {
	slices.SortFunc(list, func(a, b embedding.Rejection) int { return cmp.Compare(a.Index, b.Index) })
}
