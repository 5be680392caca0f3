package opensearch

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy is a network to the cluster of tests that can fail.
type Proxy struct {
	URL   string
	proxy *toxiproxy.Proxy
}

// NewProxy listens on loopback until the test ends.
func NewProxy(t testing.TB) *Proxy {
	t.Helper()
	target, err := url.Parse(URL(t))
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{proxy: toxiproxy.NewProxy(server, "opensearch", "127.0.0.1:0", target.Host)}
	if err := p.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.proxy.Stop)
	p.URL = "http://" + p.proxy.Listen
	return p
}

// Poison adds one of toxiproxy's toxics to what flows upstream (requests) or
// downstream (answers). attributes is a JSON object.
func (p *Proxy) Poison(t testing.TB, stream, kind, attributes string) {
	t.Helper()
	toxic := fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"attributes":%s}`, kind+stream, kind, stream, attributes)
	if _, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Fatal(err)
	}
}

// Unpack returns the compressed body of a request, and leaves it there for who
// sends the request on.
func Unpack(r *http.Request) ([]byte, error) {
	packed, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(packed))
	unzip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unzip)
}

// Heal takes all toxics away.
func (p *Proxy) Heal() { p.proxy.Toxics.ResetToxics(context.Background()) }
