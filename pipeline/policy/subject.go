package policy

import (
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/pipeline/parse"
)

// SubjectOf is what rules ask of a raw entry: the service and level that it will
// have once it is normalised. sent is its record's send time, Unix ns.
func SubjectOf(raw *pipeline.RawEntry, annotations map[string]string, sent int64) Subject {
	if raw.Kind == pipeline.KindEvent {
		return eventSubject(raw, annotations, sent)
	}
	return Subject{
		Resource: raw.Resource, Annotations: annotations,
		Service: func() string { return normalise.Service(raw.Resource) },
		Level: func() pipeline.Level {
			var f parse.Fields
			parse.Line(raw.Message, sent, &f)
			return f.Level
		},
	}
}

// eventSubject knows that an event says in its text what it is about. One that
// cannot be read is kept: the dead letters want it.
func eventSubject(raw *pipeline.RawEntry, annotations map[string]string, sent int64) Subject {
	var e pipeline.Entry
	if err := normalise.New().Entry(raw, sent, &e); err != nil {
		return Subject{Annotations: annotations}
	}
	return Subject{
		Resource: e.Resource, Annotations: annotations,
		Service: func() string { return e.Service },
		Level:   func() pipeline.Level { return e.Level },
	}
}
