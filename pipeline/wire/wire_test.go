package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/loglode/loglode/pipeline"
)

var update = flag.Bool("update", false, "write the golden files anew")

func encoder(t testing.TB) *Encoder {
	c, err := NewCompressor()
	require.NoError(t, err)
	return NewEncoder(c)
}

func decoder(t testing.TB, limit int) *Decoder {
	d, err := NewDecoder(limit)
	require.NoError(t, err)
	return d
}

func examples() []pipeline.RawEntry {
	shop := &pipeline.Resource{Cluster: "prod", Namespace: "shop", Pod: "orders-7c9d6d5c8b-x2x7v", PodUID: "0f0c2f3e", Container: "orders", Node: "node-1", Owner: "orders", Labels: map[string]string{"app": "orders", "team": "checkout"}}
	plain := &pipeline.Resource{Cluster: "prod", Container: "access"}
	return []pipeline.RawEntry{
		{Time: 1627982280848696855, Stream: "stderr", Resource: shop, Message: `W0803 09:18:00.844999       1 cmd.go:204] "quoted" <html> & tab` + "\t"},
		{Time: 1627982280848696855, Occurrence: 1, Stream: "stdout", Resource: shop, Message: "Exception: boom\n\tat Main.main(Main.java:1)"},
		{Origin: "file:ab12@1024", Read: 1627982280000000000, Resource: plain, Message: "größe 日本 \u2028 \x00 \x1b[31m"},
		{Kind: pipeline.KindEvent, Resource: &pipeline.Resource{Cluster: "prod"}, Message: `{"kind":"Event"}`},
		{Time: -1, Kind: pipeline.KindNode, Stream: "journal", Resource: &pipeline.Resource{Node: "node-1", Container: "kubelet"}, Message: ""},
	}
}

func encode(t testing.TB, entries []pipeline.RawEntry) []byte {
	e := encoder(t)
	for i := range entries {
		require.NoError(t, e.Add(&entries[i]))
	}
	require.Equal(t, len(entries), e.Entries())
	return e.Seal(1627982281000000000, 0xCAFE)
}

func TestRoundTrip(t *testing.T) {
	want := examples()
	got, err := decoder(t, 1<<20).Decode(encode(t, want))
	require.NoError(t, err)
	require.True(t, got.Ours)
	require.Equal(t, int64(1627982281000000000), got.Header.Sent)
	require.Equal(t, uint32(0xCAFE), got.Header.Digest)
	require.Equal(t, want, got.Entries)
	require.Same(t, got.Entries[0].Resource, got.Entries[1].Resource)
}

// The form is on disks and in streams: this file must decode for ever.
func TestGoldenRecord(t *testing.T) {
	const record, decoded = "testdata/record.v1", "testdata/record.v1.json"
	if *update {
		require.NoError(t, os.WriteFile(record, encode(t, examples()), 0o644))
		text, err := json.MarshalIndent(examples(), "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(decoded, append(text, '\n'), 0o644))
	}
	data, err := os.ReadFile(record)
	require.NoError(t, err)
	got, err := decoder(t, 1<<20).Decode(data)
	require.NoError(t, err)
	text, err := json.MarshalIndent(got.Entries, "", "  ")
	require.NoError(t, err)
	want, err := os.ReadFile(decoded)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text)+"\n")
}

func TestPayloadIsReadableByOthers(t *testing.T) {
	data := encode(t, examples())
	z, err := zstd.NewReader(nil)
	require.NoError(t, err)
	payload, err := z.DecodeAll(data[headerLen:], nil)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(payload), "\n"), "\n")
	require.Len(t, lines, len(examples()))
	var first struct {
		T int64
		S string
		R pipeline.Resource
		M string
	}
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &first))
	require.Equal(t, examples()[0].Message, first.M)
	require.Equal(t, examples()[0].Time, first.T)
	require.Equal(t, *examples()[0].Resource, first.R)
	require.Contains(t, lines[1], `"r":0`)
}

func TestEncoderIsEmptyAfterSeal(t *testing.T) {
	e := encoder(t)
	first := examples()
	require.NoError(t, e.Add(&first[0]))
	e.Seal(1, 0)
	require.NoError(t, e.Add(&first[0]))
	got, err := decoder(t, 1<<20).Decode(e.Seal(2, 0))
	require.NoError(t, err, "the resource must stand in the second record again")
	require.Equal(t, first[:1], got.Entries)
}

