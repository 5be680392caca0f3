package query

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/loglode/loglode/query/diagnose"
)

const (
	// byRules is who worded an answer without a Generator.
	byRules = "rules"
	// generateTimeout is how long a Generator may take by default.
	generateTimeout = 60 * time.Second
	// generateReserve is what is left of the caller's time to answer by the rules'
	// words, when a Generator takes all of it.
	generateReserve = 2 * time.Second
	// maxWording bounds what a Generator says, in bytes.
	maxWording = 16 << 10
)

// word has the Generator word the answer; where it does not or says what the
// evidence does not bear, the rules' words, which are there, stay.
func (s *Service) word(ctx context.Context, asked string, d diagnose.Diagnosis, r *AskResponse) error {
	r.Generator = byRules
	if s.Generator == nil {
		return nil
	}
	timeout := orDefault(s.GenerateTimeout, generateTimeout)
	if deadline, bounded := ctx.Deadline(); bounded {
		timeout = min(timeout, time.Until(deadline)-generateReserve)
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	wording, err := s.Generator.Generate(limited, AnswerCase{Question: asked, Diagnosis: d, Evidence: r.Evidence, Nearest: r.Nearest})
	late := limited.Err() != nil // the time that it had, or the caller's
	if ctx.Err() != nil {
		return fmt.Errorf("word answer: %w", ctx.Err())
	}
	var text string
	if err == nil {
		text, err = checkWording(wording, r.Evidence)
	}
	if err == nil {
		r.Text, r.Generator = text, s.Generator.Name()
		if !r.Answered && !strings.HasPrefix(text, NoAnswer) {
			r.Text = NoAnswer + "\n\n" + text
		}
		return nil
	}
	// What a provider says may speak of addresses and accounts, so it is for the
	// log.
	if s.Log != nil {
		s.Log.Warn("word answer by rules", "generator", s.Generator.Name(), "error", err)
	}
	var unfit unfitWording
	switch {
	case errors.As(err, &unfit):
		r.Degraded = "the model's words were not taken: " + string(unfit)
	case late:
		r.Degraded = "the model took too long: these are the rules' words"
	default:
		r.Degraded = "the model did not answer: these are the rules' words"
	}
	return nil
}

// unfitWording says why what a Generator said is not shown.
type unfitWording string

func (u unfitWording) Error() string { return string(u) }

// identifier finds what may be the ID of an entry.
var identifier = regexp.MustCompile(`[0-9A-Za-z]*[0-9a-fA-F]{32}[0-9A-Za-z]*`)

// checkWording refuses words that name entries which are no evidence, and takes
// control characters and invisible ones out of others.
func checkWording(w Wording, evidence []AskEvidence) (string, error) {
	switch {
	case len(w.Text) > maxWording:
		return "", unfitWording(fmt.Sprintf("they are longer than %d bytes", maxWording))
	case !utf8.ValidString(w.Text):
		return "", unfitWording("they are no valid UTF-8")
	}
	text := strings.TrimSpace(strings.Map(func(r rune) rune {
		if !harmless(r, utf8.RuneLen(r)) {
			return -1
		}
		return r
	}, w.Text))
	if text == "" {
		return "", unfitWording("there are none")
	}
	known := map[string]bool{}
	for i := range evidence {
		known[evidence[i].ID] = true
	}
	for _, id := range w.Cited {
		if !known[id] {
			return "", unfitWording("they cite an entry that is no evidence")
		}
	}
	for _, id := range identifier.FindAllString(text, -1) {
		if len(id) == 32 && !known[id] {
			return "", unfitWording("they name an entry that is no evidence")
		}
	}
	return text, nil
}
