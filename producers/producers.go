// Package producers brings raw entries into a stream. What every source shares
// is here; the sources themselves and the streams they write to are below it.
//
//	tail, file, ingesthttp -> collect.Collector -> Batch (policy, redaction, lanes) -> Publisher
//	                                        |
//	                                      Ledger: what a retry must repeat, durable before anything is published
package producers

import (
	"context"
	"fmt"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/loglode/loglode/pipeline"
)

// Outgoing is a record on its way into a stream.
type Outgoing struct {
	// Key is the partition key: records of one key keep their order.
	Key  string
	Data []byte
}

// ErrFull says that the stream has no room: its consumers are behind. Sources
// wait, HTTP answers 429.
var ErrFull = fmt.Errorf("%w: the stream is full", pipeline.ErrTryLater)

// Publisher is the port to a stream.
//
// Publish appends the records, those of one key in the order given, and
// returns their positions once all of them are durable. When it fails, any of
// them may be in the stream: the caller publishes all of them again, and IDs
// make the repeats harmless. Errors wrap pipeline.ErrTryLater (ErrFull when
// there is no room), or pipeline.ErrRejected for a record that this stream can
// never take.
type Publisher interface {
	Publish(ctx context.Context, records []Outgoing) ([]pipeline.Position, error)
}

// lanesPerNode is how many lanes a node's pods share: enough to spread a busy
// node over partitions, few enough that records are full.
const lanesPerNode = 4

// Lane is the partition key of a resource's entries: "<node>/<hash of the pod>
// mod 4". A pod keeps its lane, so its order holds.
func Lane(r *pipeline.Resource) string {
	pod := r.PodUID
	if pod == "" {
		pod = r.Namespace + "/" + r.Pod
	}
	if r.Pod == "" && r.PodUID == "" {
		pod += r.Container
	}
	return r.Node + "/" + strconv.FormatUint(xxh3.HashString(pod)%lanesPerNode, 10)
}