func TestInvalidUTF8BecomesReplacement(t *testing.T) {
	got, err := decoder(t, 1<<20).Decode(encode(t, []pipeline.RawEntry{{Time: 1, Resource: &pipeline.Resource{}, Message: "a\xffb"}}))
	require.NoError(t, err)
	require.Equal(t, "a\uFFFDb", got.Entries[0].Message)
}

func TestCorruptRecordsAreRejected(t *testing.T) {
	good := encode(t, examples())
	damage := map[string]func([]byte) []byte{
		"cut in the header":   func(b []byte) []byte { return b[:7] },
		"cut after the magic": func(b []byte) []byte { return b[:20] },
		"cut payload":         func(b []byte) []byte { return b[:len(b)-3] },
		"wrong checksum":      func(b []byte) []byte { b[28] ^= 1; return b },
		"wrong count":         func(b []byte) []byte { b[19]++; return b },
		"wrong size":          func(b []byte) []byte { b[23]++; return b },
		"unknown compression": func(b []byte) []byte { b[5] = 9; return b },
		"short header length": func(b []byte) []byte { b[7] = 8; return b },
	}
	d := decoder(t, 1<<20)
	for name, f := range damage {
		t.Run(name, func(t *testing.T) {
			_, err := d.Decode(f(bytes.Clone(good)))
			require.ErrorIs(t, err, pipeline.ErrRejected)
			got, err := d.Decode(good)
			require.NoError(t, err, "the decoder must work on")
			require.Len(t, got.Entries, len(examples()))
		})
	}
}

func TestNewerVersionWaits(t *testing.T) {
	data := encode(t, examples())
	data[4] = version + 1
	_, err := decoder(t, 1<<20).Decode(data)
	require.ErrorIs(t, err, ErrNewerVersion)
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.NotErrorIs(t, err, pipeline.ErrRejected)
}

func TestLongerHeaderIsSkipped(t *testing.T) {
	data := encode(t, examples())
	longer := append(bytes.Clone(data[:headerLen]), append(make([]byte, 8), data[headerLen:]...)...)
	longer[7] = headerLen + 8
	got, err := decoder(t, 1<<20).Decode(longer)
	require.NoError(t, err)
	require.Equal(t, examples(), got.Entries)
}

func TestForeignRecords(t *testing.T) {
	lines := []byte("{\"log\":\"a\"}\nplain text")
	// The vector of two third-party codecs: key "partition_key", data "data".
	kpl, err := hex.DecodeString("f3899ac20a0d706172746974696f6e5f6b65791a0808001a0464617461d03699da5a222fa32108ad1bd955a14e")
	require.NoError(t, err)
	cases := map[string]struct {
		data []byte
		want []string
	}{
		"plain":             {lines, []string{string(lines)}},
		"gzip":              {zipped(t, lines), []string{string(lines)}},
		"zstd":              {zstded(t, lines), []string{string(lines)}},
		"kpl":               {kpl, []string{"data"}},
		"kpl in gzip":       {zipped(t, kpl), []string{"data"}},
		"kpl, wrong md5":    {append(bytes.Clone(kpl[:len(kpl)-1]), 0), []string{string(kpl[:len(kpl)-1]) + "\x00"}},
		"kpl, only a magic": {kpl[:10], []string{string(kpl[:10])}},
		"empty":             {nil, []string{""}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := decoder(t, 1<<20).Decode(c.data)
			require.NoError(t, err)
			require.False(t, got.Ours)
			require.Len(t, got.Parts, len(c.want))
			for i, want := range c.want {
				require.Equal(t, want, string(got.Parts[i].Data))
				require.Equal(t, i, got.Parts[i].Sub)
			}
		})
	}
}

