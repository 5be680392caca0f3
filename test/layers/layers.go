// Package layers holds the import table of docs/design.md: which folder may
// import which, and where a vendor's library may appear. It reads the sources
// itself: `go list` in a test would be answered from the test cache and hide
// violations.
package layers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Module is the path that imports of our own packages begin with.
const Module = "github.com/loglode/loglode"

// Layer is a row of the import table. Folders are relative to the module's
// root; "x" is x alone, "x/..." is x and all below it, "..." is every folder. A
// package belongs to the first row that names it. A row "x/..." may import all
// of x without saying so.
type Layer struct {
	Folder string
	// May lists the folders it may import, Except those of them it may not.
	May, Except []string
}

// Layers is the import table. Its order matters: the first row that fits counts.
func Layers() []Layer {
	mains := []string{"cmd/...", "lambda/...", "fluentbit-plugin/..."}
	return []Layer{
		// The nouns and ports know nothing of the packages that work with them.
		{Folder: "pipeline"},
		{Folder: "pipeline/..."},
		{Folder: "producers/...", May: []string{"pipeline/..."}},
		{Folder: "consumers/...", May: []string{"pipeline/..."}},
		{Folder: "indexing/...", May: []string{"pipeline/..."}},
		{Folder: "query/...", May: []string{"pipeline/..."}},
		{Folder: "fluentbit-plugin/...", May: []string{"pipeline/...", "producers/..."}},
		{Folder: "internal/...", May: []string{"..."}, Except: mains},
		{Folder: "lambda/...", May: []string{"..."}, Except: []string{"cmd/...", "fluentbit-plugin/..."}},
		{Folder: "cmd/...", May: []string{"..."}, Except: []string{"lambda/...", "fluentbit-plugin/..."}},
		{Folder: "tools/...", May: []string{"..."}, Except: mains},
		{Folder: "test/...", May: []string{"..."}, Except: mains},
	}
}

// Vendor is a library, by the first parts of its import path, and the folders it
// may appear in.
type Vendor struct {
	Prefix  string
	Folders []string
}

// Vendors lists every library that is used. One that is not listed is a
// violation: where it may appear is a decision.
func Vendors() []Vendor {
	everywhere := []string{"..."}
	return []Vendor{
		// Small codecs, and what is nearly the standard library.
		{"github.com/klauspost/compress", everywhere},
		{"github.com/zeebo/xxh3", everywhere},
		{"github.com/go-json-experiment/json", everywhere},
		{"github.com/kljensen/snowball", []string{"pipeline/analysis"}},
		{"golang.org/x/sync", []string{"producers/...", "consumers/...", "indexing/...", "query/...", "internal/...", "cmd/...", "test/..."}},
		{"golang.org/x/sys", []string{"producers/...", "internal/..."}},
		{"golang.org/x/term", []string{"internal/...", "cmd/..."}},
		{"github.com/dustin/go-humanize", []string{"producers/...", "internal/...", "cmd/..."}},

		// One leaf package for each vendor, named after it.
		{"github.com/nats-io", []string{"producers/jetstream", "consumers/jetstream", "internal/jetstream"}},
		{"github.com/opensearch-project/opensearch-go", []string{"indexing/opensearch", "test/opensearch"}},
		{"github.com/Shopify/toxiproxy", []string{"test/opensearch"}},
		{"github.com/rs/zerolog", []string{"test/opensearch"}}, // toxiproxy's log
		{"github.com/aws/aws-sdk-go-v2", []string{"indexing/bedrock", "indexing/opensearch", "test/bedrock"}},
		{"github.com/aws/smithy-go", []string{"indexing/bedrock", "test/bedrock"}},
		{"modernc.org/sqlite", []string{"indexing/sqlite", "test/bench/..."}},

		// Each has one place in internal, or belongs to the mains.
		{"github.com/knadh/koanf", []string{"internal/config"}},
		{"github.com/go-viper/mapstructure", []string{"internal/config"}},
		{"go.yaml.in/yaml", []string{"internal/config", "internal/access", "test/eval"}},
		{"github.com/gofrs/flock", []string{"internal/datadir"}},
		{"github.com/prometheus/client_golang", []string{"internal/telemetry"}},
		{"github.com/spf13", []string{"cmd/..."}},
		{"github.com/schollz/progressbar", []string{"internal/...", "cmd/..."}},
		{"github.com/rivo/uniseg", []string{"internal/render"}},
	}
}

