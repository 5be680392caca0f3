package diagnose

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// housekeeping are attributes that say of a line who wrote it, not what.
var housekeeping = []string{"level", "severity", "lvl", "time", "ts", "timestamp", "msg", "message", "caller", "file", "line", "thread", "pid", "goroutine", "trace", "trace_id", "span_id", "req_id", "original_time"}

// Text is what rules read of an entry: its message and, of a structured line,
// each attribute that says something in a row of its own, "err=connection
// refused". Of an event it is the message alone.
func Text(e *pipeline.Entry) string {
	if e.Kind == pipeline.KindEvent || len(e.Attributes) == 0 {
		return e.Message
	}
	var b strings.Builder
	b.WriteString(e.Message)
	for _, a := range e.Attributes {
		if slices.Contains(housekeeping, a.Key) {
			continue
		}
		value := a.Value
		var text string
		if json.Unmarshal([]byte(value), &text) == nil {
			value = text
		}
		if strings.TrimSpace(value) != "" {
			b.WriteString("\n" + a.Key + "=" + value)
		}
	}
	return b.String()
}
