package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// PatternID is the identity of a template: the first 128 bits of the SHA-256 of
// its text. The zero PatternID stands for none.
type PatternID [16]byte

// NewPatternID is the ID of a template.
func NewPatternID(template string) PatternID {
	sum := sha256.Sum256([]byte(template))
	return PatternID(sum[:16])
}

// IsZero says that there is no pattern.
func (id PatternID) IsZero() bool { return id == PatternID{} }

func (id PatternID) String() string { return hex.EncodeToString(id[:]) }

// ParsePatternID reads the 32 hexadecimal digits that PatternID.String writes.
func ParsePatternID(s string) (PatternID, error) {
	id, err := ParseID(s)
	if err != nil {
		return PatternID{}, fmt.Errorf("pattern ID %q is not 32 hexadecimal digits", s)
	}
	return PatternID(id), nil
}

// MarshalText implements encoding.TextMarshaler.
func (id PatternID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *PatternID) UnmarshalText(b []byte) (err error) {
	*id, err = ParsePatternID(string(b))
	return err
}

// Pattern is an entry's text with its variable parts masked. It is a function
// of that text alone, so that workers, restarts and replays agree. The zero
// Pattern is that of an entry without text.
type Pattern struct {
	ID PatternID
	// Template is the masked text; each variable part stands as "<*>".
	Template string
}

// PatternQuery asks for the patterns of lines. Filter, Text and Any select lines
// as in LineQuery.
type PatternQuery struct {
	Filter Filter
	Text   string
	Any    bool
}

// PatternGroup is what the selected lines of one pattern document are in
// numbers. Kind is part of what tells groups apart.
type PatternGroup struct {
	Pattern                     Pattern
	Cluster, Namespace, Service string
	Kind                        Kind
	// Level is the most severe one.
	Level Level
	// Lines is how many entries there are. Count is how often it happened: for
	// events the sum over UIDs of the highest Event.Count, else Lines.
	Lines, Count int64
	// First and Last are the earliest and the latest Time, Unix ns.
	First, Last int64
}

// CandidateQuery asks for pattern documents that may answer a question. Of
// Filter, only what pattern documents carry may be set: Clusters, Namespaces,
// Services, Patterns and Scopes.
type CandidateQuery struct {
	Filter Filter
	// Terms are distinct terms of the analyser.
	Terms []string
	// Vector is the question's, of unit length, in the space of Model; nil to
	// leave that leg out.
	Vector []float32
	Model  string
	// Limit is how many documents each leg returns at most.
	Limit int
}

// Candidate is a pattern document.
type Candidate struct {
	Pattern                     Pattern
	Cluster, Namespace, Service string
	// Masked is words that the template masks, of the line that made the
	// document or another of the same template and service.
	Masked string
	// Vector is the document's in the space of the query's Model, of unit length
	// but for rounding (stores may keep 8 bits a component); nil while it waits
	// to be embedded.
	Vector []float32
}

// Candidates is the union of both legs, each document once, in no order.
//
// The text leg is the documents that hold any of Terms, best sum of idf first;
// the vector leg those of the highest cosine. A document on the edge of a leg
// may be missing where stores search approximately.
type Candidates struct {
	Documents []Candidate
	// Total is how many documents the filter selects, Holding how many of them
	// hold each of Terms, Waiting how many have no vector yet. Documents of one
	// (cluster, namespace, service, pattern) on several days count once.
	Total   int64
	Holding []int64
	Waiting int64
}

// PatternReader is the read port of a store's patterns. A filter or text that
// cannot be understood is an error that wraps ErrRejected.
type PatternReader interface {
	// Groups returns the groups of the lines that match, in no order. Lines
	// without a pattern are in none.
	Groups(ctx context.Context, q PatternQuery) ([]PatternGroup, error)
	Candidates(ctx context.Context, q CandidateQuery) (Candidates, error)
}
