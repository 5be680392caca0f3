package opensearch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/test/opensearch"
)

func TestNoDeadlyMapping(t *testing.T) {
	const lucene = `{"type":"knn_vector","dimension":256,"method":{"name":"hnsw","engine":"lucene"}}`
	for _, test := range []struct {
		name, body string
		deadly     []string // the fields that are named
	}{
		{"no vectors", `{"mappings":{"properties":{"message":{"type":"text"}}}}`, nil},
		{"lucene", `{"mappings":{"properties":{"v":` + lucene + `}}}`, nil},
		{"no method", `{"mappings":{"properties":{"v":{"type":"knn_vector","dimension":256}}}}`, []string{"/mappings/properties/v"}},
		{"no engine", `{"properties":{"v":{"type":"knn_vector","method":{"name":"hnsw"}}}}`, []string{"/properties/v"}},
		{"faiss", `{"properties":{"v":{"type":"knn_vector","method":{"name":"hnsw","engine":"faiss"}}}}`, []string{"/properties/v"}},
		{"engine in the wrong place", `{"properties":{"v":{"type":"knn_vector","engine":"lucene"}}}`, []string{"/properties/v"}},
		{"method is no object", `{"properties":{"v":{"type":"knn_vector","method":"lucene"}}}`, []string{"/properties/v"}},
		{"one of two", `{"properties":{"good":` + lucene + `,"bad":{"type":"knn_vector"}}}`, []string{"/properties/bad"}},
		{"both", `{"properties":{"a":{"type":"knn_vector"},"b":{"type":"knn_vector"}}}`, []string{"/properties/a", "/properties/b"}},
		{"nested", `{"properties":{"o":{"type":"nested","properties":{"v":{"type":"knn_vector"}}}}}`, []string{"/properties/o/properties/v"}},
		{"multi-field", `{"properties":{"s":{"type":"keyword","fields":{"v":{"type":"knn_vector"}}}}}`, []string{"/properties/s/fields/v"}},
		{"dynamic template", `{"dynamic_templates":[{"v":{"match":"v_*","mapping":{"type":"knn_vector"}}}]}`, []string{"/dynamic_templates[0]/v/mapping"}},
		{"index template", `{"template":{"mappings":{"properties":{"v":{"type":"knn_vector"}}}}}`, []string{"/template/mappings/properties/v"}},
		{"a field that is called type", `{"properties":{"type":{"type":"keyword"},"v":` + lucene + `}}`, nil},
		{"deadly field that is called type", `{"properties":{"type":{"type":"knn_vector"}}}`, []string{"/properties/type"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := opensearch.NoDeadlyMapping([]byte(test.body))
			if test.deadly == nil {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			joined, several := err.(interface{ Unwrap() []error })
			require.True(t, several)
			found := joined.Unwrap()
			require.Len(t, found, len(test.deadly), "%v", err)
			for i, field := range test.deadly {
				require.ErrorContains(t, found[i], field+" is a knn_vector")
			}
		})
	}

	require.Error(t, opensearch.NoDeadlyMapping([]byte(`{"properties":`)))
}
