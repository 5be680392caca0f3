package collect

import (
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// FileResource reads a container's metadata from its log file's path, in either
// of the forms that kubelet writes:
//
//	<pod>_<namespace>_<container>-<64 hex digits>.log          (/var/log/containers)
//	<namespace>_<pod>_<pod uid>/<container>/<n>.log[.<stamp>]  (/var/log/pods)
//
// Pod names may hold dots and containers dashes; neither holds an underscore.
// The directory above does not matter.
func FileResource(path string) (pipeline.Resource, bool) {
	parts := strings.Split(strings.ReplaceAll(path, `\`, "/"), "/")
	base := parts[len(parts)-1]
	if r, ok := containerFile(base); ok {
		return r, true
	}
	if len(parts) < 3 || !isPodLog(base) {
		return pipeline.Resource{}, false
	}
	pod := strings.Split(parts[len(parts)-3], "_")
	container := parts[len(parts)-2]
	if len(pod) != 3 || pod[0] == "" || pod[1] == "" || pod[2] == "" || container == "" {
		return pipeline.Resource{}, false
	}
	return pipeline.Resource{Namespace: pod[0], Pod: pod[1], PodUID: pod[2], Container: container}, true
}

func containerFile(base string) (pipeline.Resource, bool) {
	name, ok := strings.CutSuffix(base, ".log")
	if !ok {
		return pipeline.Resource{}, false
	}
	parts := strings.Split(name, "_")
	if len(parts) != 3 {
		return pipeline.Resource{}, false
	}
	container, id, _ := cutLast(parts[2], "-")
	if len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" || container == "" || parts[0] == "" || parts[1] == "" {
		return pipeline.Resource{}, false
	}
	return pipeline.Resource{Pod: parts[0], Namespace: parts[1], Container: container}, true
}

// isPodLog: a restart count, then ".log", then perhaps a rotation's stamp.
func isPodLog(base string) bool {
	n, rest, ok := strings.Cut(base, ".log")
	return ok && n != "" && strings.Trim(n, "0123456789") == "" && (rest == "" || rest[0] == '.')
}
