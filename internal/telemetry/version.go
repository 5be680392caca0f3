package telemetry

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is the version that the linker writes:
//
//	go build -ldflags "-X github.com/loglode/loglode/internal/telemetry.release=v0.1.0"
var release string

// Build says what this program was built from.
type Build struct {
	Version string `json:"version"`          // "v0.1.0", or "devel"
	Commit  string `json:"commit,omitempty"` // empty when built without version control
	Dirty   bool   `json:"dirty,omitempty"`  // the tree had changes that are in no commit
	Go      string `json:"go"`               // "go1.26.0"
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// Version is this program's build.
func Version() Build {
	b := Build{Version: release, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.modified":
				b.Dirty = s.Value == "true"
			}
		}
		if v := info.Main.Version; b.Version == "" && v != "(devel)" {
			b.Version = v
		}
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	return b
}

// String is one line for people.
func (b Build) String() string {
	commit := ""
	if b.Commit != "" {
		commit = " " + b.Commit[:min(12, len(b.Commit))]
	}
	if b.Dirty {
		commit += " (changed)"
	}
	return fmt.Sprintf("loglode %s%s %s %s/%s", b.Version, commit, b.Go, b.OS, b.Arch)
}
