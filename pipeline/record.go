package pipeline

import (
	"context"
	"errors"
	"time"
)

// Position names a record within a stream.
type Position struct {
	// Partition is the stream's ordered unit: a JetStream partition subject
	// ("0".."3"), a Kinesis shard ("shardId-000000000000").
	Partition string `json:"partition"`
	// Sequence is the record's decimal sequence number, ascending within a
	// partition. JetStream's fits 64 bits, Kinesis' needs 128.
	Sequence string `json:"sequence"`
}

// Record is one entry of a stream's partition as it was delivered. It may hold
// many lines.
type Record struct {
	Position
	// Key is the partition key it was written under (a lane, when it is ours).
	Key string
	// Data is the record's bytes. A Handler MUST NOT modify or keep them.
	Data []byte
	// Arrived is the stream's own arrival time.
	Arrived time.Time
}

// Handler consumes an ordered batch of one partition and returns how many
// leading records are finished: durably indexed or durably rejected. A Record
// of which some entries are written counts as unfinished.
//
// n < len(batch) requires an error, as in io.Writer. The caller may checkpoint
// batch[:n] and MUST redeliver batch[n:].
//
// Handle keeps no state between calls that changes what is written; it may run
// at once for different keys of a partition, and then the caller computes the
// contiguous prefix. When ctx ends it returns what is finished.
type Handler interface {
	Handle(ctx context.Context, batch []Record) (n int, err error)
}

// There are three outcomes for a piece of work and no more: finished (nil),
// try later (an error that wraps ErrTryLater), rejected (an error that wraps
// ErrRejected). An error that wraps neither means try later.
var (
	// ErrTryLater marks a fault outside the data: the store is full, away or
	// misconfigured. The work stays in the stream.
	ErrTryLater = errors.New("try later")
	// ErrRejected marks data that can never be accepted. It goes to the dead
	// letters with its reason.
	ErrRejected = errors.New("rejected")
)

// HintError is an error that a person must act on, with what to do about it.
type HintError struct {
	Err  error
	Hint string
}

func (e *HintError) Error() string { return e.Err.Error() }
func (e *HintError) Unwrap() error { return e.Err }

// WithHint attaches to err what a person can do about it.
func WithHint(err error, hint string) error { return &HintError{Err: err, Hint: hint} }
