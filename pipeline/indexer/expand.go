package indexer

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/pipeline/pattern"
	"github.com/loglode/loglode/pipeline/policy"
	"github.com/loglode/loglode/pipeline/redact"
	"github.com/loglode/loglode/pipeline/wire"
)

// Rules are what our sources apply before the stream and the consumer applies
// to records that did not come from them.
type Rules struct {
	Redactor *redact.Redactor
	Policy   *policy.Policy
	// Digest of both: a record that carries it has had them applied.
	Digest uint32
	// Retention, if not 0, is the age past which an entry is not indexed any
	// more; its age is counted from the record's send time.
	Retention time.Duration
	// AsWritten takes the records of our sources as they are, whatever their
	// digest, and refuses nothing by age: an audit asks what a record holds, not
	// what today's rules make of it.
	AsWritten bool
	// MaxRecord bounds a record's decoded size, MaxLine a line of a foreign
	// record, in bytes.
	MaxRecord, MaxLine int
}

// Expander turns records into entries. What it makes of a record is a function
// of the record and the rules alone, so an audit that expands the same record
// gets the same entries. It is not safe for concurrent use.
type Expander struct {
	rules     Rules
	decoder   *wire.Decoder
	normalise *normalise.Normaliser
	miner     *pattern.Miner
	encoder   *wire.Encoder
}

// Refused is an entry that a record holds and the index will not.
type Refused struct {
	Sub, Index int
	// Dropped names the drop rule, or is empty.
	Dropped string
	// Rejected is a reason; Detail and Data go to the dead letters.
	Rejected, Detail string
	Data             []byte
}

// Expansion is what a record holds.
type Expansion struct {
	// Entries are to be indexed. They are appended to the slice given.
	Entries []pipeline.Entry
	Refused []Refused
	// Redacted counts replacements that the consumer made, by rule.
	Redacted map[string]int
	// Sent is the record's send time, Unix ns.
	Sent int64
	// Current says that the record is ours and that its source applied the rules
	// of today.
	Current bool
	// Future counts times in the future that were replaced.
	Future uint64
}

// NewExpander makes an Expander.
func NewExpander(r Rules) (*Expander, error) {
	decoder, err := wire.NewDecoder(r.MaxRecord)
	if err != nil {
		return nil, err
	}
	compress, err := wire.NewCompressor()
	if err != nil {
		return nil, err
	}
	return &Expander{rules: r, decoder: decoder, normalise: normalise.New(), miner: pattern.New(), encoder: wire.NewEncoder(compress)}, nil
}

// seal makes a record of one entry that has had the rules applied. sent is in
// Unix ns.
func (x *Expander) seal(raw *pipeline.RawEntry, sent int64) []byte {
	if err := x.encoder.Add(raw); err != nil {
		return []byte(raw.Message) // cannot be: the resource is plain data
	}
	return x.encoder.Seal(sent, x.rules.Digest)
}

// Expand appends the entries of rec to dst. An error wraps pipeline.ErrRejected
// when the record as a whole can never be read, or pipeline.ErrTryLater when it
// must wait.
func (x *Expander) Expand(rec *pipeline.Record, dst []pipeline.Entry) (Expansion, error) {
	out := Expansion{Entries: dst}
	decoded, err := x.decoder.Decode(rec.Data)
	if err != nil {
		return out, err
	}
	if decoded.Ours {
		out.Sent, out.Current = decoded.Header.Sent, decoded.Header.Digest == x.rules.Digest
		trusted := out.Current || x.rules.AsWritten
		for i := range decoded.Entries {
			raw, place := &decoded.Entries[i], pipeline.Lineage{Position: rec.Position, Index: i}
			if trusted {
				x.entry(&out, raw, place, decoded.Header.Sent)
			} else {
				x.ruledEntry(&out, raw, nil, place, decoded.Header.Sent, x.rules.Redactor.Text)
			}
		}
		return out, nil
	}
	out.Sent = rec.Arrived.UnixNano()
	for i := range decoded.Parts {
		if err := x.part(&out, rec, &decoded.Parts[i]); err != nil {
			return out, err
		}
	}
	return out, nil
}

