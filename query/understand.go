package query

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
	"github.com/loglode/loglode/pipeline/pattern"
	"github.com/loglode/loglode/query/question"
)

const (
	// maxTokens bounds the tokens of a question that are looked up in lines.
	maxTokens = 4
	// maxNameValues bounds the names of one phrase that are looked up.
	maxNameValues = 8
	// concurrency bounds what one search asks of the store at once.
	concurrency = 4
)

// reading is a question that was understood.
type reading struct {
	Understood
	filter pipeline.Filter
	// words is Text with the plain words of its tokens in place of these.
	words string
	// termWords are, by term of Terms, the word that it is of.
	termWords []string
	// borrowed are the terms that only tokens gave.
	borrowed map[string]struct{}
	tokens   []foundToken
}

// foundToken is a token of the question, with the documents of the lines that
// hold it.
type foundToken struct {
	text      string // as LineQuery.Text asks for it
	words     string // its plain words
	groups    []pipeline.PatternGroup
	documents map[documentKey]struct{}
}

// understand reads filters and times out of the question, and looks up its
// tokens in lines.
func (s *Service) understand(ctx context.Context, r SearchRequest) (reading, error) {
	u, err := s.read(ctx, phrasing{text: r.Query, given: r.Selection, literal: r.Literal, binds: anyField})
	if err != nil {
		return u, err
	}
	u.words, u.borrowed = u.Text, map[string]struct{}{}
	if r.Leg != LegVector {
		if err := s.lookUpTokens(ctx, &u); err != nil {
			return u, err
		}
	}
	u.Terms, u.termWords = s.terms(u.words)
	return u, nil
}

// phrasing is a question as it was asked.
type phrasing struct {
	text    string
	given   Selection
	literal bool
	// binds says whether names of a field that the text holds become filters.
	binds func(question.Field) bool
}

func anyField(question.Field) bool { return true }

// read moves what a question says about where and when from its text to its
// filters, and compiles these.
func (s *Service) read(ctx context.Context, p phrasing) (reading, error) {
	now := s.now().UTC().Truncate(time.Second)
	u := reading{Understood: Understood{
		Text: strings.TrimSpace(p.text), Terms: []string{}, Unknown: []string{}, Tokens: []Token{}, Read: []string{}, Filters: p.given,
	}}
	// What was asked for explicitly is checked before the store is asked.
	if _, err := p.given.filter(s.now()); err != nil {
		return u, err
	}
	if !p.literal {
		if err := s.readFilters(ctx, &u, p, now); err != nil {
			return u, err
		}
	}
	var err error
	u.filter, err = u.Filters.filter(s.now())
	return u, err
}

// readFilters moves what the question says about where and when from its text to
// its filters. What was given wins over what the question says about the same
// field.
func (s *Service) readFilters(ctx context.Context, u *reading, p phrasing, now time.Time) error {
	read := question.Read(u.Text, now)
	var spans []question.Span
	for _, name := range read.Names {
		if !p.binds(name.Field) || len(*selected(&p.given, name.Field)) > 0 {
			continue
		}
		values, err := s.known(ctx, name)
		if err != nil {
			return err
		}
		if values == nil {
			continue
		}
		field := selected(&u.Filters, name.Field)
		*field = slices.Concat(*field, values)
		spans = append(spans, name.Span)
	}
	if p.given.From == "" && p.given.To == "" && len(read.Time.Spans) > 0 {
		u.Filters.From, u.Filters.To = writeTime(read.Time.From), writeTime(read.Time.To)
		spans = append(spans, read.Time.Spans...)
	}
	slices.SortFunc(spans, func(a, b question.Span) int { return cmp.Compare(a.Start, b.Start) })
	for _, span := range spans {
		u.Read = append(u.Read, u.Text[span.Start:span.End])
	}
	// Where nothing is left to rank by, all words are.
	if rest := question.Without(u.Text, spans); s.says(rest) {
		u.Text = rest
	}
	return nil
}

func writeTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// selected is the field of a selection that a name is for.
func selected(r *Selection, field question.Field) *[]string {
	switch field {
	case question.Cluster:
		return &r.Clusters
	case question.Namespace:
		return &r.Namespaces
	case question.Service:
		return &r.Services
	case question.Pod:
		return &r.Pods
	case question.Container:
		return &r.Containers
	case question.Node:
		return &r.Nodes
	case question.Level:
		return &r.Levels
	}
	return &r.Kinds
}

// known returns the values of a name as the store knows them, within the
// reader's scopes; nil when it does not know one of them.
func (s *Service) known(ctx context.Context, name question.Name) ([]string, error) {
	if name.Field == question.Level || name.Field == question.Kind {
		return name.Values, nil
	}
	if len(name.Values) > maxNameValues {
		return nil, nil
	}
	values := make([]string, len(name.Values))
	for i, value := range name.Values {
		var err error
		if values[i], err = s.knownValue(ctx, name.Field, value); err != nil || values[i] == "" {
			return nil, err
		}
	}
	return values, nil
}

func (s *Service) knownValue(ctx context.Context, field question.Field, value string) (string, error) {
	for _, spelling := range spellings(field, value) {
		var selection Selection
		*selected(&selection, field) = []string{spelling}
		filter, err := selection.filter(s.now())
		if err != nil {
			return "", nil // too long a name, for instance
		}
		page, err := s.lines(ctx, pipeline.LineQuery{Filter: filter, Limit: 1})
		if err != nil {
			return "", err
		}
		if len(page.Lines) > 0 {
			return spelling, nil
		}
	}
	return "", nil
}

