package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"unique"

	"github.com/loglode/loglode/pipeline"
)

// document is a pattern document: a pattern in a service of a namespace. A day
// has one of each, which its blocks name by number, from 1; number 0 is the
// zero document, that of lines without a pattern.
type document struct {
	pattern                     pipeline.Pattern
	cluster, namespace, service string
}

// sharedDocument is a document that is in memory once, however many days and
// indices hold it, and goes when none does.
type sharedDocument = unique.Handle[document]

// compare orders documents: what settles ties of a ranking.
func (d *document) compare(o *document) int {
	return cmp.Or(
		cmp.Compare(string(d.pattern.ID[:]), string(o.pattern.ID[:])), cmp.Compare(d.cluster, o.cluster),
		cmp.Compare(d.namespace, o.namespace), cmp.Compare(d.service, o.service),
	)
}

// storedDocument is a row of the table patterns. Level, time and masked words are
// those of the line that made it.
type storedDocument struct {
	number int64
	shared sharedDocument
	masked string
	level  pipeline.Level
	time   int64
}

// eachDocument calls fn for the documents from a number on, ascending.
func eachDocument(ctx context.Context, q querier, from int64, fn func(storedDocument) error) error {
	rows, err := q.QueryContext(ctx, `SELECT id, cluster, namespace, service, pattern, template, masked, level, time FROM patterns WHERE id >= ? ORDER BY id`, from)
	if err != nil {
		return fmt.Errorf("read patterns: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s storedDocument
		var d document
		var id sql.RawBytes
		if err := rows.Scan(&s.number, &d.cluster, &d.namespace, &d.service, &id, &d.pattern.Template, &s.masked, &s.level, &s.time); err != nil {
			return fmt.Errorf("read patterns: %w", err)
		}
		if len(id) != len(d.pattern.ID) {
			return errCorrupt
		}
		d.pattern.ID = pipeline.PatternID(id)
		s.shared = unique.Make(d)
		if err := fn(s); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read patterns: %w", err)
	}
	return nil
}

// loadDocuments reads the day's documents into the view.
func (v *view) loadDocuments(ctx context.Context, q querier) error {
	v.documents = append(v.documents, unique.Make(document{}))
	return eachDocument(ctx, q, 1, func(d storedDocument) error {
		if d.number != int64(len(v.documents)) {
			return errCorrupt
		}
		v.documents = append(v.documents, d.shared)
		return nil
	})
}

// documentKey finds a document in the writer's memory: a scope and a service
// stand for three texts.
type documentKey struct {
	pattern        pipeline.PatternID
	scope, service uint32
}

// writerDocuments is what the writer knows of the day's documents.
type writerDocuments struct {
	numbers   map[documentKey]uint32
	ofService map[uint32]int // how many, by the service's number
	scopes    map[pipeline.Scope]uint32
	scopeOf   []uint32 // by the resource's number
}

// load reads what the view holds. names are the numbers of services.
func (w *writerDocuments) load(v *view, names map[string]uint32) error {
	*w = writerDocuments{numbers: make(map[documentKey]uint32, len(v.documents)), ofService: map[uint32]int{}, scopes: map[pipeline.Scope]uint32{}}
	for _, r := range v.resources {
		w.addResource(r)
	}
	for i, shared := range v.documents[1:] {
		d := shared.Value()
		service, ok := names[d.service]
		if !ok {
			return fmt.Errorf("pattern %d: %w", i+1, errCorrupt)
		}
		w.add(documentKey{d.pattern.ID, w.scope(d.cluster, d.namespace), service}, uint32(i+1))
	}
	return nil
}

// addResource is told of resources in the order of their numbers.
func (w *writerDocuments) addResource(r *pipeline.Resource) {
	w.scopeOf = append(w.scopeOf, w.scope(r.Cluster, r.Namespace))
}

func (w *writerDocuments) scope(cluster, namespace string) uint32 {
	s := pipeline.Scope{Cluster: cluster, Namespace: namespace}
	n, ok := w.scopes[s]
	if !ok {
		n = uint32(len(w.scopes))
		w.scopes[s] = n
	}
	return n
}

func (w *writerDocuments) add(k documentKey, number uint32) {
	w.numbers[k] = number
	w.ofService[k.service]++
}

// document is the number of an entry's document, which is made where it is
// missing and there is room for it; else 0.
func (w *writer) document(ctx context.Context, next *view, e *pipeline.Entry, resource, service uint32) (uint32, error) {
	if e.Pattern.ID.IsZero() {
		return 0, nil
	}
	k := documentKey{e.Pattern.ID, w.documents.scopeOf[resource], service}
	if n, ok := w.documents.numbers[k]; ok {
		return n, nil
	}
	l := &w.day.store.limits
	if len(w.documents.numbers) >= l.dayPatterns || w.documents.ofService[service] >= l.servicePatterns {
		return 0, nil
	}
	n := uint32(len(next.documents))
	err := w.exec(ctx, `INSERT INTO patterns(id, cluster, namespace, service, pattern, template, masked, level, time) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n, e.Resource.Cluster, e.Resource.Namespace, e.Service, e.Pattern.ID[:], e.Pattern.Template, w.day.store.masked(e), e.Level, e.Time)
	if err != nil {
		return 0, fmt.Errorf("write pattern: %w", err)
	}
	next.documents = append(next.documents, unique.Make(document{
		pattern: e.Pattern, cluster: e.Resource.Cluster, namespace: e.Resource.Namespace, service: e.Service,
	}))
	w.documents.add(k, n)
	return n, nil
}
