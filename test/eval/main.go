// Command eval measures retrieval and pattern mining on a folder of the pack's
// form (docs/benchmarks.md), through the product's own ingestion and search:
//
//	ingest.jsonl(.gz) -> app.Ingest -> data directory -+-> entry -> eval-doc-id
//	queries.jsonl -----> POST /v1/search --------------+-> hits -> documents
//	docs/*.jsonl  -----> document -> template ---------+-> nDCG@10, R@10, MRR
//	parse/*       -----> pattern.Miner ----------------+-> GA, FGA, PGA, RGA
//	scenarios/*/input -> convert -> app.Ingest -> POST /v1/ask -> evidence, object, cause
//	the demo, corpus/* -> the same, on healthy logs -----------> false alarms
//
// Usage: go run ./test/eval --pack DIR [-o json] [--floor FILE]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// The exit codes are those of loglode.
const (
	exitOK          = 0
	exitFailed      = 1 // it could not be measured, or a value is below its floor
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are what the flags say.
type options struct {
	pack, output, floor string
	// diagnoses is a file to write answers to; empty for none.
	diagnoses string
	// openSearch is the URL of a cluster; empty for SQLite.
	openSearch string
	// seeds is how many of the demo's shops are asked.
	seeds uint64
	wait  time.Duration
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	o, err := parseFlags(args, errs)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(errs, "eval:", err)
		return exitUsage
	}
	var floor *floor
	if o.floor != "" {
		if floor, err = readFloor(o.floor); err != nil {
			fmt.Fprintln(errs, "eval:", err)
			return exitUsage
		}
	}
	switch err = evaluate(ctx, o, floor, out, errs); {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		fmt.Fprintln(errs, "eval: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(errs, "eval:", err)
	return exitFailed
}

func parseFlags(args []string, errs io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("eval", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&o.pack, "pack", "", "folder with queries.jsonl and ingest.jsonl.gz, docs/, parse/")
	flags.StringVar(&o.output, "o", "table", "output format: table, json")
	flags.StringVar(&o.floor, "floor", "", "JSON file of least and most values; one that is missed is named, and the exit code is 1")
	flags.StringVar(&o.diagnoses, "diagnoses", "", "file to write the scenarios' answers to, for score_diagnosis.py")
	flags.StringVar(&o.openSearch, "opensearch", "", "URL of an OpenSearch to measure search on, instead of SQLite; its indices are deleted afterwards")
	flags.Uint64Var(&o.seeds, "seeds", 3, "how many of the demo's shops to ask, each healthy and in trouble")
	flags.DurationVar(&o.wait, "wait", 15*time.Minute, "how long patterns may wait for their vectors")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("argument %q is not understood: all is said by flags", flags.Arg(0))
	case o.pack == "":
		return o, errors.New("--pack DIR is missing")
	case o.output != "table" && o.output != "json":
		return o, fmt.Errorf("output format %q is none of table, json", o.output)
	}
	return o, nil
}

// evaluate measures a pack and prints what came out. What lies below its floor
// is an error that names it.
func evaluate(ctx context.Context, o options, floor *floor, out, errs io.Writer) error {
	pack, err := readPack(o.pack)
	if err != nil {
		return err
	}
	told := &progress{w: errs, start: time.Now()}
	report := report{Pack: o.pack}
	if len(pack.questions) > 0 {
		if err := measureSearch(ctx, pack, o, told, &report); err != nil {
			return err
		}
	}
	for _, path := range pack.parse {
		told.say("patterns of %s", path)
		score, err := measureParse(path)
		if err != nil {
			return err
		}
		report.Parse = append(report.Parse, score)
	}
	if err := diagnosePack(ctx, o, told, &report); err != nil {
		return err
	}
	if o.output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", " ")
		err = encoder.Encode(&report)
	} else {
		err = report.table(out)
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if floor == nil {
		return nil
	}
	return floor.check(report.values())
}

// progress says on standard error what is being done.
type progress struct {
	w     io.Writer
	start time.Time
}

func (p *progress) say(format string, args ...any) {
	fmt.Fprintf(p.w, "%6.1fs  %s\n", time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}
