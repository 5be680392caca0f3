// Package bedrock is a fake Amazon Bedrock runtime that speaks the true protocol
// over HTTP, refuses what Titan refuses, and fails as it is told.
//
//	POST /model/{id}/invoke -> signed? -> throttled? -> model? -> fault? -> Titan
//	                              403        429         404     as told
//
// A server answers on a port (Listen) or over pipes within the process (Pipe),
// which a testing/synctest bubble needs.
package bedrock

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxBody bounds a request's body: Bedrock's own limit is 25,000,000 bytes.
const maxBody = 25_000_000

// Exception is an error as Bedrock answers it.
type Exception struct {
	// Type is the name of the error's shape, "ThrottlingException".
	Type string
	// Status is the HTTP status.
	Status  int
	Message string
}

// NewException is the error of that type with the status that Bedrock gives it.
func NewException(name, message string) Exception {
	status := http.StatusBadRequest // ValidationException, ServiceQuotaExceededException
	switch name {
	case "ThrottlingException", "ModelNotReadyException":
		status = http.StatusTooManyRequests
	case "ServiceUnavailableException":
		status = http.StatusServiceUnavailable
	case "InternalServerException":
		status = http.StatusInternalServerError
	case "ModelTimeoutException":
		status = http.StatusRequestTimeout
	case "ModelErrorException":
		status = http.StatusFailedDependency
	case "AccessDeniedException", "ExpiredTokenException", "UnrecognizedClientException",
		"MissingAuthenticationTokenException", "InvalidSignatureException":
		status = http.StatusForbidden
	case "ResourceNotFoundException", "UnknownOperationException":
		status = http.StatusNotFound
	}
	return Exception{Type: name, Status: status, Message: message}
}

// Reply is an HTTP answer.
type Reply struct {
	Status int
	Header map[string]string
	Body   []byte
}

func (e Exception) reply() *Reply {
	body, err := json.Marshal(map[string]string{"message": e.Message})
	if err != nil {
		panic(err) // a map of strings is always JSON
	}
	// The suffix is AWS's; clients must cut it off.
	kind := e.Type + ":http://internal.amazon.com/coral/com.amazon.bedrock/"
	return &Reply{Status: e.Status, Header: map[string]string{"X-Amzn-ErrorType": kind}, Body: body}
}

// Server is a fake Bedrock with the model Titan. Its zero value is ready.
type Server struct {
	mu        sync.Mutex
	faults    []planned
	perMinute int
	passed    []time.Time // of the last minute, while there is a limit
	arrived   func(text string)
	inFlight  int
	counts    Counts
	texts     map[string]int
}

// Counts is what a server has seen.
type Counts struct {
	// Calls is how many requests arrived, those that were refused or failed
	// included, and Throttled how many of them were too many a minute.
	Calls, Throttled int
	// Embedded is how many vectors were answered, cut answers included, and Tokens
	// for how many tokens.
	Embedded, Tokens int
	// Concurrent is how many requests were under way at once at most.
	Concurrent int
}

// Counts returns what the server has seen so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Texts is how often each text was embedded.
func (s *Server) Texts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := make(map[string]int, len(s.texts))
	for text, n := range s.texts {
		texts[text] = n
	}
	return texts
}

// Throttle makes the server refuse what exceeds n requests in any 60 s; 0 lifts
// the limit.
func (s *Server) Throttle(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.perMinute, s.passed = n, nil
}

// OnText makes the server call fn with each text that arrives, before it answers.
func (s *Server) OnText(fn func(text string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived = fn
}

// operation is one of the runtime's operations: Converse is to stand beside
// Titan's InvokeModel.
type operation func(s *Server, model string, body []byte) *Reply

// route is a request's operation and model.
func route(r *http.Request) (operation, string, bool) {
	// The escaped path: an ARN's slashes are part of the model's ID.
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if len(parts) != 3 || parts[0] != "model" || r.Method != http.MethodPost {
		return nil, "", false
	}
	model, err := url.PathUnescape(parts[1])
	if err != nil {
		return nil, "", false
	}
	if parts[2] == "invoke" {
		return (*Server).invoke, model, true
	}
	return nil, "", false
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := s.enter()
	defer s.leave()
	w.Header().Set("X-Amzn-Requestid", fmt.Sprintf("00000000-0000-4000-8000-%012d", number))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		write(w, NewException("ValidationException", "the request's body cannot be read").reply())
		return
	}
	op, model, known := route(r)
	text := textOf(body)
	s.notify(text)
	switch refusal := s.admit(r, known); {
	case refusal != nil:
		write(w, refusal.reply())
		return
	case !isModel(model):
		write(w, NewException("ResourceNotFoundException", "Could not resolve the foundation model from the provided model identifier.").reply())
		return
	}
	whole := func() *Reply { return op(s, model, body) }
	if fault := s.due(text); fault != nil {
		fault(w, r, whole)
		return
	}
	write(w, whole())
}

func (s *Server) enter() (number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Calls++
	s.inFlight++
	s.counts.Concurrent = max(s.counts.Concurrent, s.inFlight)
	return s.counts.Calls
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
}

func (s *Server) notify(text string) {
	s.mu.Lock()
	fn := s.arrived
	s.mu.Unlock()
	if fn != nil {
		fn(text)
	}
}

// admit refuses what does not reach a model.
func (s *Server) admit(r *http.Request, known bool) *Exception {
	refuse := func(name, message string) *Exception {
		e := NewException(name, message)
		return &e
	}
	switch authorization := r.Header.Get("Authorization"); {
	case authorization == "":
		return refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	case !isSigned(authorization), r.Header.Get("X-Amz-Date") == "":
		return refuse("InvalidSignatureException", "The request signature we calculated does not match the signature you provided.")
	case !known:
		return refuse("UnknownOperationException", "")
	case s.isThrottled():
		return refuse("ThrottlingException", "Too many requests, please wait before trying again.")
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return refuse("ValidationException", "The provided Content Type is invalid or not supported for this model")
	}
	return nil
}

// isSigned says whether a header looks like Signature Version 4's for Bedrock.
// The signature itself is not checked.
func isSigned(authorization string) bool {
	const pattern = `^AWS4-HMAC-SHA256 Credential=[^/ ]+/\d{8}/[a-z0-9-]+/bedrock/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$`
	ok, err := regexp.MatchString(pattern, authorization)
	return err == nil && ok
}

func (s *Server) isThrottled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perMinute == 0 {
		return false
	}
	now := time.Now()
	s.passed = slices.DeleteFunc(s.passed, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	if len(s.passed) >= s.perMinute {
		s.counts.Throttled++
		return true
	}
	s.passed = append(s.passed, now)
	return false
}

func write(w http.ResponseWriter, a *Reply) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the client may be gone
}
