package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/app"
	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers/file"
)

func (c *cli) ingestCommand() *cobra.Command {
	var resource resourceFlags
	binary := false
	cmd := &cobra.Command{
		Use:   "ingest FILE...",
		Short: "Load log files and events, then exit",
		Long: `Load files into the index by the same path that all lines take, and exit when
all of it is indexed. "-" is standard input. Files may be gzip or zstd.

Every line's shape is recognised by itself: container logs (CRI and Docker),
records of Fluent Bit's kubernetes filter, Kubernetes events (also the output of
kubectl get events -o json), the systemd journal as JSON, plain text.

Loading a file again adds nothing: its lines are there and count as duplicates.
Interrupt it and run it again at any time.`,
		Example: `  loglode ingest *.log.gz
  kubectl get events -A -o json | loglode ingest -
  journalctl -o json | loglode ingest --cluster prod -
  loglode ingest --url http://127.0.0.1:7280 app.log
  loglode ingest -o json app.log`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(pipeline.WithHint(errors.New("no files given"), "name the files to load, or - for standard input"))
			}
			defaults, err := resource.resource()
			if err != nil {
				return usageError(err)
			}
			load := loadRequest{paths: args, stdin: c.in, defaults: defaults, binary: file.RefuseBinary}
			if binary {
				load.binary = file.IndexBinary
			}
			return c.ingest(cmd.Context(), load)
		},
	}
	resource.add(cmd)
	cmd.Flags().BoolVar(&binary, "binary", false, "load files that look binary as text, too")
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

// loadRequest says what to load.
type loadRequest struct {
	paths    []string
	stdin    io.Reader
	defaults pipeline.Resource
	binary   file.Binary
}

func (c *cli) ingest(ctx context.Context, load loadRequest) error {
	cfg, err := c.loadConfig(nil)
	if err != nil {
		return err
	}
	remote, err := c.remote(cfg)
	if err != nil {
		return err
	}
	progress := &loading{terminal: render.Detect(c.errs, os.Getenv), w: c.errs}
	var summary app.Summary
	if remote != nil {
		defer remote.Close()
		summary, err = ingestRemote(ctx, remote, load, progress.update)
	} else {
		summary, err = c.ingestLocal(ctx, cfg, load, progress.update)
	}
	progress.end()
	if err != nil && summary.Lines == 0 {
		return err
	}
	return errors.Join(c.printSummary(summary), err)
}

// ingestRemote sends files to a running loglode, which loads them as it would
// its own.
func ingestRemote(ctx context.Context, remote *client.Client, load loadRequest, progress func(string, int64, int64)) (app.Summary, error) {
	start := now()
	var summary app.Summary
	var failed []error
	for _, path := range load.paths {
		var loaded app.FileAnswer
		err := remote.Load(ctx, client.LoadRequest{Path: path, Stdin: load.stdin, Defaults: load.defaults, Binary: load.binary == file.IndexBinary}, func(read, total int64) { progress(path, read, total) }, &loaded)
		summary.Add(loaded.Summary)
		if err == nil && loaded.Error != "" {
			err = pipeline.WithHint(errors.New(loaded.Error), loaded.Hint)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", path, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	summary.Seconds = now().Sub(start).Round(time.Millisecond).Seconds()
	return summary, errors.Join(failed...)
}

func (c *cli) ingestLocal(ctx context.Context, cfg *config.Config, load loadRequest, progress func(string, int64, int64)) (app.Summary, error) {
	limitMemory(cfg)
	if c.logLevel == "" {
		cfg.Log.Level = "warn" // the summary tells what matters
	}
	log, err := c.logger(cfg)
	if err != nil {
		return app.Summary{}, err
	}
	a, err := app.Open(ctx, app.Options{Config: cfg, Logger: log, Now: now})
	if err != nil {
		return app.Summary{}, err
	}
	summary, err := a.Ingest(ctx, app.IngestRequest{Paths: load.paths, Stdin: load.stdin, Defaults: load.defaults, Binary: load.binary, Progress: progress})
	return summary, errors.Join(err, a.Close())
}

// printSummary writes what was loaded.
func (c *cli) printSummary(s app.Summary) error {
	if c.output == "json" {
		return render.JSON(c.out, s)
	}
	rate := ""
	if s.Seconds > 0 {
		rate = fmt.Sprintf(" (%s lines/s, %s/s)", humanize.Comma(int64(float64(s.Lines)/s.Seconds)), humanize.IBytes(uint64(float64(s.Bytes)/s.Seconds)))
	}
	_, err := fmt.Fprintf(c.out, "%s lines, %s in %s%s\n  entries %s: indexed %s, duplicates %s, rejected %s, dropped %s\n  secrets redacted: %s\n",
		humanize.Comma(s.Lines), humanize.IBytes(uint64(s.Bytes)), time.Duration(s.Seconds*float64(time.Second)).Round(time.Millisecond), rate,
		humanize.Comma(s.Entries), humanize.Comma(s.Indexed), humanize.Comma(s.Duplicates), humanize.Comma(s.Rejected), humanize.Comma(s.Dropped),
		humanize.Comma(s.Redacted))
	if err == nil && s.Rejected > 0 {
		_, err = fmt.Fprintln(c.out, "  see what was rejected, and why: loglode dlq list")
	}
	return err
}

// loading shows the progress of the file that is being loaded.
type loading struct {
	w        io.Writer
	terminal render.Terminal
	path     string
	bar      *render.Progress
}

func (l *loading) update(path string, read, total int64) {
	if l.bar == nil || path != l.path {
		l.end()
		l.path, l.bar = path, render.NewProgress(l.w, l.terminal, path, total)
	}
	if total > 0 && read >= total {
		l.bar.Label("indexing " + path)
	}
	_ = l.bar.Set(read, total) // a bar that cannot be drawn must not stop a load
}

func (l *loading) end() {
	if l.bar != nil {
		_ = l.bar.Close()
		l.bar = nil
	}
}
