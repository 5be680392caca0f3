package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

// readLines renders lines as "start-end flags text".
func readLines(t *testing.T, l *Lines) []string {
	t.Helper()
	var out []string
	for {
		line, err := l.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		flags := ""
		if line.Long {
			flags += "L"
		}
		if line.Open {
			flags += "O"
		}
		out = append(out, fmt.Sprintf("%d-%d %s|%s", line.Start, line.End, flags, line.Data))
	}
}

func TestLines(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"empty":            {"", nil},
		"one":              {"abc\n", []string{"100-104 |abc"}},
		"open":             {"abc\nde", []string{"100-104 |abc", "104-106 O|de"}},
		"blank":            {"\n\na\n", []string{"100-101 |", "101-102 |", "102-104 |a"}},
		"carriage returns": {"a\r\nb\r\r\nc\r", []string{"100-103 |a", "103-107 |b\r", "107-109 O|c"}},
		"at the limit":     {"0123456789\n0123456789", []string{"100-111 |0123456789", "111-121 O|0123456789"}},
		"over the limit":   {"0123456789a\nb\n", []string{"100-112 L|0123456789a", "112-114 |b"}},
		"over and open":    {"b\n0123456789ab", []string{"100-102 |b", "102-114 LO|0123456789ab"}},
		"a hole":           {"\x00\x00\x00a\n\x00\nb\x00c\n", []string{"103-105 |a", "106-107 |", "107-111 |b\x00c"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
				require.Equal(t, c.want, readLines(t, NewLines(r, 100, 10)))
			}
		})
	}
}

func TestLinesKeepsTheHeadOfALongLine(t *testing.T) {
	in := strings.Repeat("x", 300<<10) + "\n" + strings.Repeat("y", HeadBytes+5) + "\nz\n"
	l := NewLines(iotest.HalfReader(strings.NewReader(in)), 0, HeadBytes)
	for _, want := range []struct {
		head string
		end  int64
		long bool
	}{{strings.Repeat("x", HeadBytes), 300<<10 + 1, true}, {strings.Repeat("y", HeadBytes), 300<<10 + HeadBytes + 7, true}, {"z", int64(len(in)), false}} {
		line, err := l.Next()
		require.NoError(t, err)
		require.Equal(t, want.head, string(line.Data))
		require.Equal(t, want.end, line.End)
		require.Equal(t, want.long, line.Long)
	}
}

// TestLinesHoldsLittle reads a line of 16 MiB and a hole of as much.
func TestLinesHoldsLittle(t *testing.T) {
	for name, b := range map[string]byte{"a line": 'x', "a hole": 0} {
		t.Run(name, func(t *testing.T) {
			const size = 16 << 20
			l := NewLines(io.MultiReader(&io.LimitedReader{R: repeat(b), N: size}, strings.NewReader("end\nnext\n")), 0, 1<<20)
			line, err := l.Next()
			require.NoError(t, err)
			require.EqualValues(t, size+4, line.End)
			line, err = l.Next()
			require.NoError(t, err)
			require.Equal(t, "next", string(line.Data))
			require.Less(t, len(l.buf), 3<<20)
		})
	}
}

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	p[0] = byte(r)
	for n := 1; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
	return len(p), nil
}

func TestLinesFailsBehindTheLastCompleteLine(t *testing.T) {
	broken := errors.New("broken")
	for _, tail := range []string{"half", strings.Repeat("z", 40)} {
		l := NewLines(io.MultiReader(strings.NewReader("a\nb\n"+tail), iotest.ErrReader(broken)), 0, 10)
		for range 2 {
			_, err := l.Next()
			require.NoError(t, err)
		}
		_, err := l.Next()
		require.ErrorIs(t, err, broken)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nbb\r\n\x00\x00ccc\n0123456789012345678901234567890\nend"), 16)
	f.Add([]byte("\n\n\r\n\x00"), 0)
	f.Fuzz(func(t *testing.T, in []byte, max int) {
		if max < 0 || max > 1000 {
			return
		}
		l := NewLines(iotest.HalfReader(bytes.NewReader(in)), 0, max)
		var last int64
		for {
			line, err := l.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			// Nothing but holes lies between lines, and a line is what its range says.
			require.Empty(t, bytes.Trim(in[last:line.Start], "\x00"))
			body := bytes.TrimSuffix(in[line.Start:line.End], []byte{'\n'})
			require.Equal(t, len(body) > max, line.Long)
			if !line.Long {
				require.Equal(t, bytes.TrimSuffix(body, []byte{'\r'}), line.Data)
			}
			last = line.End
		}
		require.Empty(t, bytes.Trim(in[last:], "\x00"))
	})
}

func pack(t *testing.T, c Compression, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		var w io.WriteCloser
		switch c {
		case Gzip:
			w = gzip.NewWriter(&b)
		case Zstd:
			z, err := zstd.NewWriter(&b)
			require.NoError(t, err)
			w = z
		default:
			b.WriteString(p)
			continue
		}
		_, err := io.WriteString(w, p)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	return b.Bytes()
}

func TestDecompress(t *testing.T) {
	for _, c := range []Compression{Plain, Gzip, Zstd} {
		t.Run(string(c), func(t *testing.T) {
			d, err := Decompress(bytes.NewReader(pack(t, c, "first,", "second")))
			require.NoError(t, err)
			defer d.Close()
			got, err := io.ReadAll(d)
			require.NoError(t, err)
			require.Equal(t, "first,second", string(got))
			require.Equal(t, c, d.Compression())
		})
	}
	t.Run("skippable frame", func(t *testing.T) {
		in := append([]byte{0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'h', 'i'}, pack(t, Zstd, "text")...)
		d, err := Decompress(bytes.NewReader(in))
		require.NoError(t, err)
		defer d.Close()
		got, err := io.ReadAll(d)
		require.NoError(t, err)
		require.Equal(t, "text", string(got))
	})
	t.Run("nothing", func(t *testing.T) {
		d, err := Decompress(strings.NewReader(""))
		require.NoError(t, err)
		got, err := io.ReadAll(d)
		require.NoError(t, err)
		require.Empty(t, got)
	})
}

func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}

