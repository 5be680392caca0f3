package opensearch_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/test/opensearch"
)

// send makes a request and returns its status and answer.
func send(t testing.TB, method, target, body string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, answer
}

// get decodes the answer to a request that must succeed.
func get[T any](t testing.TB, method, target, body string) (value T) {
	t.Helper()
	status, answer := send(t, method, target, body)
	require.Less(t, status, 300, "%s", answer)
	require.NoError(t, json.Unmarshal(answer, &value), "%s", answer)
	return value
}

func TestItIsOpenSearchWithVectors(t *testing.T) {
	base := opensearch.URL(t)
	root := get[struct {
		Version struct{ Distribution, Number string }
	}](t, http.MethodGet, base, "")
	require.Equal(t, "opensearch", root.Version.Distribution)
	require.Regexp(t, `^3\.`, root.Version.Number)

	plugins := get[[]struct{ Component string }](t, http.MethodGet, base+"/_cat/plugins?format=json", "")
	require.Contains(t, plugins, struct{ Component string }{"opensearch-knn"})
}

func TestVectorsAreFound(t *testing.T) {
	base, index := opensearch.URL(t), opensearch.Prefix(t)+"vectors"
	const body = `{
		"settings": {"index.knn": true, "number_of_replicas": 0},
		"mappings": {"properties": {"v": {"type": "knn_vector", "dimension": 3,
			"method": {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}}}}
	}`
	require.NoError(t, opensearch.NoDeadlyMapping([]byte(body)))
	get[any](t, http.MethodPut, base+"/"+index, body)
	_, live := send(t, http.MethodGet, base+"/"+index+"/_mapping", "")
	require.Contains(t, string(live), "knn_vector")
	require.NoError(t, opensearch.NoDeadlyMapping(live), "what OpenSearch made of it")

	get[any](t, http.MethodPut, base+"/"+index+"/_create/near", `{"v": [1, 0.1, 0]}`)
	get[any](t, http.MethodPut, base+"/"+index+"/_create/far?refresh=true", `{"v": [0, 0.1, 1]}`)
	found := get[struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			}
		}
	}](t, http.MethodPost, base+"/"+index+"/_search", `{"query": {"knn": {"v": {"vector": [1, 0, 0], "k": 1}}}}`)
	require.Len(t, found.Hits.Hits, 1)
	require.Equal(t, "near", found.Hits.Hits[0].ID)
}

func TestCreateTwiceIsAConflict(t *testing.T) {
	base, index := opensearch.URL(t), opensearch.Prefix(t)+"lines"
	bulk := fmt.Sprintf(`{"create": {"_index": %q, "_id": "1"}}
{"message": "hello"}
`, index)
	for _, want := range []int{http.StatusCreated, http.StatusConflict} {
		done := get[struct {
			Items []struct{ Create struct{ Status int } }
		}](t, http.MethodPost, base+"/_bulk", bulk)
		require.Len(t, done.Items, 1)
		require.Equal(t, want, done.Items[0].Create.Status)
	}
}

func TestPrefixIsUniqueAndLegal(t *testing.T) {
	first, second := opensearch.Prefix(t), opensearch.Prefix(t)
	require.Regexp(t, `^[a-z][a-z0-9]{12}-$`, first)
	require.NotEqual(t, first, second)
}

