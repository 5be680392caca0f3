package query

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// follow serves lines as they are written, until the client goes, as JSON lines
// (a heartbeat is an empty line) or as server-sent events (a heartbeat is a
// comment; an event's id is the cursor that continues behind it). An error after
// the start is told in the stream: as the last line, {"error":"..","hint":".."},
// or as an event of type error.
func (a *API) follow(w http.ResponseWriter, r *http.Request, followers chan struct{}) error {
	select {
	case followers <- struct{}{}:
		defer func() { <-followers }()
	default:
		return pipeline.WithHint(pipeline.ErrTryLater, "too many streams follow lines already: end one, or ask again later")
	}
	out, err := a.openStream(w, r)
	if err != nil {
		return err
	}
	f, err := a.followRequest(r)
	if err != nil {
		return err
	}
	if err := out.beat(); err != nil {
		return err
	}
	err = f.Run(r.Context(), func(lines []Line) error {
		if len(lines) == 0 {
			return out.beatIfSilent()
		}
		return out.send(lines, f.Cursor())
	})
	if r.Context().Err() == nil && !errors.Is(err, errGone) {
		out.fail(err)
	}
	return nil
}

func (a *API) followRequest(r *http.Request) (*Follower, error) {
	v, err := parameters(r)
	if err != nil {
		return nil, err
	}
	if err := checkParameters(v, append(lineParameters(), "last", "format")); err != nil {
		return nil, err
	}
	v.Del("format")
	last, err := number(v, "last", 0, MaxLast)
	if err != nil {
		return nil, err
	}
	v.Del("last")
	request, err := ParseLineRequest(v)
	if err != nil {
		return nil, err
	}
	// A browser that reconnects says where it stood.
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		request.Cursor = id
	}
	return a.Lines.Follow(r.Context(), request, last)
}

// stream writes one follower's lines.
type stream struct {
	api       *API
	w         http.ResponseWriter
	events    bool // server-sent events, else JSON lines
	heartbeat time.Duration
	wrote     time.Time
}

func (a *API) openStream(w http.ResponseWriter, r *http.Request) (*stream, error) {
	v, err := parameters(r)
	if err != nil {
		return nil, err
	}
	formats := []string{"jsonl", "sse"}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		formats = []string{"sse", "jsonl"}
	}
	format, err := choice(v, "format", formats...)
	if err != nil {
		return nil, err
	}
	return &stream{api: a, w: w, events: format == "sse", heartbeat: orDefault(a.Heartbeat, 15*time.Second)}, nil
}

func (s *stream) send(lines []Line, cursor string) error {
	var b strings.Builder
	for i := range lines {
		text, err := encode(lines[i])
		if err != nil {
			return err
		}
		if !s.events {
			b.Write(text)
			b.WriteByte('\n')
			continue
		}
		// Only the last event of a page has an id: the cursor stands behind
		// all of it.
		if i == len(lines)-1 {
			b.WriteString("id: " + cursor + "\n")
		}
		b.WriteString("data: ")
		b.Write(text)
		b.WriteString("\n\n")
	}
	return s.write(b.String())
}

func (s *stream) beatIfSilent() error {
	if time.Since(s.wrote) < s.heartbeat {
		return nil
	}
	return s.beat()
}

func (s *stream) beat() error {
	if s.events {
		return s.write(":\n\n")
	}
	return s.write("\n")
}

func (s *stream) fail(err error) {
	status, message, hint := describe(err)
	if status >= 500 && s.api.Log != nil {
		s.api.Log.Error("follow lines", "error", err)
	}
	text, err := encode(errorBody{Error: message, Hint: hint})
	if err != nil {
		return
	}
	prefix, suffix := "", "\n"
	if s.events {
		prefix, suffix = "event: error\ndata: ", "\n\n"
	}
	// The stream ends either way.
	_ = s.write(prefix + string(text) + suffix)
}

func (s *stream) write(text string) error {
	if s.wrote.IsZero() {
		contentType := "application/x-ndjson"
		if s.events {
			contentType = "text/event-stream"
		}
		setType(s.w, contentType)
		s.w.Header().Set("X-Accel-Buffering", "no") // nginx would hold lines back
	}
	s.wrote = time.Now()
	if _, err := (patientWriter{w: s.w}).Write([]byte(text)); err != nil {
		return err
	}
	if err := http.NewResponseController(s.w).Flush(); err != nil {
		return fmt.Errorf("flush stream: %w: %w", errGone, err)
	}
	return nil
}
