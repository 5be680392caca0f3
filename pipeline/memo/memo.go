// Package memo remembers what was worked out for a resource: redaction and drop
// rules see the same few resources line after line.
//
//	resource -> its slot: same pointer?  yes -> the answer
//	                                     no  -> work it out, Put
package memo

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/loglode/loglode/pipeline"
)

// Slots bounds a memo: a node runs some hundred containers, a consumer sees some
// thousand at once.
const Slots = 4096

// Resources keeps an answer of type V for resources, by their pointers: a
// resource MUST NOT change while it is used. Each pointer has one slot, and a
// newcomer replaces what is there. A slot holds the pointer it speaks of, so
// that its address cannot be used again while it is there. It may be used from
// several goroutines.
type Resources[V any] struct {
	seed  maphash.Seed
	slots [Slots]atomic.Pointer[answer[V]]
}

type answer[V any] struct {
	resource *pipeline.Resource
	value    V
}

// New returns an empty memo.
func New[V any]() *Resources[V] { return &Resources[V]{seed: maphash.MakeSeed()} }

// Get returns the answer for a resource; ok is false when it is not known, or
// not any more.
func (r *Resources[V]) Get(res *pipeline.Resource) (value V, ok bool) {
	if a := r.slot(res).Load(); a != nil && a.resource == res {
		return a.value, true
	}
	return value, false
}

// Put keeps the answer for a resource.
func (r *Resources[V]) Put(res *pipeline.Resource, value V) {
	r.slot(res).Store(&answer[V]{res, value})
}

func (r *Resources[V]) slot(res *pipeline.Resource) *atomic.Pointer[answer[V]] {
	return &r.slots[maphash.Comparable(r.seed, res)%Slots]
}
