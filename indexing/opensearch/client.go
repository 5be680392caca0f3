package opensearch

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	osgo "github.com/opensearch-project/opensearch-go/v4"

	"github.com/loglode/loglode/pipeline"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 256 << 20

// client sends requests, and sorts what goes wrong.
type client struct {
	os *osgo.Client
	// wait is before the second try of what is overloaded; it doubles, with jitter.
	wait time.Duration
	log  *slog.Logger
}

// firstWait is client.wait.
const firstWait = 100 * time.Millisecond

// Error is an answer that refuses a request.
type Error struct {
	// Status is the HTTP status, Type and Reason are OpenSearch's own words.
	Status       int
	Type, Reason string
}

func (e *Error) Error() string {
	return fmt.Sprintf("OpenSearch answers %d: %s: %s", e.Status, e.Type, e.Reason)
}

// Unwrap says that the request may be made again: what is refused as a whole is
// never the data's fault.
func (e *Error) Unwrap() error { return pipeline.ErrTryLater }

// is says whether an error is an answer of a status.
func is(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

const (
	jsonBody  = "application/json"
	linesBody = "application/x-ndjson"
)

// writeBody writes a request's body; nil stands for none.
type writeBody func(io.Writer) error

func bodyOf(b []byte) writeBody {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// zippers are lent to pack. The fastest level costs a third of the CPU of the
// default one, for a tenth more bytes.
var zippers = sync.Pool{New: func() any {
	zip, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return zip
}}

// pack compresses a body. Its bytes are not reused: a transport may still read
// them after it has answered.
func pack(body writeBody) ([]byte, error) {
	zip := zippers.Get().(*gzip.Writer)
	defer zippers.Put(zip)
	var packed bytes.Buffer
	zip.Reset(&packed)
	if err := body(zip); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// send makes a request and decodes its answer into out, unless that is nil. An
// answer that refuses is an *Error; what goes wrong on the way wraps
// pipeline.ErrTryLater.
func (c *client) send(ctx context.Context, method, path, contentType string, body writeBody, out any) error {
	var reader io.Reader
	if body != nil {
		packed, err := pack(body)
		if err != nil {
			return fmt.Errorf("compress request: %w", err)
		}
		reader = bytes.NewReader(packed)
	}
	req, err := http.NewRequestWithContext(ctx, method, path, reader)
	if err != nil {
		return fmt.Errorf("make request %s %s: %w", method, path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := c.os.Stream(req)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("ask OpenSearch: %w", ctx.Err())
		}
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			return pipeline.WithHint(unfit("ask OpenSearch: %v", err), "opensearch.ca_file must hold the authority that signed the nodes' certificates, and opensearch.urls a name that they have")
		}
		return fmt.Errorf("ask OpenSearch: %w: %w", pipeline.ErrTryLater, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("read answer of OpenSearch: %w", ctx.Err())
		}
		return fmt.Errorf("read answer of OpenSearch: %w: %w", pipeline.ErrTryLater, err)
	}
	if len(answer) > maxAnswer {
		return unfit("OpenSearch's answer to %s %s has more than %d MiB", method, req.URL.Path, maxAnswer>>20)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return refusal(resp.StatusCode, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("read answer of OpenSearch: %w: %w", pipeline.ErrTryLater, err)
	}
	return nil
}

func (c *client) once(ctx context.Context, method, path string, body, out any) error {
	switch b := body.(type) {
	case nil:
		return c.send(ctx, method, path, jsonBody, nil, out)
	case string:
		return c.send(ctx, method, path, jsonBody, bodyOf([]byte(b)), out)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.send(ctx, method, path, jsonBody, bodyOf(encoded), out)
}

// callTries is how often a request is made: the shard of an index that was just
// made takes a moment.
const callTries = 6

// passes says that a fault may pass by itself within moments: of the network, of
// a node that is overloaded, or of a shard that is about to be there.
func passes(err error) bool {
	var e *Error
	var unfit *unfitError
	return !errors.As(err, &unfit) && (!errors.As(err, &e) || overloads(e.Status))
}

// call makes a request that may be made twice, and makes it again where its fault
// may pass.
func (c *client) call(ctx context.Context, method, path string, body, out any) error {
	return c.again(ctx, func() error { return c.once(ctx, method, path, body, out) })
}

// callPatience is when no further try begins: behind a network that swallows
// requests each of them takes its whole timeout.
const callPatience = 15 * time.Second

// again does something until it succeeds or its fault does not pass, for some 3
// seconds.
func (c *client) again(ctx context.Context, do func() error) error {
	wait, start := c.wait, time.Now()
	for try := 1; ; try++ {
		err := do()
		if err == nil || try == callTries || time.Since(start) > callPatience || !passes(err) || ctx.Err() != nil {
			return err
		}
		if err := sleep(ctx, wait/2+rand.N(wait)); err != nil {
			return err
		}
		wait *= 2
	}
}

// cause is how OpenSearch words an error.
type cause struct {
	Type      string `json:"type"`
	Reason    string `json:"reason"`
	RootCause []struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	} `json:"root_cause"`
}

// of is the refusal of a part of a request: of an item, of one of several
// searches.
func (c *cause) of(status int) error {
	return hinted(&Error{Status: status, Type: c.Type, Reason: c.Reason})
}

// refusal reads an answer that refuses a whole request.
func refusal(status int, answer []byte) error {
	var said struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	e := &Error{Status: status, Type: http.StatusText(status)}
	var c cause
	switch {
	case json.Unmarshal(answer, &said) == nil && json.Unmarshal(said.Error, &c) == nil:
		e.Type, e.Reason = c.Type, c.Reason
	case said.Message != "": // of Amazon's door
		e.Reason = said.Message
	default:
		e.Reason = string(answer[:min(len(answer), 300)])
	}
	return hinted(e)
}

// hinted gives a refusal its hint, where there is something to be done.
func hinted(e *Error) error {
	switch e.Status {
	case http.StatusUnauthorized:
		return pipeline.WithHint(e, "check the user and password, or the role that signs the requests")
	case http.StatusForbidden:
		return pipeline.WithHint(e, "the role lacks a permission, the signature is wrong, or the index is blocked: docs/operations.md lists what loglode needs")
	}
	return e
}

// createIndex makes an index of ours, if it is not there. One of the same name that
// is somebody else's, or newer than this program, is an error.
func (c *client) createIndex(ctx context.Context, name string, mark ownMark, body string) error {
	err := c.call(ctx, http.MethodPut, "/"+name, body, nil)
	var e *Error
	if !errors.As(err, &e) || e.Type != "resource_already_exists_exception" {
		return err
	}
	return c.checkOwner(ctx, name, mark)
}

// unfitError is what is found in a cluster and must be mended by a person: it does
// not pass by itself.
type unfitError struct{ text string }

func (e *unfitError) Error() string { return e.text }
func (e *unfitError) Unwrap() error { return pipeline.ErrTryLater }

func unfit(format string, args ...any) error {
	return &unfitError{fmt.Sprintf(format, args...)}
}

func (c *client) checkOwner(ctx context.Context, name string, want ownMark) error {
	var answer map[string]struct {
		Mappings struct {
			Meta struct {
				Loglode ownMark `json:"loglode"`
			} `json:"_meta"`
		} `json:"mappings"`
	}
	if err := c.call(ctx, http.MethodGet, "/"+name+"/_mapping?filter_path=*.mappings._meta", nil, &answer); err != nil {
		return err
	}
	switch mark := answer[name].Mappings.Meta.Loglode; {
	case mark.Kind != want.Kind:
		return pipeline.WithHint(unfit("index %s is not loglode's", name),
			"set opensearch.prefix, or remove that index")
	case mark.Schema > schema:
		return pipeline.WithHint(unfit("index %s is of schema %d, newer than this program's %d", name, mark.Schema, schema),
			"use the newer loglode that made it")
	case mark.Prefix != want.Prefix, mark.Service != want.Service, mark.Day != want.Day:
		return pipeline.WithHint(unfit("index %s is another loglode's, behind the prefix %q", name, mark.Prefix),
			"choose an opensearch.prefix that does not begin with another's: logs-a- and logs- lead to the same names")
	}
	return nil
}