// spellings are what a name may stand for: itself, in lower case as Kubernetes
// has it, and the pods of what bears it ("cart", "cart-7d9f") or a node's name
// without its domain.
func spellings(field question.Field, value string) []string {
	list := []string{value}
	if lower := strings.ToLower(value); lower != value {
		list = append(list, lower)
	}
	if strings.HasSuffix(value, "*") {
		return list
	}
	last := list[len(list)-1]
	switch field {
	case question.Pod:
		list = append(list, last+"-*")
	case question.Node:
		list = append(list, last+".*")
	}
	return list
}

// lookUpTokens finds the lines that hold the tokens of the question which
// templates mask. What is left of a token to rank documents by are its plain
// words: "cart-db-primary" may be the database of a service cart; 7f3a-19c2 has
// none.
func (s *Service) lookUpTokens(ctx context.Context, u *reading) error {
	rest, words := u.Text, ""
	for _, token := range pattern.Variables(u.Text) {
		if len(u.tokens) == maxTokens || strings.ContainsRune(token, '"') || !holdsToken(rest, token) {
			continue
		}
		found := foundToken{text: `"` + token + `"`, words: plainWords(token), documents: map[documentKey]struct{}{}}
		rest = replaceToken(rest, token, " ")
		u.words = replaceToken(u.words, token, " "+found.words+" ")
		words += " " + found.words
		u.Tokens = append(u.Tokens, Token{Token: token})
		u.tokens = append(u.tokens, found)
	}
	u.words = strings.Join(strings.Fields(u.words), " ")
	own, _ := s.terms(rest)
	all, _ := s.terms(words)
	for _, term := range all {
		if !slices.Contains(own, term) {
			u.borrowed[term] = struct{}{}
		}
	}
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(concurrency)
	for i := range u.tokens {
		work.Go(func() error { return s.lookUpToken(workCtx, u.filter, &u.tokens[i], &u.Tokens[i]) })
	}
	return work.Wait()
}

// plainWords are the runs of at least three ASCII letters in a token that no
// digit adjoins: what words of a language it may be made of.
func plainWords(token string) string {
	var words []string
	for run := range strings.FieldsFuncSeq(token, func(r rune) bool { return !isWordRune(r) }) {
		if len(run) >= 3 && strings.IndexFunc(run, func(r rune) bool { return r|0x20 < 'a' || r|0x20 > 'z' }) < 0 {
			words = append(words, run)
		}
	}
	return strings.Join(words, " ")
}

func (s *Service) lookUpToken(ctx context.Context, filter pipeline.Filter, found *foundToken, shown *Token) error {
	groups, err := s.groups(ctx, pipeline.PatternQuery{Filter: filter, Text: found.text})
	if err != nil {
		return err
	}
	found.groups = groups
	patterns := map[pipeline.PatternID]struct{}{}
	for i := range groups {
		found.documents[groupKey(&groups[i])] = struct{}{}
		patterns[groups[i].Pattern.ID] = struct{}{}
		shown.Lines += groups[i].Lines
	}
	shown.Patterns = int64(len(patterns))
	return nil
}

// tokenAt is where a token stands in text as a whole, from start on; -1 where it
// does not.
func tokenAt(text, token string, start int) int {
	for start <= len(text) {
		at := strings.Index(text[start:], token)
		if at < 0 || token == "" {
			return -1
		}
		at += start
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(token):])
		if !isWordRune(before) && !isWordRune(after) {
			return at
		}
		start = at + 1
	}
	return -1
}

func isWordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func holdsToken(text, token string) bool { return tokenAt(text, token, 0) >= 0 }

func replaceToken(text, token, with string) string {
	for at := tokenAt(text, token, 0); at >= 0; at = tokenAt(text, token, at+len(with)) {
		text = text[:at] + with + text[at+len(token):]
	}
	return text
}

// terms are the distinct terms of text, in order, and for each the word that it
// is of.
func (s *Service) terms(text string) (terms, words []string) {
	a := s.analyser()
	defer s.analysers.Put(a)
	terms, words = []string{}, []string{}
	for word := range strings.FieldsSeq(text) {
		for _, term := range a.Terms(nil, word) {
			if !slices.Contains(terms, term) {
				terms, words = append(terms, term), append(words, strings.TrimFunc(word, unicode.IsPunct))
			}
		}
	}
	return terms, words
}

// says reports whether a text has a word that can be looked for.
func (s *Service) says(text string) bool {
	terms, _ := s.terms(text)
	return len(terms) > 0
}

// isAsking says that a word asks: an interrogative, an auxiliary verb, a pronoun
// of who asks. That no pattern has it is no news. It is ranked by like any other:
// leaving such words out measures the same.
func isAsking(word string) bool {
	switch strings.ToLower(word) {
	case "why", "how", "what", "which", "when", "where", "who", "whose",
		"do", "does", "did", "has", "have", "had", "can", "could", "should", "would", "am", "been", "being", "were",
		"i", "me", "my", "we", "us", "our", "you", "your", "please":
		return true
	}
	return false
}

// analyser is one of a pool's: the caller puts it back.
func (s *Service) analyser() *analysis.Analyser {
	if a, ok := s.analysers.Get().(*analysis.Analyser); ok {
		return a
	}
	return analysis.New()
}
