package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/access"
	"github.com/loglode/loglode/internal/app"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/internal/datadir"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/producers/tail"
	"github.com/loglode/loglode/query"
)

// finding is the result of one of the doctor's checks.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warn, fail
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

func (c *cli) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check disk, port, clock, stream and store, and say how to mend what is wrong",
		Long: `Check what loglode needs: the configuration, the data directory, free disk, the
clock, the port, the files to follow, the stream and the store. Each fault comes
with a fix. It changes nothing, and works beside a running loglode.

Exit code 3 when a check failed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.loadConfig(nil)
			if err != nil {
				return err
			}
			return c.tell(c.examine(cmd.Context(), cfg))
		},
	}
	c.outputFlag(cmd, "table", "json")
	return cmd
}

// examine runs all checks. A failed one does not keep the others from running.
func (c *cli) examine(ctx context.Context, cfg *config.Config) []finding {
	holder, held, holderErr := datadir.Inspect(cfg.Data)
	findings := []finding{
		{Check: "configuration", Status: "ok", Detail: "valid"},
		checkDirectory(cfg, holderErr),
		checkDisk(cfg),
		checkClock(time.Now()),
		checkPort(cfg, held && holder.URL != ""),
	}
	findings = append(findings, checkFiles(cfg)...)
	if held {
		return append(findings, c.checkRunning(ctx, holder)...)
	}
	return append(findings, c.checkStores(ctx, cfg)...)
}

func checkDirectory(cfg *config.Config, err error) finding {
	f := finding{Check: "data directory", Status: "ok", Detail: cfg.Data}
	info, statErr := os.Stat(cfg.Data)
	switch {
	case errors.Is(statErr, os.ErrNotExist):
		f.Detail = cfg.Data + " is not there yet; it is made at the first start"
	case statErr != nil:
		f.Status, f.Detail, f.Fix = "fail", statErr.Error(), "give this user access to it, or choose another directory with --data"
	case !info.IsDir():
		f.Status, f.Detail, f.Fix = "fail", cfg.Data+" is not a directory", "choose another one with --data"
	case err != nil:
		f.Status, f.Detail, f.Fix = "fail", err.Error(), strings.Join(hints(err), "; ")
	case info.Mode().Perm()&0o077 != 0:
		f.Status, f.Detail, f.Fix = "warn", fmt.Sprintf("%s may be read by other users (%s)", cfg.Data, info.Mode().Perm()), "chmod 700 "+cfg.Data
	}
	return f
}

func checkDisk(cfg *config.Config) finding {
	guard := datadir.NewGuard(existing(cfg.Data), int64(cfg.Disk.MinFree), datadir.Statfs)
	space, err := guard.Space()
	if err != nil {
		return finding{"disk", "fail", err.Error(), "see that the file system is mounted and can be read"}
	}
	detail := fmt.Sprintf("%s free, %s must stay free", humanize.IBytes(uint64(space.Free)), humanize.IBytes(uint64(guard.MinFree())))
	if err := guard.Check(); err != nil {
		return finding{"disk", "fail", detail, strings.Join(hints(err), "; ")}
	}
	if space.Free < 2*guard.MinFree() {
		return finding{"disk", "warn", detail, "free some space soon, or set index.max_bytes so that the oldest days go first"}
	}
	return finding{"disk", "ok", detail, ""}
}

// existing is the nearest directory above path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(path)
		if parent == path {
			return path
		}
		path = parent
	}
}

// builtAfter is a time that a right clock has passed: this check was written
// then.
var builtAfter = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func checkClock(at time.Time) finding {
	if at.Before(builtAfter) || at.After(builtAfter.AddDate(20, 0, 0)) {
		return finding{"clock", "fail", at.UTC().Format(time.RFC3339), "set the system's clock (timedatectl set-ntp true): times without a year, and times in the future, are read by it"}
	}
	return finding{"clock", "ok", at.UTC().Format(time.RFC3339), ""}
}

func checkPort(cfg *config.Config, running bool) finding {
	f := finding{Check: "port", Status: "ok", Detail: cfg.Server.Listen + " is free"}
	var tokens *access.Tokens
	if cfg.Server.TokensFile != "" {
		var err error
		if tokens, err = access.LoadTokens(cfg.Server.TokensFile); err != nil {
			return finding{"port", "fail", err.Error(), strings.Join(hints(err), "; ")}
		}
	}
	if err := access.CheckListen(cfg.Server.Listen, tokens); err != nil {
		return finding{"port", "fail", err.Error(), strings.Join(hints(err), "; ")}
	}
	listener, err := net.Listen("tcp", cfg.Server.Listen)
	switch {
	case err == nil:
		_ = listener.Close()
	case running:
		f.Detail = cfg.Server.Listen + " is served by the running loglode"
	default:
		return finding{"port", "fail", err.Error(), "choose another one with --listen, or stop the program that has it"}
	}
	return f
}

func checkFiles(cfg *config.Config) []finding {
	var findings []finding
	for _, glob := range cfg.Sources.Tail.Globs {
		f := finding{Check: "tail " + glob, Status: "ok"}
		paths, err := tail.Match(glob)
		unreadable := ""
		for _, p := range paths {
			if file, err := os.Open(p); err != nil {
				unreadable = err.Error()
			} else {
				_ = file.Close()
			}
		}
		switch {
		case err != nil:
			f.Status, f.Detail, f.Fix = "fail", err.Error(), strings.Join(hints(err), "; ")
		case unreadable != "":
			f.Status, f.Detail, f.Fix = "fail", unreadable, "give this user read access to the files"
		case len(paths) == 0:
			f.Status, f.Detail, f.Fix = "warn", "no file matches", "check the pattern; files that appear later are found"
		default:
			f.Detail = fmt.Sprintf("%d files", len(paths))
		}
		findings = append(findings, f)
	}
	return findings
}

// checkRunning asks the loglode that holds the data directory.
func (c *cli) checkRunning(ctx context.Context, holder datadir.Holder) []finding {
	if holder.URL == "" {
		return []finding{{"stream and store", "warn", fmt.Sprintf("in use by process %d, which serves no HTTP", holder.PID), "try again when it is done"}}
	}
	remote, err := c.clientFor(holder.URL)
	if err == nil {
		var status query.Status
		if status, err = remote.Status(ctx); err == nil {
			return statusFindings(status)
		}
	}
	return []finding{{"stream and store", "fail", err.Error(), strings.Join(hints(err), "; ")}}
}

// checkStores opens stream and store as `up` would.
func (c *cli) checkStores(ctx context.Context, cfg *config.Config) []finding {
	if _, err := os.Stat(cfg.Data); err != nil {
		return []finding{{"stream and store", "ok", "nothing there yet", ""}}
	}
	log, err := c.logger(cfg)
	if err != nil {
		return []finding{{"log", "fail", err.Error(), ""}}
	}
	a, err := app.Open(ctx, app.Options{Config: cfg, Logger: log, Now: now})
	if err != nil {
		return []finding{{"stream and store", "fail", err.Error(), strings.Join(hints(err), "; ")}}
	}
	status, err := a.Status(ctx)
	if err = errors.Join(err, a.Close()); err != nil {
		return []finding{{"stream and store", "fail", err.Error(), strings.Join(hints(err), "; ")}}
	}
	return statusFindings(status)
}

func statusFindings(s query.Status) []finding {
	var lag int64
	for _, n := range s.Stream.Lag {
		lag += n
	}
	stream := finding{"stream", "ok", fmt.Sprintf("%d records, %s, %d not indexed yet", s.Stream.Records, humanize.IBytes(uint64(s.Stream.Bytes)), lag), ""}
	store := finding{"store", "ok", fmt.Sprintf("%d entries in %d days, %s", s.Index.Entries, s.Index.Days, humanize.IBytes(uint64(s.Index.Bytes))), ""}
	if s.Index.Error != "" {
		store = finding{"store", "fail", s.Index.Error, "see the store's section of docs/operations.md"}
	}
	if len(s.Index.Damaged) > 0 {
		store = finding{"store", "fail", "damaged days: " + strings.Join(s.Index.Damaged, ", "), "stop loglode and move their files out of the data directory's days folder; the other days stay as they are"}
	}
	if n := s.Lost["stream_damaged"]; n > 0 {
		stream = finding{"stream", "fail", fmt.Sprintf("%d records were lost by damage so far", n), "check the disk; load their sources again (loglode ingest), which adds only what is missing"}
	}
	letters := finding{"dead letters", "ok", "none", ""}
	var rejected int64
	for _, n := range s.Rejected {
		rejected += n
	}
	if rejected > 0 {
		letters = finding{"dead letters", "warn", fmt.Sprintf("%d rejected so far", rejected), "loglode dlq list"}
	}
	return []finding{stream, store, letters}
}

// tell prints the findings.
func (c *cli) tell(findings []finding) error {
	failed := 0
	for _, f := range findings {
		if f.Status == "fail" {
			failed++
		}
	}
	if c.output == "json" {
		if err := render.JSON(c.out, findings); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			fmt.Fprintf(c.out, "%-5s %-18s %s\n", f.Status, f.Check, f.Detail)
			if f.Fix != "" {
				fmt.Fprintf(c.out, "      %-18s fix: %s\n", "", f.Fix)
			}
		}
	}
	if failed > 0 {
		return &codedError{fmt.Errorf("%d of %d checks failed", failed, len(findings)), exitUnclean}
	}
	return nil
}
