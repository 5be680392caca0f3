package ingesthttp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers/file/feed"
)

// inMemory is how much of a body is held in memory; a larger one waits in a
// temporary file.
const inMemory = 256 << 10

// body is a request's body, read to its end, to be decoded more than once.
type body struct {
	// identity names the unit: a hash of the decoded bytes, since a client may
	// compress anew when it sends again, and of the scope they are taken in. It
	// is known once the body was checked.
	identity string
	scope    string
	encoding string
	text     bool // its Content-Type says that it is text, whatever it looks like
	shape    feed.Shape
	memory   []byte
	file     *os.File // nil while it fits into memory
}

// spool reads the body. The scope takes part in its identity: the same bytes
// with other parameters are other entries.
func (h *handler) spool(r *http.Request, scope string) (*body, error) {
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	switch encoding {
	case "", "identity", "gzip", "zstd":
	default:
		return nil, &problem{http.StatusUnsupportedMediaType, fmt.Sprintf("content encoding %q is not known", encoding), "send gzip, zstd or identity"}
	}
	b := &body{encoding: encoding, scope: scope + "\x00" + r.Header.Get("Idempotency-Key"), text: strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain")}
	if err := b.keep(http.MaxBytesReader(nil, r.Body, h.o.MaxBody), h.o.TempDir); err != nil {
		b.close()
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, tooLarge(h.o.MaxBody, "server.max_body")
		}
		return nil, err
	}
	return b, nil
}

// identify sets the identity from a hash of the decoded bytes.
func (b *body) identify(decoded hash.Hash) {
	fmt.Fprintf(decoded, "\x00%t\x00%s", b.text, b.scope)
	b.identity = "body:" + hex.EncodeToString(decoded.Sum(nil)[:16])
}

func tooLarge(limit int64, key string) error {
	return &problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", limit), "send smaller bodies, or raise " + key}
}

func (b *body) keep(in io.Reader, dir string) error {
	var err error
	if b.memory, err = io.ReadAll(io.LimitReader(in, inMemory)); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if len(b.memory) < inMemory {
		return nil
	}
	if b.file, err = os.CreateTemp(dir, "loglode-body-*"); err != nil {
		return fmt.Errorf("%w: keep body: %w", pipeline.ErrTryLater, err)
	}
	// Nobody else needs its name, and no crash can leave it behind.
	if err := os.Remove(b.file.Name()); err != nil {
		return fmt.Errorf("%w: keep body: %w", pipeline.ErrTryLater, err)
	}
	if _, err := b.file.Write(b.memory); err != nil {
		return fmt.Errorf("%w: keep body: %w", pipeline.ErrTryLater, err)
	}
	b.memory = nil
	if _, err := io.Copy(b.file, in); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	return nil
}

// open reads the body from its beginning.
func (b *body) open() (io.Reader, error) {
	if b.file == nil {
		return bytes.NewReader(b.memory), nil
	}
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("%w: read body again: %w", pipeline.ErrTryLater, err)
	}
	return b.file, nil
}

func (b *body) close() {
	if b.file != nil {
		_ = b.file.Close()
	}
}

// decompress decodes what the header says. A body without a Content-Encoding is
// looked at all the same: scripts forget it.
func decompress(raw io.Reader, encoding string) (io.Reader, func(), error) {
	d, err := feed.DecompressSmall(raw)
	if err != nil {
		return nil, nil, err
	}
	if want := encoding; (want == "gzip" || want == "zstd") && string(d.Compression()) != want {
		d.Close()
		return nil, nil, &problem{http.StatusBadRequest, "the body is not " + want + ", as its Content-Encoding says", "see Content-Encoding"}
	}
	return d, d.Close, nil
}

// bounded fails when more is read than allowed.
type bounded struct {
	r           io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLarge(b.limit, "server.max_body_decoded")
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left+1)])
	b.left -= int64(n)
	if b.left < 0 {
		return 0, tooLarge(b.limit, "server.max_body_decoded")
	}
	return n, err //nolint:wrapcheck // a Reader's io.EOF must stay bare
}

// parameters are those of the request's address.
type parameters struct {
	resource pipeline.Resource
	wait     bool
}

func readParameters(r *http.Request) (parameters, error) {
	var p parameters
	var err error
	p.resource, err = ReadResource(r.URL.Query(), func(name, value string) bool {
		p.wait = p.wait || name == "wait" && value == "indexed"
		return name == "wait" && value == "indexed"
	})
	if err != nil {
		return p, &problem{http.StatusBadRequest, err.Error(), "known are cluster, namespace, pod, container, node, label=key=value, wait=indexed"}
	}
	return p, nil
}

// ReadResource reads the parameters that say who wrote lines which do not say it
// themselves: cluster, namespace, pod, container, node and label (key=value,
// repeated). Others are given to known; an error names those that it does not
// take.
func ReadResource(query url.Values, known func(name, value string) bool) (pipeline.Resource, error) {
	var res pipeline.Resource
	fields := map[string]*string{"cluster": &res.Cluster, "namespace": &res.Namespace, "pod": &res.Pod, "container": &res.Container, "node": &res.Node}
	for name, values := range query {
		value := values[len(values)-1]
		switch field := fields[name]; {
		case field != nil:
			*field = value
		case name == "label":
			res.Labels = map[string]string{}
			for _, label := range values {
				k, v, ok := strings.Cut(label, "=")
				if !ok || k == "" {
					return res, fmt.Errorf("label %q is not key=value", label)
				}
				res.Labels[k] = v
			}
		case !known(name, value):
			return res, fmt.Errorf("parameter %s=%q is not known", name, value)
		}
	}
	return res, nil
}

// defaults are what entries get that do not say it themselves: the token's
// cluster before the parameters' before the configuration's.
func (p parameters) defaults(configured pipeline.Resource, grant Grant) pipeline.Resource {
	res := p.resource
	if res.Cluster == "" {
		res.Cluster = configured.Cluster
	}
	if grant.Cluster != "" {
		res.Cluster = grant.Cluster
	}
	return res
}

// scopeOf is all that a body's entries depend on beside its bytes.
func scopeOf(defaults pipeline.Resource, grant Grant) string {
	text, err := json.Marshal([]any{defaults, grant})
	if err != nil {
		panic(err) // plain strings
	}
	return string(text)
}
