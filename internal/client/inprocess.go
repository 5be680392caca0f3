package client

import (
	"io"
	"net/http"
	"net/url"
	"sync"
)

// InProcess returns a client of a handler in this process: the command line asks
// a data directory of its own the same way as a running loglode. There is no
// access control in between, since who can open the directory can read it.
func InProcess(handler http.Handler) *Client {
	return &Client{base: &url.URL{Scheme: "http", Host: "localhost"}, http: &http.Client{Transport: handlerTransport{handler}}}
}

// handlerTransport answers requests by a handler, streams included.
type handlerTransport struct{ handler http.Handler }

func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, w := io.Pipe()
	answer := &pipeResponse{header: http.Header{}, body: w, started: make(chan struct{})}
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	go func() {
		t.handler.ServeHTTP(answer, r)
		answer.WriteHeader(http.StatusOK)
		_ = w.Close()
	}()
	select {
	case <-answer.started:
	case <-r.Context().Done():
		_ = body.Close()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: answer.status, Status: http.StatusText(answer.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.header, Body: body, ContentLength: -1, Request: r}, nil
}

// pipeResponse is the http.ResponseWriter of handlerTransport.
type pipeResponse struct {
	header  http.Header
	body    *io.PipeWriter
	once    sync.Once
	status  int
	started chan struct{} // closed once the status is known
}

func (w *pipeResponse) Header() http.Header { return w.header }

func (w *pipeResponse) WriteHeader(status int) {
	w.once.Do(func() {
		w.status = status
		w.header = w.header.Clone() // what is set later does not count
		close(w.started)
	})
}

func (w *pipeResponse) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Flush implements http.Flusher: nothing is held back.
func (w *pipeResponse) Flush() {}
