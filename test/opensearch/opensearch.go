// Package opensearch gives tests a real OpenSearch with the k-NN plugin, the one
// that tools/servers sets up:
//
//	prefix := opensearch.Prefix(t) // "t4kq7zv2m6xha-", deleted with all its indices when t ends
//	base := opensearch.URL(t)      // "http://127.0.0.1:39211"
//
//	node := opensearch.Start(t, opensearch.Secured) // one of the test's own, to be killed too
//
// Tests of several packages share the node at once: a test touches only indices
// of its own prefix, and never the node's settings. A mapping that NoDeadlyMapping
// refuses ends the node for all.
package opensearch

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Variable names the environment variable that holds the node's base URL, with
// user and password if it wants them. tools/servers run sets it.
const Variable = "LOGLODE_OPENSEARCH_URL"

// patience bounds a request. A node on a busy machine takes seconds to create or
// delete indices.
const patience = time.Minute

const hint = "make test starts one, and so does export " + Variable + "=$(tools/servers start); it needs a JDK 21 and Maven"

// URL returns the base URL of the node, without a slash at its end, once the node
// has answered. Where the variable is not set, t is skipped; in CI, t fails.
func URL(t testing.TB) string {
	t.Helper()
	base := strings.TrimRight(os.Getenv(Variable), "/")
	if base == "" {
		lacking(t, fmt.Sprintf("%s is not set: there is no OpenSearch to test with\n  hint: %s", Variable, hint))
	}
	if err := (server{base, http.DefaultClient}).check(t.Context()); err != nil {
		t.Fatalf("%s names no OpenSearch that works: %v\n  hint: %s", Variable, err, hint)
	}
	return base
}

// lacking ends a test that cannot have its node: in CI it has failed, at a desk it
// is skipped.
func lacking(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s", why)
	}
	t.Skipf("%s", why)
}

// server is a node as its tests reach it.
type server struct {
	base   string // without a slash at its end
	client *http.Client
}

// check asks for the cluster's health. It does not look at the status: other
// tests create indices meanwhile, and make it red for a moment.
func (s server) check(ctx context.Context) error {
	var health struct {
		Nodes int `json:"number_of_nodes"`
	}
	if err := s.call(ctx, http.MethodGet, "/_cluster/health", nil, &health); err != nil {
		return err
	}
	if health.Nodes == 0 {
		return errors.New("its cluster has no nodes")
	}
	return nil
}

// Prefix returns a prefix for the names of t's indices: lower-case letters and
// digits, the first a letter, and a dash, 14 bytes in all. When t ends, all
// indices that have it are deleted, hidden, closed and blocked ones too.
func Prefix(t testing.TB) string {
	t.Helper()
	return server{URL(t), http.DefaultClient}.prefix(t)
}

func (s server) prefix(t testing.TB) string {
	t.Helper()
	prefix := "t" + strings.ToLower(rand.Text()[:12]) + "-"
	t.Cleanup(func() {
		// By now t.Context is cancelled.
		if err := s.deleteIndices(context.Background(), prefix); err != nil {
			t.Errorf("delete the indices %s*: %v", prefix, err)
		}
	})
	return prefix
}

// namesPerDelete keeps the first line of a request below the 4096 bytes that
// OpenSearch reads: a name has up to 255.
const namesPerDelete = 15

func (s server) deleteIndices(ctx context.Context, prefix string) error {
	names, err := s.indices(ctx, prefix)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(names, namesPerDelete) {
		path := "/" + strings.Join(some, ",")
		err := s.call(ctx, http.MethodDelete, path+"?ignore_unavailable=true", nil, nil)
		if refused := (*statusError)(nil); errors.As(err, &refused) && refused.status == http.StatusForbidden {
			if err := s.unblock(ctx, path); err != nil {
				return err
			}
			err = s.call(ctx, http.MethodDelete, path+"?ignore_unavailable=true", nil, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unblock lifts the blocks that keep an index from being deleted. A blocked
// index lets through only a request that changes one block and nothing else.
func (s server) unblock(ctx context.Context, path string) error {
	for _, block := range []string{"read_only", "metadata"} {
		body := fmt.Appendf(nil, `{"index.blocks.%s": false}`, block)
		if err := s.call(ctx, http.MethodPut, path+"/_settings?ignore_unavailable=true", body, nil); err != nil {
			return err
		}
	}
	return nil
}

// indices lists the names that begin with prefix, escaped for a path.
func (s server) indices(ctx context.Context, prefix string) ([]string, error) {
	var list struct {
		Indices []struct {
			Name string `json:"name"`
		} `json:"indices"`
	}
	if err := s.call(ctx, http.MethodGet, "/_resolve/index/"+prefix+"*?expand_wildcards=all", nil, &list); err != nil {
		return nil, err
	}
	var names []string
	for _, index := range list.Indices {
		if strings.HasPrefix(index.Name, prefix) {
			names = append(names, url.PathEscape(index.Name))
		}
	}
	return names, nil
}

// statusError is an answer other than 2xx.
type statusError struct {
	status int
	body   string
}

func (e *statusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.status, e.body) }

// call makes one request and decodes its answer into answer, unless that is nil.
func (s server) call(ctx context.Context, method, path string, body []byte, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, request.URL.Redacted(), err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %w", method, request.URL.Redacted(), &statusError{status: response.StatusCode, body: string(got)})
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(got, answer); err != nil {
		return fmt.Errorf("decode the answer to %s %s: %w", method, request.URL.Redacted(), err)
	}
	return nil
}
