package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/loglode/loglode/pipeline"
)

// ErrTooLarge says that a record decodes to more than the limit.
var ErrTooLarge = fmt.Errorf("%w: record too large", pipeline.ErrRejected)

const (
	maxKnownResources = 16384
	// maxNesting bounds containers within containers: gzip in an aggregate in
	// gzip is seen in the wild, more is an attack.
	maxNesting = 3
)

// Decoded is what a record holds: entries of ours, or parts by others.
type Decoded struct {
	// Ours says that the record is in our format; Header and Entries are set.
	Ours    bool
	Header  Header
	Entries []pipeline.RawEntry
	// Parts are the payloads of a foreign record, in order.
	Parts []Part
}

// Part is one payload of a foreign record: lines of any shape that sources
// know.
type Part struct {
	Sub int // sub-record number, for lineage
	// Data is the payload; it is valid until the next Decode.
	Data []byte
	// Time is the time that the envelope gives all of it, Unix ns; 0 none.
	Time int64
	// Resource holds what the envelope says of the writer; nil for nothing.
	Resource *pipeline.Resource
}

// Decoder reads records. It is not safe for concurrent use; Entries do not
// alias its buffers, Parts do.
type Decoder struct {
	maxDecoded int
	zstd       *zstd.Decoder
	json       *jsontext.Decoder
	reader     bytes.Buffer
	payload    []byte
	text       []byte // all messages of a record, one after the other
	spans      []int  // where each message ends in text
	resources  []*pipeline.Resource
	known      map[string]*pipeline.Resource
}

// NewDecoder makes a Decoder that rejects records of more than maxDecoded
// bytes.
func NewDecoder(maxDecoded int) (*Decoder, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(uint64(maxDecoded)))
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	d := &Decoder{maxDecoded: maxDecoded, zstd: z, known: map[string]*pipeline.Resource{}}
	d.json = jsontext.NewDecoder(&d.reader)
	return d, nil
}

// Decode reads a record by its magic bytes: ours, gzip, zstd, KPL aggregates
// (also compressed), CloudWatch Logs subscriptions, else plain JSON or text.
// Errors wrap ErrRejected, or ErrNewerVersion when it must wait.
func (d *Decoder) Decode(data []byte) (Decoded, error) {
	h, ours, err := ReadHeader(data)
	if err != nil {
		return Decoded{}, err
	}
	if ours {
		entries, err := d.decodeOurs(h, data)
		return Decoded{Ours: true, Header: h, Entries: entries}, err
	}
	var out Decoded
	budget := d.maxDecoded
	if err := d.foreign(&out, data, 0, &budget); err != nil {
		return Decoded{}, err
	}
	for i := range out.Parts {
		out.Parts[i].Sub = i
	}
	return out, nil
}

// foreign appends the parts of data to out. budget is how many bytes may still
// be decoded: it is shared by all that nests.
func (d *Decoder) foreign(out *Decoded, data []byte, depth int, budget *int) error {
	if depth > maxNesting {
		return fmt.Errorf("%w: containers nested more than %d deep", pipeline.ErrRejected, maxNesting)
	}
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return corrupt("gzip: " + err.Error())
		}
		return d.unpacked(out, r, "gzip", depth, budget)
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return corrupt("zstd: " + err.Error())
		}
		defer r.Close()
		return d.unpacked(out, r, "zstd", depth, budget)
	}
	if subs, ok := deaggregate(data); ok {
		for _, sub := range subs {
			if err := d.foreign(out, sub, depth+1, budget); err != nil {
				return err
			}
		}
		return nil
	}
	if bytes.HasPrefix(data, []byte(`{"messageType":`)) || bytes.HasPrefix(data, []byte(`{"owner":`)) {
		if parts, ok := cloudWatchLogs(data); ok {
			out.Parts = append(out.Parts, parts...)
			return nil
		}
	}
	out.Parts = append(out.Parts, Part{Data: data})
	return nil
}

// unpacked reads all of r within the budget and goes on with what it held.
func (d *Decoder) unpacked(out *Decoded, r io.Reader, what string, depth int, budget *int) error {
	data, err := io.ReadAll(io.LimitReader(r, int64(*budget)+1))
	if err != nil && !errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return corrupt(what + ": " + err.Error())
	}
	if len(data) > *budget || err != nil {
		return fmt.Errorf("%w: it decodes to more than %d bytes", ErrTooLarge, d.maxDecoded)
	}
	*budget -= len(data)
	return d.foreign(out, data, depth+1, budget)
}

// cloudWatchLogs reads a CloudWatch Logs subscription message. Its format:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
func cloudWatchLogs(data []byte) ([]Part, bool) {
	var m struct {
		MessageType string `json:"messageType"`
		Owner       string `json:"owner"`
		LogGroup    string `json:"logGroup"`
		LogStream   string `json:"logStream"`
		LogEvents   []struct {
			ID        string `json:"id"`
			Timestamp int64  `json:"timestamp"` // ms
			Message   string `json:"message"`
		} `json:"logEvents"`
	}
	if json.Unmarshal(data, &m) != nil || m.LogGroup == "" && m.MessageType != "CONTROL_MESSAGE" {
		return nil, false
	}
	switch m.MessageType {
	case "CONTROL_MESSAGE": // a probe that the destination can be reached; it holds no logs
		return nil, true
	case "DATA_MESSAGE":
	default:
		return nil, false
	}
	// The last part of a group's name is the service's by custom
	// ("/aws/lambda/checkout"); the stream is the instance.
	res := &pipeline.Resource{
		Namespace: m.Owner,
		Pod:       m.LogStream,
		Container: m.LogGroup[strings.LastIndexByte(m.LogGroup, '/')+1:],
		Labels:    map[string]string{"aws.log_group": m.LogGroup, "aws.log_stream": m.LogStream},
	}
	parts := make([]Part, len(m.LogEvents))
	for i, e := range m.LogEvents {
		parts[i] = Part{Data: []byte(e.Message), Time: e.Timestamp * 1e6, Resource: res}
	}
	return parts, true
}