// Servers are packages with servers for tests, which any _test.go file may import.
func Servers() []string { return []string{"test/opensearch", "test/bedrock"} }

// TestVendors may appear in _test.go files and in the conformance suites, which
// are packages whose name ends in test.
func TestVendors() []string {
	return []string{"github.com/stretchr/testify", "pgregory.net/rapid"}
}

// Check reads every .go file below root, the module's folder, and returns what
// breaks the table, one line each, sorted. It also wants a package comment for
// every package.
func Check(root string) ([]string, error) {
	c := checker{fset: token.NewFileSet(), documented: map[string]bool{}}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "vendor" || nestedModule(name)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		return c.file(name, filepath.ToSlash(rel))
	})
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	for folder, documented := range c.documented {
		if !documented {
			c.violation(folder, "has no package comment")
		}
	}
	slices.Sort(c.violations)
	return c.violations, nil
}

// nestedModule tells whether a folder is a module of its own.
func nestedModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

type checker struct {
	fset       *token.FileSet
	documented map[string]bool // by folder
	violations []string
}

func (c *checker) violation(where, format string, args ...any) {
	c.violations = append(c.violations, where+" "+fmt.Sprintf(format, args...))
}

func (c *checker) file(name, rel string) error {
	parsed, err := parser.ParseFile(c.fset, name, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	folder := path.Dir(rel)
	c.documented[folder] = c.documented[folder] || isPackageComment(parsed)
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		c.check(rel, folder, imported)
	}
	return nil
}

// isPackageComment tells whether a file's comment introduces its package: by
// its name, or, of a main, in any words.
func isPackageComment(f *ast.File) bool {
	if f.Doc == nil {
		return false
	}
	name := strings.TrimSuffix(f.Name.Name, "_test")
	return name == "main" || strings.HasPrefix(f.Doc.Text(), "Package "+name+" ")
}

func (c *checker) check(file, folder, imported string) {
	ours, own := strings.CutPrefix(imported, Module)
	switch {
	case own && ours == "":
		c.violation(file, "imports the module's root, which holds no package")
	case own:
		c.checkOwn(file, folder, strings.TrimPrefix(ours, "/"))
	case imported == "C":
		if !within(folder, "fluentbit-plugin/...") {
			c.violation(file, "uses cgo: the binary is built without it")
		}
	case strings.Contains(strings.Split(imported, "/")[0], "."):
		c.checkVendor(file, folder, imported)
	}
}

func (c *checker) checkOwn(file, folder, imported string) {
	if imported == folder {
		return // a package's external test
	}
	if slices.Contains(Servers(), imported) && strings.HasSuffix(file, "_test.go") {
		return
	}
	for _, layer := range Layers() {
		if !within(folder, layer.Folder) {
			continue
		}
		inside := func(pattern string) bool { return within(imported, pattern) }
		own := strings.HasSuffix(layer.Folder, "/...") && within(imported, layer.Folder)
		if !own && (!slices.ContainsFunc(layer.May, inside) || slices.ContainsFunc(layer.Except, inside)) {
			c.violation(file, "imports %s: %s may not", imported, layer.Folder)
		}
		return
	}
	c.violation(file, "lies in a folder that the import table does not name")
}

func (c *checker) checkVendor(file, folder, imported string) {
	has := func(prefix string) bool { return within(imported, prefix+"/...") }
	if slices.ContainsFunc(TestVendors(), has) {
		if !isForTests(file, folder) {
			c.violation(file, "imports %s, which is for tests", imported)
		}
		return
	}
	for _, v := range Vendors() {
		if !has(v.Prefix) {
			continue
		}
		if !slices.ContainsFunc(v.Folders, func(pattern string) bool { return within(folder, pattern) }) {
			c.violation(file, "imports %s, which belongs into %s", imported, strings.Join(v.Folders, ", "))
		}
		return
	}
	c.violation(file, "imports %s, which the table of vendors does not name", imported)
}

// isForTests tells whether a file is a test's or a conformance suite's.
func isForTests(file, folder string) bool {
	return strings.HasSuffix(file, "_test.go") || strings.HasSuffix(folder, "test") || within(folder, "test/...")
}

// within tells whether a folder fits a pattern: "x", "x/..." or "...".
func within(folder, pattern string) bool {
	if pattern == "..." {
		return true
	}
	if top, all := strings.CutSuffix(pattern, "/..."); all {
		return folder == top || strings.HasPrefix(folder, top+"/")
	}
	return folder == pattern
}
