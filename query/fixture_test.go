package query_test

import (
	"encoding/binary"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

// noon is the clock of these tests.
var noon = time.Date(2021, 8, 3, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

func id(n uint64) pipeline.ID {
	var id pipeline.ID
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// line is a log line of shop/cart-0/app, n seconds before noon.
func line(n uint64, message string, change ...func(*pipeline.Entry)) pipeline.Entry {
	e := pipeline.Entry{
		ID: id(n), Time: noon.Add(-time.Duration(n) * time.Second).UnixNano(), Service: "cart", Level: pipeline.LevelInfo,
		Resource: &pipeline.Resource{Cluster: "west", Namespace: "shop", Pod: "cart-0", Container: "app", Node: "n1"},
		Message:  message, Raw: message,
	}
	e.Lineage = pipeline.Lineage{Position: pipeline.Position{Partition: "1", Sequence: "42"}, Index: int(n)}
	for _, c := range change {
		c(&e)
	}
	return e
}

func namespace(name string) func(*pipeline.Entry) {
	return func(e *pipeline.Entry) {
		r := *e.Resource
		r.Namespace = name
		e.Resource = &r
	}
}

func at(t time.Time) func(*pipeline.Entry) {
	return func(e *pipeline.Entry) { e.Time = t.UnixNano() }
}

func messages(lines []query.Line) []string {
	texts := []string{}
	for _, l := range lines {
		texts = append(texts, l.Message)
	}
	return texts
}
