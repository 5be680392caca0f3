package openai

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// Options say which endpoint and model embed. URL and Model are required.
type Options struct {
	// URL is the API's root, "http://localhost:11434/v1": "/embeddings" is added
	// to it.
	URL string
	// Model is the model's name as the endpoint knows it.
	Model string
	// Dimensions is the length of vectors to ask for. 0 leaves it to the model
	// and takes it from its first answer; not every model can be asked.
	Dimensions int
	// Key is the API key, if the endpoint wants one. It stands in no error.
	Key string
	// Batch is how many texts a request holds, 64 if 0.
	Batch int
	// Timeout is how long a request may take, 60 s if 0.
	Timeout time.Duration
	// MaxBytes is where a text is cut, prefix excluded, on the border of a
	// character; 2,000 if 0, about the 512 tokens that most embedding models
	// read. A text that the endpoint refuses all the same is halved until it
	// does not.
	MaxBytes int
	// DocumentPrefix and QueryPrefix stand before each text, for models that
	// were trained with instructions: "search_document: " and "search_query: "
	// (nomic), "passage: " and "query: " (e5).
	DocumentPrefix, QueryPrefix string
}

// withDefaults checks all options at once.
func (o Options) withDefaults() (Options, *url.URL, error) {
	var faults []error
	fault := func(hint, format string, args ...any) {
		faults = append(faults, pipeline.WithHint(fmt.Errorf(format, args...), hint))
	}
	u, err := url.Parse(o.URL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		// The parser's error would repeat a password.
		fault(`it looks like "http://localhost:11434/v1"`, "the URL of the embeddings endpoint is no http or https URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		fault("give the API's root alone, and credentials as the key", "the URL of the embeddings endpoint holds more than an address and a path")
	}
	if o.Model == "" {
		fault(`name one that the endpoint has, such as "nomic-embed-text"`, "the embedding model has no name")
	}
	if strings.ContainsAny(o.Key, "\r\n") {
		fault("a file with a key may end in a line break: cut it off", "the API key holds a line break")
	}
	for _, n := range []struct {
		name  string
		value *int
		zero  int
		most  int
	}{
		{"dimensions", &o.Dimensions, 0, maxDimensions},
		{"batch", &o.Batch, 64, 2048}, // 2,048: the limit of OpenAI's own API
		{"max bytes", &o.MaxBytes, 2000, 1 << 20},
	} {
		if *n.value < 0 || *n.value > n.most {
			fault(fmt.Sprintf("0 stands for %d", n.zero), "%s of the embeddings endpoint is %d, not 0 to %d", n.name, *n.value, n.most)
		}
		if *n.value == 0 {
			*n.value = n.zero
		}
	}
	if o.Timeout < 0 {
		fault("0 stands for a minute", "the timeout of the embeddings endpoint is negative")
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	return o, u, errors.Join(faults...)
}

// newClient returns a client that keeps log texts and the key with the host that
// was configured: it follows no redirects.
func newClient(timeout time.Duration) *http.Client {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
