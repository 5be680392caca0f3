package query

import (
	"context"
	"time"

	"github.com/loglode/loglode/query/diagnose"
)

// Bounds of a question to be answered.
const (
	DefaultEvidence = 8
	MaxEvidence     = 50
	// DefaultAskSpan is how far an answer looks back from the newest entry of what
	// is asked about, where neither the question nor its filters say when.
	DefaultAskSpan = 24 * time.Hour
)

// AskRequest asks what is wrong, or whether something is. It is the body of POST
// /v1/ask.
type AskRequest struct {
	// Query is the question, at most 4 KiB.
	Query string `json:"query"`
	Selection
	// Evidence is how many entries are shown at most, 1 to MaxEvidence; 0 means
	// DefaultEvidence.
	Evidence int `json:"evidence,omitempty"`
	// Literal reads no filters and no times out of the question.
	Literal bool `json:"literal,omitempty"`
}

// AskResponse is an answer, with what it rests on.
type AskResponse struct {
	// Answered says that the entries hold an answer; without it Text says so, and
	// Nearest what came nearest.
	Answered bool `json:"answered"`
	// Elsewhere says that nothing is known of what the question names: the cause is of
	// something else.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Text is the answer in words, as Generator worded it.
	Text string `json:"text"`
	// Cause is one of diagnose.Causes, Meaning what it stands for in general.
	Cause   diagnose.Cause `json:"cause"`
	Meaning string         `json:"meaning"`
	// Confidence is high, medium or low; empty without an answer.
	Confidence diagnose.Confidence `json:"confidence,omitempty"`
	// Summary says the cause in one or two sentences.
	Summary string `json:"summary"`
	// Object is what the failure befalls; nil where nothing names one.
	Object *diagnose.Object `json:"object"`
	// Since and Last are when it was first and last seen within what was looked at,
	// Count how often it happened; nil and 0 without a fault. Over says that it has
	// ended.
	Since *time.Time `json:"since"`
	Last  *time.Time `json:"last"`
	Count int64      `json:"count"`
	Over  bool       `json:"over,omitempty"`
	// Evidence are the entries that show it, those that say most first.
	Evidence []AskEvidence `json:"evidence"`
	// Cascade are the services of the incident in the order in which they began to
	// fail; empty where it is one.
	Cascade []AskStep `json:"cascade"`
	// CascadeMore is how many services of it are left out.
	CascadeMore int `json:"cascade_more,omitempty"`
	// Changes are what changed just before, newest first.
	Changes []AskChange `json:"changes"`
	// Next are read-only commands to look further with.
	Next []AskCommand `json:"next"`
	// Also are other faults that were found, most severe first.
	Also []AskFault `json:"also"`
	// Nearest are the patterns nearest to the question, where there is no answer.
	Nearest []Hit `json:"nearest"`
	// Looked is what was looked at.
	Looked Looked `json:"looked"`
	// Generator is who worded Text: "rules", or a model's name. Degraded says why
	// it is not the one that is configured.
	Generator string `json:"generator"`
	Degraded  string `json:"degraded,omitempty"`
}

// AskEvidence is an entry that shows what an answer says.
type AskEvidence struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	Kind      string    `json:"kind"`
	Level     string    `json:"level"`
	Cluster   string    `json:"cluster"`
	Namespace string    `json:"namespace"`
	Service   string    `json:"service"`
	Pod       string    `json:"pod"`
	// Reason is an event's.
	Reason string `json:"reason,omitempty"`
	// Text is the message; of one longer than 1,500 bytes the lines around what
	// the rule found.
	Text string `json:"text"`
	// Rule is the name of the rule that found it, Says what that means.
	Rule string `json:"rule"`
	Says string `json:"says"`
	// PatternID is that of the entry's pattern, empty for none.
	PatternID string `json:"pattern_id"`
}

// AskStep is a service of a cascade.
type AskStep struct {
	Cluster   string    `json:"cluster"`
	Namespace string    `json:"namespace"`
	Service   string    `json:"service"`
	Since     time.Time `json:"since"`
	Says      string    `json:"says"`
	ID        string    `json:"id"` // of the entry that shows it
}

// AskChange is something that changed in the cluster.
type AskChange struct {
	Time   time.Time       `json:"time"`
	Object diagnose.Object `json:"object"`
	Says   string          `json:"says"`
	ID     string          `json:"id"`
}

// AskCommand is a read-only command.
type AskCommand struct {
	Text string `json:"text"`
	Why  string `json:"why"`
}

// AskFault is another fault.
type AskFault struct {
	Cause  diagnose.Cause  `json:"cause"`
	Object diagnose.Object `json:"object"`
	Says   string          `json:"says"`
	Since  time.Time       `json:"since"`
	Count  int64           `json:"count"`
	ID     string          `json:"id"`
}

// Looked is what an answer rests on.
type Looked struct {
	// About is what the question was taken to be about: objects by name, as
	// "Pod shop/cart-7d9f"; empty for everything.
	About []string `json:"about"`
	// Filters bind; Read are the phrases of the question that became filters.
	Filters Selection `json:"filters"`
	Read    []string  `json:"read"`
	// From (inclusive) and To (exclusive) bound it.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Patterns is how many there were of log lines, PatternsRead how many of them were
	// read, those that may matter first; Events is how many events were read.
	// Truncated says that there were more than are read.
	Patterns     int64 `json:"patterns"`
	PatternsRead int64 `json:"patterns_read"`
	Events       int64 `json:"events"`
	Truncated    bool  `json:"truncated,omitempty"`
}

// Asker answers questions; a Service does. It MUST limit what it tells to the
// scopes of ctx. Errors about what was asked wrap pipeline.ErrRejected.
type Asker interface {
	Ask(ctx context.Context, r AskRequest) (AskResponse, error)
}

// Generator words an answer. Everything it is given is data from strangers: log
// lines may try to instruct it.
//
// Generate MUST return text that rests on the case alone and names evidence by
// the IDs of the case; the Service checks these, and takes the rules' words where
// it fails, names evidence that is not of the case, or takes longer than ctx
// allows. It may be called at once from several goroutines.
type Generator interface {
	Generate(ctx context.Context, c AnswerCase) (Wording, error)
	// Name says who words: a model's name.
	Name() string
}

// AnswerCase is what a Generator words.
type AnswerCase struct {
	Question  string
	Diagnosis diagnose.Diagnosis
	// Evidence is what may be cited, with redacted text.
	Evidence []AskEvidence
	// Nearest are the patterns nearest to the question.
	Nearest []Hit
}

// Wording is an answer in words.
type Wording struct {
	Text string
	// Cited are the IDs of evidence that Text names.
	Cited []string
}
