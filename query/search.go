package query

import "time"

// Bounds of a search.
const (
	DefaultHits     = 10
	MaxHits         = 200
	DefaultExamples = 3
	MaxExamples     = 20
)

// SearchRequest asks a question in words. It is the body of POST /v1/search.
type SearchRequest struct {
	// Query is the question, at most 4 KiB.
	Query string `json:"query"`
	Selection
	// Limit is how many hits are returned, 1 to MaxHits; 0 means DefaultHits.
	Limit int `json:"limit,omitempty"`
	// Examples is how many lines are shown of each hit, 0 to MaxExamples; nil
	// means DefaultExamples.
	Examples *int `json:"examples,omitempty"`
	// Literal takes the query as it stands: no filters and no times are read out
	// of it.
	Literal bool `json:"literal,omitempty"`
	// Leg limits the candidates to those of one leg, to measure it: text or
	// vector; empty for both. With text the score is coverage alone, with vector
	// the cosine alone.
	Leg string `json:"leg,omitempty"`
}

// SearchResponse is the patterns that answer a question, best first.
type SearchResponse struct {
	Hits       []Hit      `json:"hits"`
	Understood Understood `json:"understood"`
	// Patterns is how many pattern documents were in question; Waiting of them
	// have no vector yet and were found by words alone.
	Patterns int64 `json:"patterns"`
	Waiting  int64 `json:"waiting"`
	// Degraded says what was left out, where the embedder did not answer; empty
	// else.
	Degraded string `json:"degraded,omitempty"`
}

// Hit is a pattern: its documents of all days and services that the filters
// leave are one.
type Hit struct {
	PatternID string `json:"pattern_id"`
	Template  string `json:"template"`
	Kind      string `json:"kind"`
	// Service and Namespace (and Cluster) are those of the document that ranked
	// best; Also are the others, most lines first, at most 10 of them.
	Service   string `json:"service"`
	Namespace string `json:"namespace"`
	Cluster   string `json:"cluster"`
	// Level is the most severe of its lines.
	Level string `json:"level"`
	// Count is how often it happened within the filters: lines, and for events
	// the sum over their UIDs of the highest count.
	Count     int64     `json:"count"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	Score     float64   `json:"score"`
	// Examples are lines of it, of Cluster, Namespace and Service: the newest that
	// hold a token of the question first, then a sample, always the same one.
	Examples []Example `json:"examples"`
	Also     []Place   `json:"also,omitempty"`
}

// Example is a line of a hit.
type Example struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	Namespace string    `json:"namespace"`
	Pod       string    `json:"pod"`
	Message   string    `json:"message"`
}

// Place is where else a pattern occurs.
type Place struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	Count     int64  `json:"count"`
}

// Understood is what was made of a question.
type Understood struct {
	// Text is what was ranked by: the question without what became a filter.
	Text string `json:"text"`
	// Terms are the analyser's terms of Text, Unknown the words whose term no pattern
	// holds, but for those that only ask (why, how).
	Terms   []string `json:"terms"`
	Unknown []string `json:"unknown"`
	// Tokens are the parts of the question that templates mask (an ID, an
	// address) and that were looked up in lines.
	Tokens []Token `json:"tokens"`
	// Filters are all that bind, those given and those read out of the
	// question; Read names the phrases that became filters, as they stood.
	Filters Selection `json:"filters"`
	Read    []string  `json:"read"`
}

// Token is a part of a question that was looked up in lines.
type Token struct {
	Token string `json:"token"`
	// Lines is how many lines hold it, Patterns how many patterns those have.
	Lines    int64 `json:"lines"`
	Patterns int64 `json:"patterns"`
}
