package feed

import (
	"path/filepath"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
)

// Resource fills what given leaves empty from a file's names: its path, and
// where that leads to if it is a link. A file that is no container's own log
// gives its base name as the container, so that app.log has a service and two
// files of one namespace stay apart.
func Resource(given pipeline.Resource, names ...string) pipeline.Resource {
	r := given
	found := false
	for _, name := range names {
		named, ok := collect.FileResource(name)
		if !ok || r.Pod != "" && r.Pod != named.Pod {
			continue
		}
		found = true
		for _, f := range []struct{ to, from *string }{
			{&r.Namespace, &named.Namespace}, {&r.Pod, &named.Pod}, {&r.PodUID, &named.PodUID}, {&r.Container, &named.Container},
		} {
			if *f.to == "" {
				*f.to = *f.from
			}
		}
	}
	if !found && r.Container == "" && r.Pod == "" && len(names) > 0 {
		r.Container = baseName(names[0])
	}
	return r
}

// baseName is a log's name without what rotation and formats append:
// "/var/log/app.log.1.gz" and "app-20260101.jsonl" are both "app".
func baseName(path string) string {
	name := filepath.Base(path)
	for {
		cut := name
		switch ext := filepath.Ext(name); ext {
		case ".gz", ".zst", ".log", ".txt", ".json", ".jsonl", ".ndjson", ".out", ".err":
			cut = strings.TrimSuffix(name, ext)
		default:
			if ext != "" && strings.Trim(ext[1:], "0123456789-") == "" {
				cut = strings.TrimSuffix(name, ext)
			}
		}
		if i := strings.LastIndexByte(cut, '-'); i >= 0 && len(cut)-i == len("-20260102") && strings.Trim(cut[i+1:], "0123456789") == "" {
			cut = cut[:i]
		}
		if cut == "" || cut == name {
			return name
		}
		name = cut
	}
}