func TestDecompressFaults(t *testing.T) {
	broken := errors.New("disk read error")
	for _, c := range []Compression{Gzip, Zstd} {
		whole := pack(t, c, noise(500<<10))
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 0xff
		for name, in := range map[string]struct {
			r    io.Reader
			want string
		}{
			"truncated": {bytes.NewReader(whole[:len(whole)/2]), fmt.Sprintf("the %s data ends too early", c)},
			"corrupt":   {bytes.NewReader(flipped), fmt.Sprintf("the %s data is corrupt", c)},
			"header":    {bytes.NewReader(append(bytes.Clone(whole[:4]), "nonsense that is no header"...)), "the"},
		} {
			t.Run(string(c)+" "+name, func(t *testing.T) {
				d, err := Decompress(in.r)
				if err == nil {
					defer d.Close()
					_, err = io.Copy(io.Discard, d)
				}
				var corrupt *CorruptError
				require.ErrorAs(t, err, &corrupt)
				require.Contains(t, err.Error(), in.want)
			})
		}
		t.Run(string(c)+" source fails", func(t *testing.T) {
			d, err := Decompress(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), iotest.ErrReader(broken)))
			require.NoError(t, err)
			defer d.Close()
			_, err = io.Copy(io.Discard, d)
			require.ErrorIs(t, err, broken)
			var corrupt *CorruptError
			require.False(t, errors.As(err, &corrupt))
		})
	}
}

func TestGuardedStopsABomb(t *testing.T) {
	zeros := pack(t, Gzip, strings.Repeat("0", 8<<20))
	for name, c := range map[string]struct {
		limit BombLimit
		bomb  bool
	}{
		"over both":   {BombLimit{Bytes: 1 << 20, Ratio: 200}, true},
		"small":       {BombLimit{Bytes: 64 << 20, Ratio: 200}, false},
		"ratio meets": {BombLimit{Bytes: 1 << 20, Ratio: 2000}, false},
		"off":         {BombLimit{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Decompress(bytes.NewReader(zeros))
			require.NoError(t, err)
			defer d.Close()
			n, err := io.Copy(io.Discard, &Guarded{Decompressor: d, Limit: c.limit})
			if !c.bomb {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrBomb)
			require.Less(t, n, int64(2<<20))
			var hint *pipeline.HintError
			require.ErrorAs(t, err, &hint)
		})
	}
}

func TestSniff(t *testing.T) {
	for in, want := range map[string]Shape{
		"":                                ShapeLines,
		"plain text\n":                    ShapeLines,
		"[ERROR] out of disk":             ShapeLines,
		"[2026-01-01 10:00:00] up":        ShapeLines,
		"[1,2]":                           ShapeLines,
		`[{"log":"a"}]`:                   ShapeArray,
		"\n [\n  {":                       ShapeArray,
		"[]":                              ShapeArray,
		"{\n  \"kind\":\"List\"":          ShapeDocument,
		"{\r\n}":                          ShapeDocument,
		`{"log":"a"}` + "\n{}":            ShapeLines,
		`{"log":"a"} `:                    ShapeLines,
		`{"log":"a"}{"log":"b"}`:          ShapeStream,
		`{"log":"a"} {"log":"b"}`:         ShapeStream,
		`{"log":"a"} trailing`:            ShapeLines,
		`{"log":`:                         ShapeLines,
		"{ \"a\": 1 }\n{ \"a\": 2 }\n":    ShapeLines,
		`{"log":"` + "\xff" + `"}{"a":1}`: ShapeStream,
	} {
		require.Equal(t, want, Sniff([]byte(in)), "%q", in)
	}
}

