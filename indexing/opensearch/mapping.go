package opensearch

import (
	"encoding/json"
	"fmt"
)

// schema is the version of what is written, in each index's _meta.
const schema = 1

// Kinds of indices, in _meta.
const (
	kindLines     = "lines"
	kindPatterns  = "patterns"
	kindVectors   = "vectors"
	kindPlacement = "placement"
)

// ownMark is what _meta.loglode says of an index. Prefix tells two loglodes apart
// of which names can be the same: service a-x behind logs-, and x behind logs-a-.
type ownMark struct {
	Schema  int    `json:"schema"`
	Kind    string `json:"kind"`
	Prefix  string `json:"prefix"`
	Service string `json:"service,omitempty"`
	Day     string `json:"day,omitempty"`
}

// String is _meta as JSON.
func (m ownMark) String() string {
	body, err := json.Marshal(map[string]ownMark{"loglode": m})
	if err != nil {
		panic(err) // strings and a number
	}
	return string(body)
}

func (n names) mark(kind string) ownMark {
	return ownMark{Schema: schema, Kind: kind, Prefix: n.prefix}
}

func settings(replicas int, more string) string {
	return fmt.Sprintf(`"settings":{"index":{"number_of_shards":1,"number_of_replicas":%d,"auto_expand_replicas":false%s}}`, replicas, more)
}

func keyword(names ...string) string {
	text := ""
	for _, name := range names {
		text += fmt.Sprintf(`%q:{"type":"keyword","ignore_above":8191},`, name)
	}
	return text
}

// linesIndex is the body that makes an index of lines. What no query reads is in
// the object entry, which is kept and not indexed. terms are those of our
// analyser, between blanks, so that every store ranks the same; they are not
// kept, since nothing updates a line.
func linesIndex(mark ownMark, alias string, replicas int) string {
	return fmt.Sprintf(`{%s,"mappings":{"_meta":%s,"dynamic":"false","_source":{"excludes":["terms","place","length","bytes"]},"properties":{`+
		keyword("id", "day", "cluster", "namespace", "service", "pod", "container", "node", "labels", "pattern", "uid", "reason", "object")+
		`"place":{"type":"keyword","index":false},"@timestamp":{"type":"date","format":"epoch_millis"},"time":{"type":"long"},"written":{"type":"long","index":false},`+
		`"level":{"type":"byte"},"kind":{"type":"byte"},"event_count":{"type":"unsigned_long"},"length":{"type":"integer"},"bytes":{"type":"integer"},`+
		`"terms":{"type":"text","analyzer":"whitespace","norms":false,"index_options":"freqs"},`+
		`"attributes":{"type":"flat_object"},"entry":{"type":"object","enabled":false}}},"aliases":{%q:{}}}`,
		settings(replicas, `,"codec":"best_compression"`), mark, alias)
}

// patternsIndex is the body that makes the index of patterns. Fields of vectors
// are added when a model's first one comes.
func patternsIndex(mark ownMark, replicas int) string {
	return fmt.Sprintf(`{%s,"mappings":{"_meta":%s,"dynamic":"false","properties":{`+
		keyword("id", "cluster", "namespace", "service", "pattern", "key", "terms", "models")+
		`"level":{"type":"byte"},"time":{"type":"long"},"written":{"type":"long"},"entry":{"type":"object","enabled":false}}}}`,
		settings(replicas, `,"knn":true`), mark)
}

// vectorsIndex is the body that makes the index of vectors by content and model:
// what was embedded once is never paid for again.
func vectorsIndex(mark ownMark, replicas int) string {
	return fmt.Sprintf(`{%s,"mappings":{"_meta":%s,"dynamic":"false","properties":{`+
		keyword("id", "key", "model")+`"vector":{"type":"keyword","index":false,"doc_values":false}}}}`, settings(replicas, ""), mark)
}

func placementIndex(mark ownMark, replicas int) string {
	return fmt.Sprintf(`{%s,"mappings":{"_meta":%s,"dynamic":"false","properties":{`+
		keyword("service", "day")+`"physical":{"type":"keyword"}}}}`, settings(replicas, ""), mark)
}

// vectorField is the mapping of a model's vectors. The engine MUST be lucene:
// where the native ones are missing, another takes the node down.
func vectorField(dimensions int) map[string]any {
	return map[string]any{
		"type": "knn_vector", "dimension": dimensions,
		"method": map[string]any{"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil", "parameters": map[string]any{"m": 16, "ef_construction": 100}},
	}
}
