package opensearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// NoDeadlyMapping returns an error that names every field of type knn_vector
// whose method has no "engine": "lucene". OpenSearch takes faiss where no engine
// is named, and a node without faiss's native libraries, such as the one of
// tools/servers, takes such a mapping and dies at the first refresh.
//
// body is any JSON with mappings in it: the body that creates an index or a
// template, or an answer of GET _mapping.
func NoDeadlyMapping(body []byte) error {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return fmt.Errorf("decode mapping: %w", err)
	}
	return errors.Join(deadly("", value)...)
}

// deadly returns an error for each deadly field at or below path, by path.
func deadly(path string, value any) (found []error) {
	switch value := value.(type) {
	case []any:
		for i, element := range value {
			found = append(found, deadly(fmt.Sprintf("%s[%d]", path, i), element)...)
		}
	case map[string]any:
		if value["type"] == "knn_vector" {
			method, _ := value["method"].(map[string]any)
			if engine := method["engine"]; engine != "lucene" {
				found = append(found, fmt.Errorf("%s is a knn_vector with engine %v: it must be lucene, or the node dies", path, engine))
			}
		}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			found = append(found, deadly(path+"/"+key, value[key])...)
		}
	}
	return found
}
