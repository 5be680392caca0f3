package query

import (
	"context"
	"net/http"
	"strconv"
)

// Reembedder changes the model of vectors while loglode serves.
type Reembedder interface {
	// Reembed begins to fill the vectors of another model, which takes the place of
	// the one that serves when all documents have theirs: see PatternStatus.Next.
	// The model that serves calls a change off. Errors about r wrap
	// pipeline.ErrRejected.
	Reembed(ctx context.Context, r ReembedRequest) (ReembedReport, error)
}

// ReembedRequest names a model.
type ReembedRequest struct {
	// Model is "builtin", a Titan model or its ARN, or a model of the endpoint that
	// is configured.
	Model string
	// Dimensions of its vectors; 0: as the model has them.
	Dimensions int
	// DryRun only says what there is to do.
	DryRun bool
}

// ReembedReport says what there is to do.
type ReembedReport struct {
	Model string `json:"model"` // the space's name, as in PatternStatus
	// Documents wait for a vector of it.
	Documents int64 `json:"documents"`
	// Tokens and Dollars are about what that takes, less what was embedded before.
	Tokens  int64   `json:"tokens"`
	Dollars float64 `json:"dollars"`
	// Budget is that of a day, in dollars; 0: none.
	Budget float64 `json:"budget"`
	// Running says that it is being done; else the next loglode up does it.
	Running bool `json:"running"`
}

func (a *API) reembed(w http.ResponseWriter, r *http.Request) error {
	v, err := commandParameters(r, "model", "dimensions", "dry_run")
	if err != nil {
		return err
	}
	var request ReembedRequest
	if request.Model, err = single(v, "model"); err != nil {
		return err
	}
	dimensions, err := single(v, "dimensions")
	if err != nil {
		return err
	}
	if dimensions != "" {
		if request.Dimensions, err = strconv.Atoi(dimensions); err != nil || request.Dimensions < 1 {
			return rejectf("dimensions=256", "dimensions %q is not a positive number", dimensions)
		}
	}
	if request.DryRun, err = boolean(v, "dry_run"); err != nil {
		return err
	}
	report, err := a.Reembedder.Reembed(r.Context(), request)
	if err != nil {
		return err
	}
	return writeJSON(w, report)
}
