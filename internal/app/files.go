package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/file"
	"github.com/loglode/loglode/producers/file/feed"
	"github.com/loglode/loglode/producers/ingesthttp"
)

// FileAnswer is what POST /v1/files answers: what was loaded and, when that is
// not all, why.
type FileAnswer struct {
	Summary
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

// loadFile serves POST /v1/files: a file of any size as the request's body,
// loaded as `loglode ingest` loads a local one. Unlike /v1/ingest it waits while
// the stream is full and until all is indexed, so it is for people and scripts,
// not for shippers; with a token file it needs an admin. Parameters: name (of
// the file), binary=true, and those of ingesthttp.ReadResource.
func (a *App) loadFile(w http.ResponseWriter, r *http.Request) {
	options, err := fileParameters(r)
	if err != nil {
		writeFileAnswer(w, http.StatusBadRequest, FileAnswer{Error: err.Error(), Hint: "known are name, binary=true, cluster, namespace, pod, container, node, label"})
		return
	}
	start := a.now()
	loader, err := a.loader(options)
	if err != nil {
		writeFileAnswer(w, http.StatusInternalServerError, FileAnswer{Error: err.Error()})
		return
	}
	var answer FileAnswer
	before, failed := a.countPatterns(r.Context())
	if failed == nil {
		failed = a.load(r.Context(), loader, file.Stdin, &answer.Summary)
		failed = errors.Join(failed, a.finishPatterns(r.Context(), before, &answer.Summary))
	}
	answer.Seconds = a.now().Sub(start).Seconds()
	if failed == nil {
		writeFileAnswer(w, http.StatusOK, answer)
		return
	}
	// The client names the file in front of it.
	answer.Error, answer.Hint = strings.TrimPrefix(failed.Error(), "load -: "), hintOf(failed)
	writeFileAnswer(w, http.StatusUnprocessableEntity, answer)
}

func fileParameters(r *http.Request) (o file.Options, err error) {
	o.Stdin = r.Body
	o.Defaults, err = ingesthttp.ReadResource(r.URL.Query(), func(name, value string) bool {
		switch {
		case name == "name":
			o.Name = value
		case name == "binary" && value == "true":
			o.Binary = file.IndexBinary
		default:
			return false
		}
		return true
	})
	return o, err
}

func writeFileAnswer(w http.ResponseWriter, status int, answer FileAnswer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client is gone: nobody to tell
}

func hintOf(err error) string {
	var h *pipeline.HintError
	if errors.As(err, &h) {
		return h.Hint
	}
	return ""
}

// loader loads files through a patient publisher: it waits while the stream is
// full.
func (a *App) loader(o file.Options) (*file.Loader, error) {
	intake, err := a.intake(sourceFile, producers.NewPatient(a.publisher(), producers.PatientOptions{Logger: a.log}))
	if err != nil {
		return nil, err
	}
	if o.Defaults.Cluster == "" {
		o.Defaults.Cluster = a.cfg.Cluster
	}
	o.TempDir = a.temp()
	o.Intake, o.Ledger, o.MaxLine, o.Bomb = intake, a.ledger, int(a.cfg.Sources.Tail.MaxLine), feed.DefaultBombLimit
	return file.New(o), nil
}
