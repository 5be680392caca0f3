// Command configdoc writes docs/configuration.md from the Config struct, on
// standard output.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/loglode/loglode/internal/config"
)

func main() {
	if err := write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "configdoc:", err)
		os.Exit(1)
	}
}

const head = `# Configuration

<!-- Generated from internal/config by "make generate". Edit the struct's tags instead. -->

loglode needs no configuration: the defaults below run all of it in one process, with no network and no account. Settings come from four layers, each over the one before:

1. the defaults,
2. a YAML file, ` + "`--config FILE`" + `,
3. the environment: the key in upper case behind ` + "`LOGLODE_`" + `, with two underscores for a dot (` + "`LOGLODE_SERVER__LISTEN`" + `). Lists of texts are separated by commas; lists of rules are YAML. A variable that has no ` + "`__`" + ` and is no key is ignored, because Kubernetes sets such variables itself for a Service named loglode,
4. the command's flags.

All faults of all layers are reported at once, before anything is opened. An unknown key is a fault. ` + "`loglode config check --print`" + ` shows the effective configuration.

Sizes take KiB, MiB, GiB, TiB (or KB, MB, GB, TB); a bare number is bytes. Durations take ms, s, m, h, d (24 hours) and w: ` + "`250ms`, `1h30m`, `30d`" + `.
`

func write(w io.Writer) error {
	var b strings.Builder
	b.WriteString(head)
	writeTable(&b, "Top level", "", "")
	for _, f := range config.Fields() {
		switch {
		case f.Section && hasOwnKeys(f.Key):
			writeTable(&b, f.Key, f.Key+".", f.Doc)
		case f.Type == "list of rules":
			writeTable(&b, f.Key+" (each rule)", f.Key+"[].", f.Doc)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// hasOwnKeys is false for a section that only holds sections.
func hasOwnKeys(section string) bool {
	for _, f := range config.Fields() {
		if !f.Section && parent(f.Key) == section+"." {
			return true
		}
	}
	return false
}

// parent is the key's section with its dot, or the empty string.
func parent(key string) string { return key[:strings.LastIndex(key, ".")+1] }

// writeTable writes the keys that stand directly in one section.
func writeTable(b *strings.Builder, title, prefix, doc string) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if doc != "" {
		fmt.Fprintf(b, "%s\n\n", doc)
	}
	inList := strings.HasSuffix(prefix, "[].")
	if inList {
		b.WriteString("| Key | Type | Meaning |\n|---|---|---|\n")
	} else {
		b.WriteString("| Key | Type | Default | Meaning |\n|---|---|---|---|\n")
	}
	for _, f := range config.Fields() {
		name, direct := strings.CutPrefix(f.Key, prefix)
		if !direct || f.Section || strings.Contains(name, ".") {
			continue
		}
		doc := strings.ReplaceAll(f.Doc, "|", `\|`)
		if inList {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, f.Type, doc)
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s | `%s` | %s |\n", f.Key, f.Type, f.Default, doc)
	}
}
