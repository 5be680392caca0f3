package builtin

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/embedding/embeddingtest"
)

func opened(t testing.TB) *Embedder {
	e, err := Open()
	require.NoError(t, err)
	return e
}

func TestEmbedder(t *testing.T) {
	embeddingtest.TestEmbedder(t, func(t *testing.T) embedding.Embedder { return opened(t) }, 0)
}

// rows is a text's rows in the table.
func (e *Embedder) rowsOf(text string) []uint32 {
	s := e.scratch.Get().(*scratch)
	defer e.scratch.Put(s)
	defer s.reset()
	e.tokens(s, text)
	return append([]uint32{}, s.rows...)
}

// The file is what tools/train/golden.py makes of the same table.
func TestVectorsAreThoseOfTheScript(t *testing.T) {
	var golden struct {
		Table string
		Texts []struct {
			Text         string
			Rows         []uint32
			Norm, Cosine float64
			Head         []float64
		}
	}
	file, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(file, &golden))
	require.Contains(t, metaFile, golden.Table, "run tools/train/golden.py for the new table")
	require.Greater(t, len(golden.Texts), 20)
	e := opened(t)
	var first []float32
	longest := 0
	for _, g := range golden.Texts {
		require.Equal(t, g.Rows, e.rowsOf(g.Text), "%q", g.Text)
		longest = max(longest, len(g.Rows))
		vectors, err := e.Embed(t.Context(), []string{g.Text})
		require.NoError(t, err)
		v := vectors[0]
		if first == nil {
			first = v
		}
		for i, want := range g.Head {
			require.InDelta(t, want, v[i], 1e-6, "%q", g.Text)
		}
		var cosine float64
		for i := range v {
			cosine += float64(v[i]) * float64(first[i])
		}
		require.InDelta(t, g.Cosine, cosine, 1e-6, "%q", g.Text)
		require.InDelta(t, g.Norm, e.norm(g.Text), 1e-5, "%q", g.Text)
	}
	require.Greater(t, longest, most, "one text needs more than one round of sums")
}

// norm is the length of the sum of a text's rows, value by value.
func (e *Embedder) norm(text string) float64 {
	sums := make([]float64, e.dimensions)
	for _, row := range e.rowsOf(text) {
		for i := range sums {
			sums[i] += float64(int8(e.table[int(row)*e.dimensions+i]))
		}
	}
	var square float64
	for _, x := range sums {
		square += x * x
	}
	return math.Sqrt(square)
}

// The name is stored beside vectors. It changes with the table; it must not
// change without.
func TestModelIsFrozen(t *testing.T) {
	require.Equal(t, "builtin-11b91939", opened(t).Model())
	require.Equal(t, 256, opened(t).Dimensions())
}

// small is a table of three dimensions' worth of digits that one can add by hand.
func small(change func(table, vocabulary, meta *string)) (*Embedder, error) {
	rows := []int8{1, 2, -128, 127}
	var table strings.Builder
	for _, r := range rows {
		for i := range 8 {
			table.WriteByte(byte(int8(int(r) * (1 - i%2)))) // r 0 r 0 ...
		}
	}
	t, vocabulary := table.String(), "ab\nc\n##c\nabcab\n"
	m := fmt.Sprintf(`{"rows":4,"dim":8,"wordpiece":3,"extra":1,"sha256":"%x"}`, digest(t))
	if change != nil {
		change(&t, &vocabulary, &m)
	}
	return open(t, vocabulary, m)
}

func TestSmallTable(t *testing.T) {
	e, err := small(nil)
	require.NoError(t, err)
	for text, want := range map[string][]uint32{
		"ab c":    {0, 1},
		"abcc":    {0, 2},
		"abcab":   {3},    // an extra word
		"abcabc":  {},     // which is no piece; ##ab is missing, so all of it is unknown
		"abc cab": {0, 2}, // so is cab, but not what stands before it
		"d ab":    {0},
	} {
		require.Equal(t, want, e.rowsOf(text), text)
	}
	vectors, err := e.Embed(t.Context(), []string{"c abc"}) // 2 + 1 - 128
	require.NoError(t, err)
	require.Equal(t, []float32{-.5, 0, -.5, 0, -.5, 0, -.5, 0}, vectors[0])
}

