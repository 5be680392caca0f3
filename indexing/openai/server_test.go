package openai_test

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/openai"
)

// server speaks the embeddings API as Ollama and vLLM do, with a model "fake" of
// six dimensions, or of those asked for up to six. Its hooks make it fail.
type server struct {
	url      string
	key      string
	mu       sync.Mutex
	requests []request
	// fault, if set, is asked first with the request's number, from 0; it says
	// whether it has answered.
	fault func(n int, w http.ResponseWriter, r request) bool
	// vector, if set, is the JSON of a text's vector; "" for the usual one.
	vector func(text string) string
}

type request struct {
	Model      string   `json:"model"`
	Input      []string `json:"input"`
	Dimensions int      `json:"dimensions"`
	// gone is closed when the client does not wait any more.
	gone <-chan struct{}
}

func newServer(t *testing.T) *server {
	s := &server{}
	h := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(h.Close)
	s.url = h.URL
	return s
}

// open returns an embedder of the server's model.
func (s *server) open(t *testing.T, change func(*openai.Options)) *openai.Embedder {
	o := openai.Options{URL: s.url + "/v1", Model: "fake"}
	if change != nil {
		change(&o)
	}
	e, err := openai.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// inputs is what was asked for, request by request.
func (s *server) inputs() (list [][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		list = append(list, r.Input)
	}
	return list
}

func refuse(w http.ResponseWriter, status int, message string) bool {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":%q,"type":"invalid_request_error"}}`, message)
	return true
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	var body request
	text, _ := io.ReadAll(r.Body)
	err := json.Unmarshal(text, &body)
	body.gone = r.Context().Done()
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, body)
	fault := s.fault
	s.mu.Unlock()
	switch {
	case r.Method != http.MethodPost, r.URL.Path != "/v1/embeddings":
		refuse(w, http.StatusNotFound, "404 page not found")
		return
	case r.Header.Get("Content-Type") != "application/json", err != nil, len(body.Input) == 0:
		refuse(w, http.StatusBadRequest, "bad request")
		return
	case s.key != "" && r.Header.Get("Authorization") != "Bearer "+s.key:
		refuse(w, http.StatusUnauthorized, "Incorrect API key provided: "+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		return
	case body.Model != "fake":
		refuse(w, http.StatusNotFound, fmt.Sprintf("model %q not found, try pulling it first", body.Model))
		return
	case fault != nil && fault(n, w, body):
		return
	}
	items := make([]string, len(body.Input))
	for i, text := range body.Input {
		if strings.TrimSpace(text) == "" {
			refuse(w, http.StatusBadRequest, "input cannot be an empty string")
			return
		}
		vector := ""
		if s.vector != nil {
			vector = s.vector(text)
		}
		if vector == "" {
			vector = vectorOf(text, body.Dimensions)
		}
		// Servers may answer in any order: index is what counts.
		items[len(items)-1-i] = fmt.Sprintf(`{"object":"embedding","index":%d,"embedding":%s}`, i, vector)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"object":"list","data":[%s],"model":"fake","usage":{"prompt_tokens":1,"total_tokens":1}}`, strings.Join(items, ","))
}

// vectorOf is not of unit length, as those of some models.
func vectorOf(text string, dimensions int) string {
	h := fnv.New64a()
	h.Write([]byte(text))
	sum := h.Sum64()
	if dimensions == 0 {
		dimensions = 6
	}
	list := make([]string, dimensions)
	for i := range list {
		list[i] = fmt.Sprintf("%g", float64(sum>>(8*i)&255)/64-1.5e-3)
	}
	return "[" + strings.Join(list, ", ") + "]"
}