// part collects the lines of a foreign payload as a source would.
func (x *Expander) part(out *Expansion, rec *pipeline.Record, part *wire.Part) error {
	sent := rec.Arrived.UnixNano()
	place := pipeline.Lineage{Position: rec.Position, Sub: part.Sub}
	identity := fmt.Sprintf("record:%s/%s/%d", rec.Partition, rec.Sequence, part.Sub)
	options := collect.Options{
		Read: sent, MaxLine: x.rules.MaxLine,
		Numbers: collect.NewNumberer(identity, nil),
		Emit: func(e *collect.Entry) error {
			if part.Time != 0 && e.Time == 0 && e.Kind != pipeline.KindEvent {
				e.Time = part.Time
			}
			if e.Rejected != "" {
				out.Refused = append(out.Refused, Refused{Sub: part.Sub, Index: place.Index, Rejected: e.Rejected,
					Detail: fmt.Sprintf("bytes %d to %d", e.Start, e.End), Data: []byte(e.Message)})
			} else {
				raw, text := e.RawEntry, x.rules.Redactor.Text
				if e.InKey {
					text = x.keyText
				}
				x.ruledEntry(out, &raw, e.Annotations, place, sent, text)
			}
			place.Index++
			return nil
		},
	}
	if part.Resource != nil {
		options.Defaults = *part.Resource
	}
	c := collect.New(options)
	var at int64
	for data := part.Data; len(data) > 0; {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		end := at + int64(len(data)-len(rest))
		if err := c.Line(line, at, end); err != nil {
			return err
		}
		data, at = rest, end
	}
	return c.Flush()
}

// ruledEntry applies the rules to one raw entry, whose source has not or not
// the same, and normalises it.
func (x *Expander) ruledEntry(out *Expansion, raw *pipeline.RawEntry, annotations map[string]string, place pipeline.Lineage, sent int64, text redaction) {
	subject := policy.SubjectOf(raw, annotations, sent)
	if rule, drop := x.rules.Policy.Drop(&subject); drop {
		out.refuse(place, Refused{Dropped: rule})
		return
	}
	var id pipeline.ID
	line := raw.Kind != pipeline.KindEvent
	if line {
		id = pipeline.LineID(raw) // that of the line as it stands in the stream
	}
	x.redact(out, raw, text)
	if e := x.entry(out, raw, place, sent); e != nil && line {
		e.ID = id
	}
}

// entry normalises one raw entry. It returns what it added to out's entries, or
// nil if the entry was refused.
func (x *Expander) entry(out *Expansion, raw *pipeline.RawEntry, place pipeline.Lineage, sent int64) *pipeline.Entry {
	out.Entries = append(out.Entries, pipeline.Entry{})
	e := &out.Entries[len(out.Entries)-1]
	before := x.normalise.FutureTimes
	if err := x.normalise.Entry(raw, sent, e); err != nil {
		out.Entries = out.Entries[:len(out.Entries)-1]
		out.refuse(place, Refused{Rejected: "bad_entry", Detail: err.Error(), Data: x.seal(raw, sent)})
		return nil
	}
	if x.rules.Retention > 0 && !x.rules.AsWritten && e.Time < sent-int64(x.rules.Retention) {
		out.Entries = out.Entries[:len(out.Entries)-1]
		out.refuse(place, Refused{Dropped: "retention"})
		return nil
	}
	e.Pattern = x.miner.Entry(e)
	out.Future += x.normalise.FutureTimes - before
	e.Lineage = place
	return e
}

func (out *Expansion) refuse(place pipeline.Lineage, r Refused) {
	r.Sub, r.Index = place.Sub, place.Index
	out.Refused = append(out.Refused, r)
}

// redaction replaces the secrets of a text.
type redaction func(text string, found func(rule string)) string

// keyText is the redaction of a line behind an unfinished private key.
func (x *Expander) keyText(text string, found func(rule string)) string {
	return x.rules.Redactor.Text(x.rules.Redactor.KeyLine(text, found), found)
}

func (x *Expander) redact(out *Expansion, raw *pipeline.RawEntry, text redaction) {
	found := func(rule string) {
		if out.Redacted == nil {
			out.Redacted = map[string]int{}
		}
		out.Redacted[rule]++
	}
	raw.Message = text(raw.Message, found)
	raw.Resource = x.rules.Redactor.Resource(raw.Resource, found)
}

// reasonOf names why a record was rejected, for metrics and dead letters.
func reasonOf(err error) string {
	if errors.Is(err, wire.ErrTooLarge) {
		return "record_too_large"
	}
	return "corrupt_record"
}
