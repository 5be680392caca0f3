// Package glossary says in plain words what the terms of art in a log line
// mean, so that a question in plain words finds the line.
//
//	"OOMKilled container"  -> words      oom killed container
//	                       -> entries    [oom killed] container
//	                       -> expansion  out of memory, killed by the kernel because memory ran out
//
// It is applied to documents, not to questions: there it measures the same or
// slightly worse (our own measurement on 289 questions).
package glossary

import (
	"bufio"
	_ "embed" // the built-in glossary
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding/words"
)

// The bounds of a glossary and of what it reads and says.
const (
	maxEntries   = 1 << 16
	maxLine      = 4096 // bytes
	maxKey       = 8    // words
	maxExpansion = 512  // bytes
	maxText      = 4096 // words of a text that are read
	// maxSaid is how many words Expand returns, but for a first expansion that
	// is longer: more of them drown the message. From 6 to 16 all measure alike;
	// without a bound it is .010 nDCG@10 less (our own measurement on 289
	// questions).
	maxSaid = 12
)

//go:embed glossary.tsv
var builtIn string

// Source is a text of entries, one a line:
//
//	key words<TAB>expansion
//
// The key is cut into words as texts are (camelCase split, lower case,
// [a-z0-9]+), at most 8; OOMKilled and "oom killed" are one key. An empty
// expansion, or "-", removes the entry. Empty lines and those that begin with #
// are passed over.
type Source struct {
	// Name stands in errors: the file's path.
	Name string
	Text io.Reader
}

// Glossary is a set of entries. It does not change and may be used from several
// goroutines.
type Glossary struct {
	// longest is, by first word, how many words the longest key has that begins
	// with it. Most words of a text begin none: one look-up each.
	longest map[string]int
	// expansion is, by the words of the key with a space between, a number in
	// expansions, which are distinct.
	expansion  map[string]uint32
	expansions []string
	lengths    []int // of expansions, in words
}

// New returns the built-in glossary with the entries of extra. Later entries
// replace or remove earlier ones. An error names source and line and says in a
// hint what to do.
func New(extra ...Source) (*Glossary, error) {
	entries := map[string]string{}
	if err := read(entries, Source{"the built-in glossary", strings.NewReader(builtIn)}); err != nil {
		return nil, err
	}
	for _, s := range extra {
		if err := read(entries, s); err != nil {
			return nil, err
		}
	}
	return build(entries), nil
}

func build(entries map[string]string) *Glossary {
	g := &Glossary{longest: map[string]int{}, expansion: make(map[string]uint32, len(entries))}
	numbers := map[string]uint32{}
	for key, expansion := range entries {
		first, _, _ := strings.Cut(key, " ")
		g.longest[first] = max(g.longest[first], 1+strings.Count(key, " "))
		n, ok := numbers[expansion]
		if !ok {
			n = uint32(len(g.expansions))
			numbers[expansion] = n
			g.expansions = append(g.expansions, expansion)
			g.lengths = append(g.lengths, len(strings.Fields(expansion)))
		}
		g.expansion[key] = n
	}
	return g
}

// Len is the number of entries.
func (g *Glossary) Len() int { return len(g.expansion) }

// read adds a source's entries.
func read(entries map[string]string, s Source) error {
	lines := bufio.NewScanner(s.Text)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	number := 0
	fault := func(err error, hint string) error {
		return pipeline.WithHint(fmt.Errorf("glossary %s, line %d: %w", s.Name, number, err), hint)
	}
	for lines.Scan() {
		number++
		line := lines.Text()
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if text := strings.TrimSpace(line); text == "" || text[0] == '#' {
			continue
		}
		key, expansion, err := entry(line)
		if err != nil {
			return fault(err, "an entry is: key words, a tab, what they mean; or key words, a tab, a minus sign to remove one")
		}
		if expansion == "" {
			delete(entries, key)
			continue
		}
		entries[key] = expansion
		if len(entries) > maxEntries {
			return fault(fmt.Errorf("more than %d entries", maxEntries), "leave out what logs do not say")
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		number++
		return fault(fmt.Errorf("longer than %d bytes", maxLine), fmt.Sprintf("an expansion is at most %d bytes long: a few plain words are best", maxExpansion))
	} else if err != nil {
		return fmt.Errorf("read glossary %s: %w", s.Name, err)
	}
	return nil
}

// entry reads one line. An empty expansion stands for one that is removed.
func entry(line string) (key, expansion string, err error) {
	before, after, ok := strings.Cut(line, "\t")
	if !ok {
		return "", "", fmt.Errorf("no tab in %q", line)
	}
	if !utf8.ValidString(line) {
		return "", "", fmt.Errorf("%q is not UTF-8", line)
	}
	t := cut(text{}, before)
	switch {
	case len(t.ends) == 0:
		return "", "", fmt.Errorf("the key %q has no word of letters a-z and digits", before)
	case len(t.ends) > maxKey:
		return "", "", fmt.Errorf("the key %q has more than %d words", before, maxKey)
	}
	expansion = strings.Join(strings.Fields(after), " ")
	if expansion == "-" {
		expansion = ""
	}
	if len(expansion) > maxExpansion {
		return "", "", fmt.Errorf("the expansion is %d bytes long, at most %d are allowed", len(expansion), maxExpansion)
	}
	return string(t.joined), expansion, nil
}

// text is a text's words with a space between.
type text struct {
	joined       []byte
	starts, ends []int // of words, in joined
}

// cut appends the words of s. It takes and returns its buffers by value, which
// leaves them on the caller's stack.
func cut(t text, s string) text {
	for at := 0; len(t.ends) < maxText; {
		start := len(t.joined)
		if start > 0 {
			t.joined = append(t.joined, ' ')
			start++
		}
		if t.joined, at = words.Append(t.joined, s, at); len(t.joined) == start {
			t.joined = t.joined[:max(start-1, 0)]
			return t
		}
		t.starts = append(t.starts, start)
		t.ends = append(t.ends, len(t.joined))
	}
	return t
}

// Expand returns the expansions of the entries whose keys stand in a text, from
// left to right, each once, with a space between. Where several keys begin, the
// longest counts; its words begin no other. What is said ends before it has more
// than 12 words. It costs a look-up for each word, and allocates only its result as long as the
// text has no more than 64 words.
func (g *Glossary) Expand(s string) string {
	var (
		joined       [512]byte
		starts, ends [64]int
		numbers      [16]uint32
	)
	t := cut(text{joined[:0], starts[:0], ends[:0]}, s)
	said, size, length := numbers[:0], 0, 0
	for i := 0; i < len(t.ends); {
		n, consumed := g.match(&t, i)
		i += max(consumed, 1)
		if consumed == 0 || slices.Contains(said, n) {
			continue
		}
		if length += g.lengths[n]; length > maxSaid && len(said) > 0 {
			break
		}
		size += len(g.expansions[n]) + 1
		said = append(said, n)
	}
	if len(said) == 0 {
		return ""
	}
	if len(said) == 1 {
		return g.expansions[said[0]]
	}
	var b strings.Builder
	b.Grow(size)
	for i, n := range said {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(g.expansions[n])
	}
	return b.String()
}

// match is the longest key that begins at word i: its expansion's number and
// how many words it has, 0 for none.
func (g *Glossary) match(t *text, i int) (number uint32, length int) {
	start := t.starts[i]
	for length = min(g.longest[string(t.joined[start:t.ends[i]])], len(t.ends)-i); length > 0; length-- {
		if n, ok := g.expansion[string(t.joined[start:t.ends[i+length-1]])]; ok {
			return n, length
		}
	}
	return 0, 0
}