func TestOpenChecksTheFiles(t *testing.T) {
	for want, change := range map[string]func(table, vocabulary, meta *string){
		"read meta.json":             func(_, _, m *string) { *m = "{" },
		"not a multiple of 8":        func(_, _, m *string) { *m = strings.Replace(*m, `"dim":8`, `"dim":4`, 1) },
		"are not 2 word pieces":      func(_, _, m *string) { *m = strings.Replace(*m, `"wordpiece":3`, `"wordpiece":2`, 1) },
		"table.i8 has 31 bytes":      func(s, _, _ *string) { *s = (*s)[1:] },
		"vocab.txt has 3 tokens":     func(_, v, _ *string) { *v = strings.TrimPrefix(*v, "ab\n") },
		"has the SHA-256":            func(s, _, _ *string) { *s = "x" + (*s)[1:] },
		`token 1, "ab", is empty or`: func(_, v, _ *string) { *v = strings.Replace(*v, "\nc\n", "\nab\n", 1) },
		`token 2, "##", is empty or`: func(_, v, _ *string) { *v = strings.Replace(*v, "##c", "##", 1) },
	} {
		_, err := small(change)
		require.ErrorContains(t, err, want)
	}
}

func TestModelNamesTheVectors(t *testing.T) {
	seen := map[string]bool{}
	for _, change := range []func(table, vocabulary, meta *string){
		nil,
		func(_, v, _ *string) { *v = strings.Replace(*v, "abcab", "abcac", 1) },
		func(_, _, m *string) {
			*m = strings.Replace(*m, `"wordpiece":3,"extra":1`, `"wordpiece":4,"extra":0`, 1)
		},
		func(s, _, m *string) {
			old := fmt.Sprintf("%x", digest(*s))
			*s = "\x05" + (*s)[1:]
			*m = strings.Replace(*m, old, fmt.Sprintf("%x", digest(*s)), 1)
		},
	} {
		e, err := small(change)
		require.NoError(t, err)
		require.False(t, seen[e.Model()])
		seen[e.Model()] = true
	}
}

func TestEmbedAllocatesItsResultAlone(t *testing.T) {
	e := opened(t)
	s := newScratch(len(e.table)/e.dimensions, e.dimensions)
	v := make([]float32, e.dimensions)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		e.embed(s, sample, v)
		e.embed(s, "unaffable qwxzj", v)
	}))
}

func FuzzEmbed(f *testing.F) {
	for _, s := range []string{"", "kubeAPIServer x509", strings.Repeat("ab9", 50), "größe \u212a \xff"} {
		f.Add(s)
	}
	e := opened(f)
	f.Fuzz(func(t *testing.T, text string) {
		seen := map[uint32]bool{}
		for _, row := range e.rowsOf(text) {
			require.False(t, seen[row])
			seen[row] = true
			require.Less(t, int(row), len(e.table)/e.dimensions)
		}
		vectors, err := e.Embed(t.Context(), []string{text})
		require.NoError(t, err)
		var square float64
		for _, x := range vectors[0] {
			square += float64(x) * float64(x)
		}
		want := 1.0
		if len(seen) == 0 {
			want = 0
		}
		require.InDelta(t, want, square, 1e-5)
	})
}

const sample = "failed to pull image from registry: context deadline exceeded while waiting for kubelet"

func BenchmarkEmbed(b *testing.B) {
	e := opened(b)
	texts := []string{sample}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = e.Embed(context.Background(), texts)
	}
}

// Texts of random words: neither rows nor vocabulary are in the processor's cache.
func BenchmarkEmbedMixed(b *testing.B) {
	e := opened(b)
	tokens := strings.Fields(strings.ReplaceAll(vocabularyFile, "#", ""))
	texts := make([]string, 4096)
	for i := range texts {
		var words []string
		for j := range 12 {
			words = append(words, tokens[(i*7919+j*104729)%len(tokens)])
		}
		texts[i] = strings.Join(words, " ")
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_, _ = e.Embed(context.Background(), texts[i%len(texts):][:1])
		i++
	}
}

func BenchmarkOpen(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Open()
	}
}
