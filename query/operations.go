package query

import (
	"context"
	"encoding/hex"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/audit"
	"github.com/loglode/loglode/pipeline/embedding"
)

// DeadLetterBox is what was rejected, as operators see it.
type DeadLetterBox interface {
	// DeadLetters lists letters, newest first. Errors about q wrap
	// pipeline.ErrRejected.
	DeadLetters(ctx context.Context, q DeadLetterQuery) (DeadLetterPage, error)
	// DeadLetter returns one letter, or pipeline.ErrNotFound.
	DeadLetter(ctx context.Context, id pipeline.ID) (DeadLetter, error)
	// Redrive handles letters again, as if the stream had just delivered them.
	// What is indexed now leaves the box, the rest stays in it. It may be
	// called again with the same letters.
	Redrive(ctx context.Context, q RedriveRequest) (RedriveReport, error)
}

// DeadLetterQuery asks for a page of letters.
type DeadLetterQuery struct {
	Reason string // exact; empty for all
	Limit  int    // 1 to MaxLimit
	Cursor string // DeadLetterPage.Next of the page before
}

// DeadLetterPage is one page of letters. Its letters MAY lack their previews.
type DeadLetterPage struct {
	Letters []DeadLetter `json:"letters"`
	Next    string       `json:"next"`
}

// RedriveRequest names letters: those of IDs or, when there are none, all of a
// reason; all letters when both are empty.
type RedriveRequest struct {
	IDs    []pipeline.ID
	Reason string
}

// RedriveReport says what became of the letters.
type RedriveReport struct {
	Redriven int `json:"redriven"` // handled; no longer dead letters
	Kept     int `json:"kept"`     // rejected again
}

// DeadLetter is a pipeline.DeadLetter as it is shown.
type DeadLetter struct {
	ID     pipeline.ID `json:"id"`
	At     time.Time   `json:"at"`
	Reason string      `json:"reason"`
	Detail string      `json:"detail"`
	pipeline.Lineage
	Whole bool `json:"whole"`
	// Bytes is the size of what was rejected.
	Bytes int `json:"bytes"`
	// Preview is its redacted text, at most 2 KiB, control characters and
	// bytes that are no text written out.
	Preview string `json:"preview"`
}

const (
	maxPreview = 2 << 10
	// binaryPreview is how many bytes of something that is no text are shown:
	// enough to know what it is, too few to be unpacked.
	binaryPreview = 32
)

// NewDeadLetter is the shown form of a letter. redact replaces secrets in text;
// it is called on all of the data before it is cut, so that no half of a secret
// is left over. Data that is no text is shown as a few bytes in hexadecimal:
// what is compressed cannot be redacted.
func NewDeadLetter(l pipeline.DeadLetter, redact func(string) string) DeadLetter {
	return DeadLetter{
		ID: l.ID, At: l.At.UTC(), Reason: l.Reason, Detail: cut(Printable(redact(l.Detail))),
		Lineage: l.Lineage, Whole: l.Whole, Bytes: max(len(l.Data), l.Size), Preview: preview(l.Data, redact),
	}
}

func preview(data []byte, redact func(string) string) string {
	if binary(data) {
		return "binary: " + hex.EncodeToString(data[:min(len(data), binaryPreview)])
	}
	return cut(Printable(redact(string(data))))
}

// cut shortens text to maxPreview bytes, at the end of a character.
func cut(s string) string {
	if len(s) <= maxPreview {
		return s
	}
	end := maxPreview
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// binary reports whether more than one in ten characters of the data's start
// are none that text has.
func binary(data []byte) bool {
	head := data[:min(len(data), maxPreview)]
	runes, odd := 0, 0
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		if (r == utf8.RuneError && size == 1) || (unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r') {
			odd++
		}
		runes++
		head = head[size:]
	}
	return odd*10 > runes
}

// StatusReporter says how loglode is.
type StatusReporter interface {
	Status(ctx context.Context) (Status, error)
}

// Status is how loglode is. Counts of sources are since it started, all others
// since the data directory was made.
type Status struct {
	Version  string                  `json:"version"`
	Started  time.Time               `json:"started"`
	Data     string                  `json:"data"` // the directory
	Stream   StreamStatus            `json:"stream"`
	Index    IndexStatus             `json:"index"`
	Patterns PatternStatus           `json:"patterns"`
	Sources  map[string]SourceStatus `json:"sources"` // by name: tail, http, file
	// Lost counts files of which something was gone before it was read, by
	// reason.
	Lost map[string]int64 `json:"lost"`
	// Rejected by reason, Dropped and Redacted by rule.
	Rejected map[string]int64 `json:"rejected"`
	Dropped  map[string]int64 `json:"dropped"`
	Redacted map[string]int64 `json:"redacted"`
	Disk     DiskStatus       `json:"disk"`
	// Cost is by day, oldest first; none where vectors cost nothing.
	Cost []DayCost `json:"cost,omitempty"`
}

