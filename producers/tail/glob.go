package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// glob is a pattern of paths: filepath.Match's for each name, and ** for any
// number of directories, none included. Links to files are followed; ** does
// not go through links to directories, which may lead in circles.
type glob []string // the names, the first one "/"

const anyDepth = "**"

func parseGlob(pattern string) (glob, error) {
	abs, err := filepath.Abs(pattern)
	if err != nil || pattern == "" {
		return nil, badGlob(pattern, errors.Join(err, errors.New("it is empty")))
	}
	names := strings.Split(strings.Trim(filepath.ToSlash(abs), "/"), "/")
	for _, name := range names {
		if _, err := filepath.Match(name, ""); err != nil {
			return nil, badGlob(pattern, err)
		}
		if strings.Contains(name, anyDepth) && name != anyDepth {
			return nil, badGlob(pattern, fmt.Errorf("** must stand alone between slashes, not in %q", name))
		}
	}
	if names[len(names)-1] == anyDepth {
		names = append(names, "*")
	}
	return append(glob{"/"}, names...), nil
}

func badGlob(pattern string, err error) error {
	return pipeline.WithHint(fmt.Errorf("pattern %q: %w", pattern, err),
		`patterns are like "/var/log/containers/*.log" or "/var/log/**/*.log"; quote them, so that the shell does not expand them`)
}

// expand lists the paths that match, in no order; what is not there is no
// fault, what cannot be listed is told to denied.
func (g glob) expand(denied func(dir string, err error)) []string {
	var out []string
	g.walk(g[0], g[1:], denied, func(path string) { out = append(out, path) })
	return out
}

func (g glob) walk(at string, names []string, denied func(string, error), found func(string)) {
	if len(names) == 0 {
		found(at)
		return
	}
	name := names[0]
	if !strings.ContainsAny(name, `*?[\`) {
		g.walk(filepath.Join(at, name), names[1:], denied, found)
		return
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
			denied(at, err)
		}
		return
	}
	if name == anyDepth {
		g.walk(at, names[1:], denied, found)
		for _, e := range entries {
			if e.IsDir() {
				g.walk(filepath.Join(at, e.Name()), names, denied, found)
			}
		}
		return
	}
	for _, e := range entries {
		if ok, _ := filepath.Match(name, e.Name()); ok { // the pattern was checked
			g.walk(filepath.Join(at, e.Name()), names[1:], denied, found)
		}
	}
}

// expandAll lists the paths that any of the globs matches, sorted, each once.
func expandAll(globs []glob, denied func(dir string, err error)) []string {
	var out []string
	for _, g := range globs {
		out = append(out, g.expand(denied)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Match lists the files that a pattern of Options.Globs leads to now, sorted.
// Those that cannot be looked at are among them. An error says that the pattern
// is none, or, beside what was found, which directories cannot be listed.
func Match(pattern string) ([]string, error) {
	g, err := parseGlob(pattern)
	if err != nil {
		return nil, err
	}
	var faults []error
	paths := expandAll([]glob{g}, func(dir string, err error) {
		faults = append(faults, pipeline.WithHint(fmt.Errorf("list %s: %w", dir, err), "give this user read and search access to the directory"))
	})
	paths = slices.DeleteFunc(paths, func(path string) bool {
		info, err := os.Stat(path)
		return isCompressed(path) || errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular()
	})
	return paths, errors.Join(faults...)
}

// isCompressed tells it by the name, as logrotate and kubelet give it.
func isCompressed(path string) bool {
	switch filepath.Ext(path) {
	case ".gz", ".zst", ".bz2", ".xz", ".lz4":
		return true
	}
	return false
}
