package query

import (
	"context"

	"github.com/loglode/loglode/query/diagnose"
)

// AskBy is Ask with a judge of the test's own.
func (s *Service) AskBy(ctx context.Context, r AskRequest, of func(diagnose.Case) diagnose.Diagnosis) (AskResponse, error) {
	return s.ask(ctx, r, diagnosis{of: of, explain: func(d diagnose.Diagnosis) string { return "rules: " + d.Summary }})
}

// Excerpt is excerpt.
func Excerpt(message string, start, end int) string { return excerpt(message, start, end) }