func TestIndicesOfThePrefixAreDeleted(t *testing.T) {
	base, other := opensearch.URL(t), opensearch.Prefix(t)+"stays"
	get[any](t, http.MethodPut, base+"/"+other, `{}`)

	var prefix string
	t.Run("leaves indices behind", func(t *testing.T) {
		prefix = opensearch.Prefix(t)
		create := func(name, settings string) {
			get[any](t, http.MethodPut, base+"/"+prefix+name, `{"settings": {"number_of_replicas": 0`+settings+`}}`)
		}
		create("plain", "")
		create("hidden", `, "index.hidden": true`)
		create("closed", "")
		get[any](t, http.MethodPost, base+"/"+prefix+"closed/_close", "")
		create("read-only", "")
		get[any](t, http.MethodPut, base+"/"+prefix+"read-only/_settings", `{"index.blocks.read_only": true}`)
		create("no-metadata", "")
		get[any](t, http.MethodPut, base+"/"+prefix+"no-metadata/_settings", `{"index.blocks.metadata": true}`)
		create("aliased-000001", "")
		get[any](t, http.MethodPut, base+"/"+prefix+"aliased-000001/_alias/"+prefix+"aliased", "")
		create(strings.Repeat("x", 200), "")
	})

	require.NotEmpty(t, prefix)
	left := get[struct{ Indices, Aliases []any }](t, http.MethodGet, base+"/_resolve/index/"+prefix+"*?expand_wildcards=all", "")
	require.Empty(t, left.Indices)
	require.Empty(t, left.Aliases)
	status, _ := send(t, http.MethodHead, base+"/"+other, "")
	require.Equal(t, http.StatusOK, status, "an index of another prefix")
}

// TestManyIndicesAreDeletedInSeveralRequests uses a server that lists more names
// than a node creates in a short time, and some that were not asked for.
func TestManyIndicesAreDeletedInSeveralRequests(t *testing.T) {
	const indices = 40
	var deleted []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		prefix, listing := strings.CutPrefix(r.URL.Path, "/_resolve/index/")
		switch {
		case listing:
			names := []map[string]string{{"name": "not-ours"}}
			for i := range indices {
				name := strings.TrimSuffix(prefix, "*") + strings.Repeat("x", 200) + fmt.Sprint(i)
				names = append(names, map[string]string{"name": name})
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"indices": names})
		case r.Method == http.MethodDelete:
			if len(r.RequestURI) > 4000 || strings.Contains(r.RequestURI, "*") {
				http.Error(w, "too long, or a wildcard", http.StatusBadRequest)
				return
			}
			deleted = append(deleted, strings.Split(strings.TrimPrefix(r.URL.Path, "/"), ",")...)
		default:
			fmt.Fprint(w, `{"number_of_nodes": 1}`)
		}
	}))
	defer server.Close()
	t.Setenv(opensearch.Variable, server.URL)

	var prefix string
	t.Run("leaves indices behind", func(t *testing.T) { prefix = opensearch.Prefix(t) })
	require.Len(t, deleted, indices)
	for _, name := range deleted {
		require.Regexp(t, "^"+regexp.QuoteMeta(prefix), name)
	}
}

// outcome is how a test ended.
type outcome struct {
	testing.TB
	failed, skipped string
}

func (o *outcome) Helper() {}

func (o *outcome) Fatalf(format string, args ...any) {
	o.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (o *outcome) Skipf(format string, args ...any) {
	o.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestWithoutANode(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no cluster manager", http.StatusServiceUnavailable)
	}))
	defer broken.Close()
	gone := httptest.NewServer(nil)
	gone.Close()

	for _, test := range []struct {
		name, url, ci   string
		failed, skipped string
	}{
		{name: "at a desk", skipped: "tools/servers start"},
		{name: "in CI", ci: "true", failed: "tools/servers start"},
		{name: "an unhealthy one", url: broken.URL, failed: "503: no cluster manager"},
		{name: "nobody listens", url: gone.URL, failed: "connection refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(opensearch.Variable, test.url)
			t.Setenv("CI", test.ci)
			got := outcome{TB: t}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				opensearch.URL(&got)
			}()
			<-ended
			require.Equal(t, test.failed == "", got.failed == "", got.failed)
			require.Equal(t, test.skipped == "", got.skipped == "", got.skipped)
			require.Contains(t, got.failed, test.failed)
			require.Contains(t, got.skipped, test.skipped)
		})
	}
}

func TestURLHasNoSlashAtItsEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"number_of_nodes": 1}`)
	}))
	defer server.Close()
	t.Setenv(opensearch.Variable, server.URL+"/")
	require.Equal(t, server.URL, opensearch.URL(t))
}
