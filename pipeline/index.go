package pipeline

import (
	"context"
	"time"
)

// WriteResult is what became of one entry of a Write.
type WriteResult struct {
	Outcome Outcome
	// Reason is set when Outcome is Rejected: a short constant such as
	// "too_large", fit for a metric's label.
	Reason string
	// Unpatterned says that a new document was stored without its pattern: its
	// service, or its day, has more patterns than the store keeps.
	Unpatterned bool
}

// Index is the write port of a store of lines.
//
// Write creates one document for each entry, in the index of its service and
// UTC day, and with it the document of its pattern, of which there is one for
// each (cluster, namespace, service, pattern) of that index. It fills results[i]
// for entries[i] (len(results) == len(entries)).
// When it returns nil, every Created and Exists document is durable: it
// survives a kill -9 and a power cut. A document whose ID is there already is
// left as it is and reported as Exists, also when the ID stands twice in one
// call. When it returns an error, any part of the entries may have been
// written, results mean nothing, and the same call may be made again. An error
// never concerns the data: what cannot be stored is Rejected in results.
//
// Write may be called at once from several goroutines. It MUST NOT keep
// entries or what they point to, Resources excepted.
type Index interface {
	Write(ctx context.Context, entries []Entry, results []WriteResult) error
}

// Filter selects entries. Empty fields select everything; values within a
// field are alternatives, fields are joined by and.
type Filter struct {
	Clusters   []string
	Namespaces []string
	Services   []string
	// Pods, Containers and Nodes match exactly; a value that ends in * matches
	// by prefix.
	Pods       []string
	Containers []string
	Nodes      []string
	Levels     []Level
	Kinds      []Kind
	Patterns   []PatternID
	// Labels must all be there with exactly this value.
	Labels map[string]string
	// From is inclusive, To exclusive, Unix ns; 0 is open.
	From, To int64
	// Scopes, if not nil, limits the reader: an entry must lie in one of them.
	// It is set by access control, not by users; empty selects nothing.
	Scopes []Scope
}

// Scope is one tenant's part of the entries: a namespace of a cluster. An empty
// field stands for any.
type Scope struct{ Cluster, Namespace string }

// Order is how lines are sorted.
type Order uint8

// The orders of lines.
const (
	NewestFirst Order = iota // by Time descending; ties by stream position, descending
	OldestFirst              // the exact reverse
	ByRank                   // by BM25 of Text, ties newest first
)

// LineQuery asks for lines.
type LineQuery struct {
	Filter Filter
	// Text is a query in the analyser's terms; empty for none. Words must all
	// occur (Any false) or at least one (Any true); "quoted words" must also
	// stand in the message in this order; word* matches by prefix; -word must
	// not occur.
	Text  string
	Any   bool
	Order Order
	// Limit is the largest number of lines returned; stores may lower it to
	// their maximum (10,000).
	Limit int
	// Cursor is LinePage.Next of the page before, with the same query.
	Cursor string
}

// Line is a document as it is read back.
type Line struct {
	Entry
	// Score is the BM25 score when the order was ByRank.
	Score float64
}

// LinePage is one page of lines.
type LinePage struct {
	Lines []Line
	// Next continues after the last line; empty when there are no more.
	Next string
}

// Stored is what an audit needs of a document.
type Stored struct {
	ID      ID
	Time    int64
	Kind    Kind
	Lineage Lineage
	// Content is ContentHash of the entry as it was stored, Text its TextHash.
	Content, Text uint64
	// Numbered says that it is a line with a time of its collector that an
	// occurrence number tells from others, Placed that its Origin does.
	Numbered, Placed bool
}

// NewStored is what an audit needs of an entry.
func NewStored(e *Entry) Stored {
	timed := e.Kind != KindEvent && e.CollectorTime != 0
	return Stored{ID: e.ID, Time: e.Time, Kind: e.Kind, Lineage: e.Lineage, Content: e.ContentHash(), Text: e.TextHash(),
		Numbered: timed && e.Origin == "", Placed: timed && e.Origin != ""}
}

// LineReader is the read port of a store of lines.
type LineReader interface {
	// Lines answers a query. A query that cannot be understood (a bad cursor)
	// is an error that wraps ErrRejected.
	Lines(ctx context.Context, q LineQuery) (LinePage, error)
	// Line returns one entry by its ID, or ErrNotFound.
	Line(ctx context.Context, id ID) (Line, error)
	// Follow returns entries that match q's filter and text in the order in
	// which they were written, after cursor; with the empty cursor it returns
	// no lines and a cursor that stands at the end. Next is always set.
	Follow(ctx context.Context, q LineQuery, cursor string) (LinePage, error)
	// Scan calls fn for every document with from <= Time < to (0 is open), in
	// no order, until fn fails.
	Scan(ctx context.Context, from, to int64, fn func(Stored) error) error
	// Days lists the days that hold documents, oldest first.
	Days(ctx context.Context) ([]DayInfo, error)
}

// DayInfo describes one day's part of a store.
type DayInfo struct {
	Day     string `json:"day"` // "2021-08-03"
	Entries int64  `json:"entries"`
	Bytes   int64  `json:"bytes"`
}

// IndexInfo describes one physical index of a store: a day of a service, or of
// all services that share one.
type IndexInfo struct {
	Name string `json:"name"`
	// Service is whose it is; empty where several share it.
	Service string `json:"service"`
	DayInfo
	// Sealed says that the day is over for it: merged, and closed to writes until a
	// late line comes.
	Sealed bool `json:"sealed,omitempty"`
}

// DeadLetter is a record, or one entry of it, that can never be indexed.
type DeadLetter struct {
	// ID is a function of position, place and reason: adding it again changes
	// nothing.
	ID ID `json:"id"`
	// Where it came from: a stream's position, or a source's name and offset.
	Lineage Lineage `json:"lineage"`
	// Whole says that all of the record was rejected, not one entry.
	Whole bool `json:"whole"`
	// Reason is a short constant ("corrupt_record"), Detail the error's text.
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	// Data is the record's bytes, a record of the one entry, or the beginning of
	// a line that was too long. It may hold secrets when a foreign producer wrote
	// it: stores encrypt it.
	Data []byte `json:"-"`
	// Size is the length of Data in bytes; stores set it where they leave Data
	// out.
	Size int       `json:"size"`
	At   time.Time `json:"at"`
}

// DeadLetters keeps what was rejected. Add is durable when it returns nil and
// idempotent by ID.
type DeadLetters interface {
	Add(ctx context.Context, letters []DeadLetter) error
}

// State is a small durable key-value store for what sources and consumers must
// remember: offsets, occurrence numbers, identities of files.
type State interface {
	// Get returns nil for a key that is not there.
	Get(ctx context.Context, bucket, key string) ([]byte, error)
	// Put writes all of it or nothing, durable when it returns nil. A nil Value
	// deletes the key.
	Put(ctx context.Context, items []StateItem) error
	// List calls fn for every key of a bucket, sorted by key, until fn fails.
	List(ctx context.Context, bucket string, fn func(key string, value []byte) error) error
}

// StateItem is one key and its value.
type StateItem struct {
	Bucket, Key string
	Value       []byte
}
