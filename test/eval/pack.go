package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The labels that carry a record's identity in the pack through the product.
const (
	labelDocument = "eval-doc-id"
	labelSystem   = "eval-system"
)

// pack is a folder of questions and what answers them.
type pack struct {
	questions []question
	// ingest is the file of records.
	ingest string
	// documents are its records, by eval-doc-id.
	documents map[string]document
	// parse are the files of pattern mining's ground truth.
	parse []string
}

// question is a line of queries.jsonl.
type question struct {
	ID         string `json:"id"`
	Query      string `json:"query"`
	Difficulty string `json:"difficulty"`
	Filters    struct {
		System string `json:"system"`
	} `json:"filters"`
	// Structured are filters that the question's answer is limited to; nil for
	// none.
	Structured *structured `json:"structured"`
	// Relevant are the templates that answer it, RelevantDocs the documents
	// within the structured filter.
	Relevant     []string `json:"relevant"`
	RelevantDocs []string `json:"relevant_docs"`
}

// structured is a filter of a question. From is inclusive, To exclusive; zero
// is open.
type structured struct {
	Namespace string    `json:"namespace"`
	PodPrefix string    `json:"pod_prefix"`
	From      time.Time `json:"time_from"`
	To        time.Time `json:"time_to"`
}

// document is a record of the pack.
type document struct {
	system, namespace, pod string
	time                   time.Time
	// template is the label of docs/*.jsonl; where there is none, the document
	// is its own.
	template string
}

// satisfies tells whether the document lies within a question's filters.
func (d document) satisfies(q *question) bool {
	s := q.Structured
	return d.system == q.Filters.System &&
		(s == nil || (s.Namespace == "" || d.namespace == s.Namespace) &&
			strings.HasPrefix(d.pod, s.PodPrefix) &&
			(s.From.IsZero() || !d.time.Before(s.From)) &&
			(s.To.IsZero() || d.time.Before(s.To)))
}

// readPack reads what a folder holds. A folder without questions is one of
// parse/ or scenarios/ alone.
func readPack(dir string) (*pack, error) {
	p := &pack{documents: map[string]document{}}
	var err error
	if p.parse, err = parseFiles(filepath.Join(dir, "parse")); err != nil {
		return nil, err
	}
	err = eachJSON(filepath.Join(dir, "queries.jsonl"), func(q question) error {
		if q.ID == "" || q.Query == "" || len(q.Relevant) == 0 {
			return errors.New("a question has no id, no query or no relevant template")
		}
		p.questions = append(p.questions, q)
		return nil
	})
	_, none := os.Stat(filepath.Join(dir, "scenarios"))
	switch {
	case errors.Is(err, fs.ErrNotExist) && (len(p.parse) > 0 || none == nil):
		return p, nil
	case err != nil:
		return nil, fmt.Errorf("read questions: %w", err)
	}
	if err := p.readRecords(dir); err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	if err := p.readTemplates(dir); err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	return p, nil
}

func (p *pack) readRecords(dir string) error {
	for _, name := range []string{"ingest.jsonl.gz", "ingest.jsonl"} {
		p.ingest = filepath.Join(dir, name)
		if _, err := os.Stat(p.ingest); err == nil {
			break
		}
	}
	type record struct {
		Time       time.Time `json:"time"`
		Kubernetes struct {
			Namespace string            `json:"namespace_name"`
			Pod       string            `json:"pod_name"`
			Labels    map[string]string `json:"labels"`
		} `json:"kubernetes"`
	}
	return eachJSON(p.ingest, func(r record) error {
		id := r.Kubernetes.Labels[labelDocument]
		if id == "" {
			return fmt.Errorf("a record has no label %s", labelDocument)
		}
		p.documents[id] = document{system: r.Kubernetes.Labels[labelSystem], namespace: r.Kubernetes.Namespace, pod: r.Kubernetes.Pod, time: r.Time, template: id}
		return nil
	})
}

func (p *pack) readTemplates(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "docs", "*.jsonl*"))
	if err != nil {
		return err
	}
	type label struct {
		ID       string `json:"doc_id"`
		Template string `json:"template_id"`
	}
	for _, path := range paths {
		err := eachJSON(path, func(l label) error {
			if d, known := p.documents[l.ID]; known {
				d.template = l.Template
				p.documents[l.ID] = d
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// template is the label of a result; an unknown one stands for itself.
func (p *pack) template(id string) string {
	if d, known := p.documents[id]; known {
		return d.template
	}
	return id
}

// eachJSON calls fn for each line of a file, which may be compressed by gzip.
func eachJSON[T any](path string, fn func(T) error) error {
	return eachLine(path, func(line []byte) error {
		var v T
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		return fn(v)
	})
}

// eachLine calls fn for each line of a file, without its end. fn's errors get
// the line's place.
func eachLine(path string, fn func([]byte) error) error {
	file, err := openFile(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if len(line) > 0 {
			if err := fn(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				return fmt.Errorf("%s:%d: %w", path, n, err)
			}
		}
		if err != nil {
			return nil
		}
	}
}

// openFile opens a file, through gzip where its name says so.
func openFile(path string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return file, err
	}
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), file.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{unzipped, file}, nil
}
