package tail

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
)

// numbersBucket of the durable State holds where the numbers of each file's
// contexts stopped: "<identity>/<context>" -> time, count. It is written with
// the file's mark, for the contexts of the batch alone.
const numbersBucket = "tail-numbers"

// maxMarks bounds the contexts that are remembered of a file, and of all files.
const maxMarks = 65536

// lane is how far from a foreign tail a file's numbers begin. A unit (an HTTP
// body, a file load) goes on from the same tail one by one.
const lane = 1 << 40

// base is what a context's numbers go on from in a batch of f, whose first line
// of it has time at.
//
// In a generation that has had the context, that is where it stopped, whatever
// the time: lines whose time goes back get their Origin. In one that has not, it
// is a border, where a mark counts only at the time of the first line. At any
// other time numbers begin anew, so that lines which came before on another way,
// or from a copy of the file, get the numbers that they got then; the Ledger
// does the same at the borders of units. Whose mark lies furthest at that time
// is gone on from: this or another followed file's (the generation before), or
// the Ledger's tail.
//
// A tail that no followed file has made is a unit's, and at this moment another
// unit may be numbering on from it that has saved nothing yet. It is not asked
// for and nothing is locked: on a lane of their own the numbers meet nobody's,
// and gaps are harmless. The price: the lines of the tail's very time that come
// by both ways may be two.
//
// Behind a followed file's own marks there is no such lane, since a load of the
// same files must give the same numbers. So a unit that is read at the very
// moment, and brings other lines of the same container, time and text, is the
// one case in which two become one (docs/decisions/0011).
func (t *Tailer) base(to *turn, f *file, k collect.Key, at int64) (base collect.Mark, ok bool, err error) {
	if m, had := f.marks[k]; had && m.Time != at {
		return m, true, nil
	}
	own := []map[collect.Key]collect.Mark{f.marks, to.marks, t.last}
	if f.after != nil {
		own = append(own, f.after.marks)
	}
	for _, marks := range own {
		if m, has := marks[k]; has && m.Time == at && (!ok || m.Count > base.Count) {
			base, ok = m, true
		}
	}
	tail, has, err := t.o.Ledger.Tail(context.Background(), k)
	if err != nil {
		return collect.Mark{}, false, fmt.Errorf("read tail: %w", err)
	}
	if has && tail.Time == at && (!ok || tail.Count > base.Count) {
		base, ok = collect.Mark{Time: at, Count: tail.Count + lane}, true
	}
	return base, ok, nil
}

// advance moves marks onward to those of a batch, never back.
func advance(marks, to map[collect.Key]collect.Mark) {
	for k, m := range to {
		if was, ok := marks[k]; !ok || m.Time > was.Time || m.Time == was.Time && m.Count > was.Count {
			marks[k] = m
		}
	}
}

func (t *Tailer) advance(to map[collect.Key]collect.Mark) {
	if len(t.last)+len(to) > maxMarks {
		clear(t.last) // the Ledger's tails are there
	}
	advance(t.last, to)
}

// resumeNumbers reads where the numbers of the last run's files stopped. Of
// files that are not known any more it is forgotten.
func (t *Tailer) resumeNumbers(ctx context.Context, files []*file) error {
	byIdentity := map[string]*file{}
	for _, f := range files {
		byIdentity[f.mark.Identity] = f
	}
	err := t.o.State.List(ctx, numbersBucket, func(key string, value []byte) error {
		identity, k, m, err := decodeNumber(key, value)
		if err != nil {
			return err
		}
		f := byIdentity[identity]
		if f == nil || len(f.marks) >= maxMarks {
			t.forget = append(t.forget, pipeline.StateItem{Bucket: numbersBucket, Key: key})
			return nil
		}
		f.marks[k] = m
		return nil
	})
	for _, f := range files {
		t.advance(f.marks)
	}
	return err
}

func numberKey(identity string, k collect.Key) string {
	return identity + "/" + hex.EncodeToString(k[:])
}

func numberItem(identity string, k collect.Key, m collect.Mark) pipeline.StateItem {
	value := binary.BigEndian.AppendUint64(nil, uint64(m.Time))
	return pipeline.StateItem{Bucket: numbersBucket, Key: numberKey(identity, k), Value: binary.BigEndian.AppendUint64(value, m.Count)}
}

func decodeNumber(key string, value []byte) (identity string, k collect.Key, m collect.Mark, err error) {
	identity, context, _ := strings.Cut(key, "/")
	raw, err := hex.DecodeString(context)
	if err != nil || len(raw) != len(k) || len(value) != 16 {
		return "", k, m, fmt.Errorf("decode number %s of %d bytes: it is not one of ours", key, len(value))
	}
	m = collect.Mark{Time: int64(binary.BigEndian.Uint64(value)), Count: binary.BigEndian.Uint64(value[8:])}
	return identity, collect.Key(raw), m, nil
}