// DayCost is what was spent on vectors of a provider ("bedrock", "openai") on a
// UTC day. The last day may hold what calls under way can cost at most.
type DayCost struct {
	Provider string `json:"provider"`
	embedding.DayUsage
}

// StreamStatus describes the stream.
type StreamStatus struct {
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"`
	// Lag is the number of records of each partition that wait to be indexed.
	Lag map[string]int64 `json:"lag"`
}

// IndexStatus describes the store of lines.
type IndexStatus struct {
	// Error says that the store did not answer, and why; what else is said of it is
	// nothing then.
	Error string `json:"error,omitempty"`
	// Damaged are the days whose files cannot be read.
	Damaged []string `json:"damaged"`
	Days    int      `json:"days"`
	Entries int64    `json:"entries"`
	Bytes   int64    `json:"bytes"`
	// Shards of the cluster, and how many it may have; nil where the store is none.
	Shards *ShardStatus `json:"shards,omitempty"`
}

// ShardStatus is how many shards a cluster has, those of others included.
type ShardStatus struct {
	Open  int `json:"open"`
	Limit int `json:"limit"`
	// Scarce says that indices can soon not be made any more.
	Scarce bool `json:"scarce"`
}

// PatternStatus describes the patterns of all days.
type PatternStatus struct {
	// Documents is how many there are, one for each service that has a pattern;
	// Waiting of them have no vector of Model yet.
	Documents int64 `json:"documents"`
	Waiting   int64 `json:"waiting"`
	// Model is the embedder; empty when there is none.
	Model string `json:"model"`
	// Next takes its place once all documents have its vectors; nil: no change of
	// model is under way.
	Next *NextModel `json:"next,omitempty"`
	// Unpatterned is how many lines were indexed without their pattern, since
	// there were too many.
	Unpatterned int64 `json:"unpatterned"`
}

// NextModel is a change of model under way.
type NextModel struct {
	Model string `json:"model"`
	// Waiting is how many documents have no vector of it yet.
	Waiting int64 `json:"waiting"`
}

// SourceStatus describes where lines come from.
type SourceStatus struct {
	Lines   int64 `json:"lines"`
	Entries int64 `json:"entries"`
	Bytes   int64 `json:"bytes"`
	// Files is the number of files that are followed.
	Files int `json:"files"`
	// Behind is the number of bytes that are there but not read yet.
	Behind int64 `json:"behind"`
	// Error is what a person must look at; empty when all is well.
	Error string `json:"error"`
}

// DiskStatus describes the file system of the data directory, in bytes.
type DiskStatus struct {
	Free int64 `json:"free"`
	// MinFree is where loglode stops to take lines in.
	MinFree int64 `json:"min_free"`
}

// IndexKeeper is what the lines lie in, as operators see it.
type IndexKeeper interface {
	// Indices lists physical indices, oldest first.
	Indices(ctx context.Context) ([]pipeline.IndexInfo, error)
	// Prune deletes days, and counts their entries as dropped. One that fails
	// halfway has deleted the days that its report names, and may be repeated.
	Prune(ctx context.Context, q PruneRequest) (PruneReport, error)
}

// IndicesResponse lists physical indices.
type IndicesResponse struct {
	Indices []pipeline.IndexInfo `json:"indices"`
}

// PruneRequest says which days are deleted.
type PruneRequest struct {
	// Before is a day ("2021-08-03"); those before it are deleted.
	Before string
	// DryRun reports what would be deleted.
	DryRun bool
}

// PruneReport says which days were deleted.
type PruneReport struct {
	Days    []pipeline.DayInfo `json:"days"`
	Entries int64              `json:"entries"`
	Bytes   int64              `json:"bytes"`
	DryRun  bool               `json:"dry_run"`
}

// Auditor compares the stream with the index.
type Auditor interface {
	// Audit looks at from <= Time < to (Unix ns; 0 is open).
	Audit(ctx context.Context, from, to int64) (audit.Report, error)
}
