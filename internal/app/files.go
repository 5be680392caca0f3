package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/file"
	"github.com/loglode/loglode/producers/file/feed"
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
// not for shippers; with a token file it needs an admin. Parameters: name (of the file), binary=true, cluster, namespace, pod,
// container, node, label (key=value, repeated).
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
	failed := a.load(r.Context(), loader, file.Stdin, &answer.Summary)
	answer.Seconds = a.now().Sub(start).Seconds()
	if failed == nil {
		writeFileAnswer(w, http.StatusOK, answer)
		return
	}
	// The client names the file in front of it.
	answer.Error, answer.Hint = strings.TrimPrefix(failed.Error(), "load -: "), hintOf(failed)
	writeFileAnswer(w, http.StatusUnprocessableEntity, answer)
}

func fileParameters(r *http.Request) (file.Options, error) {
	o := file.Options{Stdin: r.Body}
	res := &o.Defaults
	fields := map[string]*string{"name": &o.Name, "cluster": &res.Cluster, "namespace": &res.Namespace, "pod": &res.Pod, "container": &res.Container, "node": &res.Node}
	for key, values := range r.URL.Query() {
		field, known := fields[key]
		switch {
		case known:
			*field = values[len(values)-1]
		case key == "binary" && values[0] == "true":
			o.Binary = file.IndexBinary
		case key == "label":
			res.Labels = map[string]string{}
			for _, label := range values {
				k, v, ok := strings.Cut(label, "=")
				if !ok || k == "" {
					return o, fmt.Errorf("label %q is not key=value", label)
				}
				res.Labels[k] = v
			}
		default:
			return o, fmt.Errorf("unknown parameter %q", key)
		}
	}
	return o, nil
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