func TestCloudWatchLogs(t *testing.T) {
	message := `{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/lambda/checkout","logStream":"2026/11/20/[1]ab","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1627982280848,"message":"START"},{"id":"2","timestamp":1627982280849,"message":"two\nlines"}]}`
	got, err := decoder(t, 1<<20).Decode(zipped(t, []byte(message)))
	require.NoError(t, err)
	require.Len(t, got.Parts, 2)
	require.Equal(t, "two\nlines", string(got.Parts[1].Data))
	require.Equal(t, int64(1627982280849000000), got.Parts[1].Time)
	require.Equal(t, "checkout", got.Parts[1].Resource.Container)

	got, err = decoder(t, 1<<20).Decode(zipped(t, []byte(`{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"probe"}]}`)))
	require.NoError(t, err)
	require.Empty(t, got.Parts)
}

func TestBombsAreRejected(t *testing.T) {
	zeros := make([]byte, 2<<20)
	bombs := map[string][]byte{
		"gzip": zipped(t, zeros), "zstd": zstded(t, zeros),
		"nested": zipped(t, zipped(t, zipped(t, zipped(t, zipped(t, []byte("x")))))),
		"ours":   encode(t, []pipeline.RawEntry{{Time: 1, Resource: &pipeline.Resource{}, Message: strings.Repeat("a", 2<<20)}}),
	}
	for name, data := range bombs {
		t.Run(name, func(t *testing.T) {
			_, err := decoder(t, 1<<20).Decode(data)
			require.ErrorIs(t, err, pipeline.ErrRejected)
		})
	}
}

func TestRoundTripProperty(t *testing.T) {
	d := decoder(t, 16<<20)
	rapid.Check(t, func(t *rapid.T) {
		resources := []*pipeline.Resource{{}, {Pod: "a", Labels: map[string]string{"k": "v"}}, {Pod: "b"}}
		want := make([]pipeline.RawEntry, rapid.IntRange(1, 40).Draw(t, "n"))
		c, err := NewCompressor()
		require.NoError(t, err)
		e := NewEncoder(c)
		for i := range want {
			want[i] = pipeline.RawEntry{
				Time: rapid.Int64().Draw(t, "time"), Occurrence: rapid.Uint64().Draw(t, "occurrence"),
				Origin: rapid.String().Draw(t, "origin"), Read: rapid.Int64().Draw(t, "read"),
				Stream: rapid.SampledFrom([]string{"", "stdout", "stderr", "x"}).Draw(t, "stream"),
				Kind:   pipeline.Kind(rapid.IntRange(0, 2).Draw(t, "kind")), Resource: rapid.SampledFrom(resources).Draw(t, "resource"),
				Message: rapid.String().Draw(t, "message"),
			}
			require.NoError(t, e.Add(&want[i]))
		}
		got, err := d.Decode(e.Seal(1, 2))
		require.NoError(t, err)
		require.Equal(t, want, got.Entries)
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, examples()))
	f.Add(zipped(f, []byte("x")))
	f.Add(append(bytes.Clone(kplMagic), make([]byte, 40)...))
	d := decoder(f, 1<<16)
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := d.Decode(data)
		if err == nil && !out.Ours && len(out.Parts) == 0 && len(data) > 0 && data[0] != 0x1f && data[0] != '{' && data[0] != 0x28 && data[0] != 0xf3 {
			t.Fatal("a record became nothing")
		}
	})
}

func zipped(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func zstded(t testing.TB, b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return w.EncodeAll(b, nil)
}

func BenchmarkEncodeDecode(b *testing.B) {
	res := &pipeline.Resource{Namespace: "shop", Pod: "orders-1", Container: "c", Labels: map[string]string{"app": "orders"}}
	entries := make([]pipeline.RawEntry, 1000)
	for i := range entries {
		entries[i] = pipeline.RawEntry{Time: 1627982280848696855 + int64(i)*1e6, Stream: "stderr", Resource: res,
			Message: fmt.Sprintf("I0803 09:18:%02d.098208       1 observer_polling.go:159] reconciling (/v1, Kind=Namespace) /openshift-%d took %d ms", i%60, i%7, i*37%1000)}
	}
	b.Run("encode", func(b *testing.B) {
		e := encoder(b)
		for b.Loop() {
			for i := range entries {
				_ = e.Add(&entries[i])
			}
			e.Seal(1, 2)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/line")
	})
	data := encode(b, entries)
	b.Run("decode", func(b *testing.B) {
		d := decoder(b, 1<<20)
		for b.Loop() {
			if _, err := d.Decode(data); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/line")
	})
}
