package pipeline

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Kind says what an entry is.
type Kind uint8

// The kinds of entry. Their numbers are stored: append, never renumber.
const (
	KindLog   Kind = 0 // a line of a container's or an application's log
	KindEvent Kind = 1 // a Kubernetes v1.Event
	KindNode  Kind = 2 // a line of a node's journal
)

var kindNames = [...]string{"log", "event", "node"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// ParseKind reads the name of a kind.
func ParseKind(s string) (Kind, error) {
	for i, n := range kindNames {
		if n == s {
			return Kind(i), nil
		}
	}
	return 0, fmt.Errorf("kind %q is none of log, event, node", s)
}

// Level is an entry's severity.
type Level uint8

// The levels, least severe first. Their numbers are stored: never renumber.
const (
	LevelUnknown Level = 0
	LevelTrace   Level = 1
	LevelDebug   Level = 2
	LevelInfo    Level = 3
	LevelWarn    Level = 4
	LevelError   Level = 5
	LevelFatal   Level = 6
)

var levelNames = [...]string{"", "trace", "debug", "info", "warn", "error", "fatal"}

// String is the level's name; the empty string for LevelUnknown.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level-%d", uint8(l))
}

// LevelByName reads the exact lower-case name of a level ("warn"). Package
// parse knows the many spellings that logs use.
func LevelByName(s string) (Level, error) {
	for i, n := range levelNames {
		if i > 0 && n == s {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("level %q is none of trace, debug, info, warn, error, fatal", s)
}

// Resource is what wrote an entry. It is shared by all entries of one writer:
// nothing may change it once it is built.
type Resource struct {
	Cluster   string            `json:"cluster,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Pod       string            `json:"pod,omitempty"`
	PodUID    string            `json:"pod_uid,omitempty"`
	Container string            `json:"container,omitempty"`
	Node      string            `json:"node,omitempty"`
	Owner     string            `json:"owner,omitempty"` // the controller's name: a Deployment's, not its ReplicaSet's
	Labels    map[string]string `json:"labels,omitempty"`
}

// RawEntry is one line or event as it stands in the stream: collected, joined,
// numbered and redacted by its source, not yet parsed.
type RawEntry struct {
	// Time is the collector's time in Unix ns (the container runtime's, the
	// journal's); 0 where the source has none. It is never read from the text.
	Time int64
	// Occurrence tells entries apart that share container, stream and Time.
	Occurrence uint64
	// Origin is set where Time is 0: "<file or chunk identity>@<byte offset>".
	Origin string
	// Read is when a source without times of its own read the entry, Unix ns,
	// recorded durably by the source so that a retry carries the same; 0 else.
	// It is the last resort for the entry's time and no part of its identity.
	Read int64
	// Stream is stdout, stderr, journal, or empty.
	Stream string
	Kind   Kind
	// Resource is never nil.
	Resource *Resource
	// Message is the text as collected, UTF-8; for KindEvent the whole Event
	// object as JSON.
	Message string
}

// ID is an entry's identity: the first 128 bits of a SHA-256. See [LineID].
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads the 32 hexadecimal digits that ID.String writes.
func ParseID(s string) (ID, error) {
	var id ID
	if hex.DecodedLen(len(s)) != len(id) {
		return id, fmt.Errorf("entry ID %q is not 32 hexadecimal digits", s)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return id, fmt.Errorf("entry ID %q is not 32 hexadecimal digits", s)
	}
	return id, nil
}

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// Lineage is where in the stream a document came from.
type Lineage struct {
	Position
	// Sub is the sub-record's number in an aggregated record, else 0.
	Sub int `json:"sub"`
	// Index is the entry's place within the (sub-)record, from 0.
	Index int `json:"index"`
}

// Attribute is one field of a structured line. Value is JSON text of any type.
type Attribute struct {
	Key   string
	Value string
}

// Entry is one log line or Kubernetes event, normalised: what a document is
// made of.
type Entry struct {
	ID ID
	// Time is Unix ns, UTC. Service and the UTC day of Time name the index.
	Time int64
	// CollectorTime is RawEntry.Time: what the ID holds. It differs from Time
	// for events, for lines without a collector's time, and where a time in
	// the future was replaced.
	CollectorTime int64
	Occurrence    uint64
	Origin        string
	Stream        string
	Kind          Kind
	Level         Level
	Service       string
	Resource      *Resource
	// Raw is RawEntry.Message. Message and Attributes are views of it: package
	// parse derives them again from (Kind, Raw), so a store may keep Raw alone.
	Raw        string
	Message    string
	Attributes []Attribute
	// Pattern is derived from Message and Attributes, and shares its template
	// with all entries of the pattern.
	Pattern Pattern
	// Event is set for KindEvent.
	Event   *Event
	Lineage Lineage
}

// Event is what joins a Kubernetes event to other entries.
type Event struct {
	UID             string
	ResourceVersion string
	// Count is how often the event was seen so far (count or series.count, at
	// least 1). Occurrences of a UID are its highest Count, never a sum.
	Count  uint64
	Reason string
	// Object* name what the event is about: the join key with logs.
	ObjectKind, ObjectNamespace, ObjectName string
}

// Day is the UTC day of the entry's index, "2021-08-03".
func (e *Entry) Day() string { return Day(e.Time) }

// Day is the UTC day of a time in Unix ns, "2021-08-03".
func Day(unixNano int64) string {
	return time.Unix(0, unixNano).UTC().Format(time.DateOnly)
}

// Outcome says what became of an entry.
type Outcome uint8

// The outcomes of writing an entry.
const (
	Created  Outcome = iota // a new document, durable
	Exists                  // the document was there already: success
	Rejected                // it can never be written; Reason says why
)

// ErrNotFound says that no entry or dead letter has the ID asked for.
var ErrNotFound = errors.New("not found")