func TestElements(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"array":            {`[{"a":1}, {"b":[2, 3]},"x"]`, []string{`1-8 {"a":1}`, `10-22 {"b":[2, 3]}`, `23-26 "x"`}},
		"spread":           {"[\n {\n  \"a\": \"x y\"\n }\n]", []string{`3-20 {"a":"x y"}`}},
		"empty":            {" [ ] \n", nil},
		"nothing":          {" \n", nil},
		"stream":           {`{"a":1}{"b":2} {"c":3}`, []string{`0-7 {"a":1}`, `7-14 {"b":2}`, `15-22 {"c":3}`}},
		"arrays":           {"[{\"a\":1}]\n[{\"a\":2}]\n", []string{`1-8 {"a":1}`, `11-18 {"a":2}`}},
		"kubectl list":     {"{\n \"apiVersion\": \"v1\",\n \"items\": [\n  {\"a\": 1},\n  {\n \"b\": 2}\n ],\n \"kind\": \"List\",\n \"metadata\": {}\n}\n", []string{`37-45 {"a": 1}`, `49-59 {"b":2}`}},
		"object":           {"{\n \"a\": {\"b\": [1]},\n \"c\\\"\": null\n}", []string{`0-34 {"a":{"b": [1]},"c\"":null}`}},
		"items, no list":   {"{\n \"msg\": \"sold\",\n \"items\": [{\"sku\": 1}]\n}", []string{`0-42 {"msg":"sold","items":[{"sku": 1}]}`}},
		"items no array":   {"{\"apiVersion\":\"v1\",\"items\":3}", []string{`0-29 {"apiVersion":"v1","items":3}`}},
		"not UTF-8":        {"[{\"a\":\"\xff\"}]", []string{"1-10 {\"a\":\"\xff\"}"}},
		"same names twice": {`[{"a":1,"a":2}]`, []string{`1-14 {"a":1,"a":2}`}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
				var got []string
				require.NoError(t, Elements(r, func(elem []byte, start, end int64) error {
					got = append(got, fmt.Sprintf("%d-%d %s", start, end, elem))
					return nil
				}))
				require.Equal(t, c.want, got)
			}
		})
	}
}

func TestElementsFaults(t *testing.T) {
	broken, refused := errors.New("broken"), errors.New("refused")
	none := func([]byte, int64, int64) error { return nil }
	for _, in := range []string{`[{"a":1},`, `[{"a":1}`, `[{"a":1}] x`, `[{"a":1},]`, `{"a":1,`, "{\n\"a\"", `[{"a":1} {"b":2}]`, `{"apiVersion":"v1","items":[{}`} {
		var syntax *SyntaxError
		require.ErrorAs(t, Elements(strings.NewReader(in), none), &syntax, in)
		require.LessOrEqual(t, syntax.Offset, int64(len(in)))
	}
	require.ErrorIs(t, Elements(io.MultiReader(strings.NewReader(`[{"a":1},`), iotest.ErrReader(broken)), none), broken)
	require.Equal(t, refused, Elements(strings.NewReader(`[{"a":1}]`), func([]byte, int64, int64) error { return refused }))
	require.Equal(t, io.EOF, Elements(strings.NewReader(`[{"a":1}]`), func([]byte, int64, int64) error { return io.EOF }))
}

// TestElementsHoldsLittle: neither an endless string nor an endless object is
// gathered.
func TestElementsHoldsLittle(t *testing.T) {
	for name, r := range map[string]io.Reader{
		"string": io.MultiReader(strings.NewReader(`[{"a":"`), &io.LimitedReader{R: repeat('x'), N: 1 << 30}),
		"blanks": io.MultiReader(strings.NewReader(`[{"a":`), &io.LimitedReader{R: repeat(' '), N: 1 << 30}),
		"object": io.MultiReader(strings.NewReader(`{"a":1`), &members{left: 1 << 28}),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var syntax *SyntaxError
			require.ErrorAs(t, Elements(r, func([]byte, int64, int64) error { return nil }), &syntax)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<20))
		})
	}
}

// members is an object that goes on and on.
type members struct{ left int }

func (m *members) Read(p []byte) (int, error) {
	if m.left -= len(p); m.left < 0 {
		return 0, io.EOF
	}
	if len(p) < 2048 {
		return copy(p, " "), nil
	}
	return copy(p, `,"`+strings.Repeat("b", 1000)+`":"`+strings.Repeat("c", 1000)+`"`), nil
}

func FuzzElements(f *testing.F) {
	f.Add([]byte(`[{"a":1},{"b":2}]`))
	f.Add([]byte("{\n\"apiVersion\":\"v1\",\"items\":[{\"a\":\"\\u00e9\"}]}"))
	f.Add([]byte(`{"a":1}{"b":`))
	f.Fuzz(func(t *testing.T, in []byte) {
		last := int64(0)
		err := Elements(bytes.NewReader(in), func(elem []byte, start, end int64) error {
			require.NotContains(t, string(elem), "\n")
			require.GreaterOrEqual(t, start, last)
			require.Greater(t, end, start)
			require.LessOrEqual(t, end, int64(len(in)))
			last = end
			return nil
		})
		var syntax *SyntaxError
		if err != nil {
			require.ErrorAs(t, err, &syntax)
		}
	})
}
