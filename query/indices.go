package query

import (
	"net/http"
	"net/url"
	"time"

	"github.com/loglode/loglode/pipeline"
)

func (a *API) getIndices(w http.ResponseWriter, r *http.Request) error {
	if err := noParameters(r); err != nil {
		return err
	}
	list, err := a.Indices.Indices(r.Context())
	if err != nil {
		return err
	}
	if list == nil {
		list = []pipeline.IndexInfo{}
	}
	return writeJSON(w, IndicesResponse{list})
}

func (a *API) prune(w http.ResponseWriter, r *http.Request) error {
	v, err := commandParameters(r, "before", "dry_run")
	if err != nil {
		return err
	}
	request, err := parsePrune(v, a.Lines.now())
	if err != nil {
		return err
	}
	report, err := a.Indices.Prune(r.Context(), request)
	if err != nil {
		return err
	}
	return writeJSON(w, report)
}

// parsePrune wants a day that has begun: nothing is deleted that is still to
// come, nor the day that is written to.
func parsePrune(v url.Values, now time.Time) (PruneRequest, error) {
	const hint = "before=2021-08-03, or before=30d for what is older than that"
	var request PruneRequest
	text, err := single(v, "before")
	if err != nil {
		return request, err
	}
	if text == "" {
		return request, rejectf(hint, "no day is given")
	}
	before, err := ParseTime(zonePlus(text), now)
	if err != nil {
		return request, err
	}
	if before.After(now) {
		return request, rejectf(hint, "%s is still to come", text)
	}
	request.Before = pipeline.Day(before.UnixNano())
	request.DryRun, err = boolean(v, "dry_run")
	return request, err
}
