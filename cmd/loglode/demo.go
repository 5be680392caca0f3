package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/internal/app"
	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/internal/demo"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

const (
	// demoBatch is how many lines are sent at a time.
	demoBatch = 4000
	// demoBody bounds a body, in bytes.
	demoBody = 4 << 20
	// demoPause is how much of a pause is caught up with, demoRetry how long a full
	// stream is waited for.
	demoPause = time.Minute
	demoRetry = 500 * time.Millisecond
	// mostRate is more than a computer can be asked to write.
	mostRate = 10_000_000
	// demoQuestion is asked for the reader.
	demoQuestion = "why does the cache service not start?"
)

// demoFlags are what `loglode demo` is told.
type demoFlags struct {
	listen, incidents, start string
	seed                     uint64
	rate                     float64
	history, duration        time.Duration
	seconds                  int
	once, generate           bool
}

func (c *cli) demoCommand() *cobra.Command {
	var d demoFlags
	var names []string
	var incidents strings.Builder
	for _, incident := range demo.Incidents() {
		names = append(names, incident.Name)
		fmt.Fprintf(&incidents, "\n  %-13s %s", incident.Name, incident.Is)
	}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See all of it on a small shop whose cluster is in trouble",
		Long: `Run all of loglode on the logs, node journals and events of a small shop, which
are made up as you watch: a dozen services, and four things that go wrong. It asks
the first question for you, and then tells what to try. Ctrl-C ends it and leaves
nothing behind; with --data the directory stays.

With --generate the records are written to standard output instead, as fast as
they are read: for load tests. The same --seed, --start and --rate give the same
bytes.

Incidents:` + incidents.String(),
		Example: `  loglode demo
  loglode demo --once                                       # the first answer, and end
  loglode demo --incidents none                             # a healthy shop
  loglode demo --generate --rate 50000 --seconds 60 > FILE  # a file to load`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("seconds") {
				d.duration = time.Duration(d.seconds) * time.Second
			}
			if err := d.check(cmd.Flags().Changed); err != nil {
				return usageError(err)
			}
			if d.generate {
				return c.demoGenerate(cmd.Context(), d)
			}
			return c.demo(cmd.Context(), d)
		},
	}
	flags := cmd.Flags()
	flags.Float64Var(&d.rate, "rate", 50, "lines a second")
	flags.Uint64Var(&d.seed, "seed", 1, "another seed gives other names and numbers")
	flags.StringVar(&d.incidents, "incidents", "all", "what goes wrong: all, none, or a list with commas")
	flags.DurationVar(&d.history, "history", 30*time.Minute, "how much of the past is there at once")
	flags.StringVar(&d.listen, "listen", "", `address to serve (default "127.0.0.1:7280", or another port where that is taken)`)
	flags.BoolVar(&d.once, "once", false, "end after the first answer")
	flags.BoolVar(&d.generate, "generate", false, "write records to standard output, and run nothing")
	flags.DurationVar(&d.duration, "duration", time.Minute, "with --generate: how much time the records span")
	flags.IntVar(&d.seconds, "seconds", 0, "with --generate: --duration in seconds")
	flags.StringVar(&d.start, "start", "", "with --generate: the first record's time, RFC 3339 (default --duration ago)")
	completeFlag(cmd, "incidents", append(names, "all", "none")...)
	c.outputFlag(cmd, "table", "wide", "json")
	return cmd
}

// check finds what is out of range, and flags that would have no effect. changed
// says whether a flag is given.
func (d demoFlags) check(changed func(name string) bool) error {
	switch {
	case !(d.rate > 0 && d.rate <= mostRate):
		return pipeline.WithHint(fmt.Errorf("--rate %g is out of range", d.rate), fmt.Sprintf("lines a second, more than 0 and up to %d", mostRate))
	case d.history <= 0:
		return pipeline.WithHint(fmt.Errorf("--history %s is no span of time", d.history), "write 30m or 2h")
	case d.duration <= 0:
		return pipeline.WithHint(fmt.Errorf("--duration %s is no span of time", d.duration), "write 90s or 10m, or --seconds 90")
	case changed("seconds") && changed("duration"):
		return errors.New("--seconds and --duration say the same: leave one out")
	}
	without, with := []string{"duration", "seconds", "start"}, []string{"history", "listen", "once", "output"}
	for _, name := range without {
		if !d.generate && changed(name) {
			return fmt.Errorf("--%s goes with --generate", name)
		}
	}
	for _, name := range with {
		if d.generate && changed(name) {
			return fmt.Errorf("--%s does not go with --generate, which runs nothing", name)
		}
	}
	return nil
}

// newGenerator is what the flags say to the generator.
func (d demoFlags) newGenerator(start time.Time) (*demo.Generator, error) {
	g, err := demo.New(d.options(start))
	if err != nil {
		return nil, usageError(pipeline.WithHint(fmt.Errorf("--incidents: %w", err), "all, none, or some of those with commas"))
	}
	return g, nil
}

// options are what the flags say to the generator.
func (d demoFlags) options(start time.Time) demo.Options {
	o := demo.Options{Seed: d.seed, Start: start, Rate: d.rate}
	switch d.incidents {
	case "all":
	case "none", "":
		o.Incidents = []string{}
	default:
		for name := range strings.SplitSeq(d.incidents, ",") {
			o.Incidents = append(o.Incidents, strings.TrimSpace(name))
		}
	}
	return o
}

// demoGenerate writes records to standard output.
func (c *cli) demoGenerate(ctx context.Context, d demoFlags) error {
	if c.terminal().Width > 0 {
		return usageError(pipeline.WithHint(errors.New("--generate would fill the terminal"), "send it to a file: loglode demo --generate > FILE"))
	}
	start := now().Add(-d.duration).Truncate(time.Second)
	if d.start != "" {
		var err error
		if start, err = time.Parse(time.RFC3339, d.start); err != nil {
			return usageError(pipeline.WithHint(fmt.Errorf("--start %q is no time of RFC 3339", d.start), "write 2026-03-01T12:00:00Z"))
		}
	}
	g, err := d.newGenerator(start)
	if err != nil {
		return err
	}
	began := now()
	var lines int64
	// Steps of about demoBatch lines: Ctrl-C ends at the end of a record.
	step := max(time.Duration(demoBatch/d.rate*float64(time.Second)), time.Millisecond)
	for at := start; at.Before(start.Add(d.duration)) && ctx.Err() == nil; {
		at = minTime(at.Add(step), start.Add(d.duration))
		n, err := g.Write(c.out, at)
		lines += n
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(c.errs, "wrote %s records, seed %d, %s to %s, in %s\n", render.Count(lines), d.seed,
		start.UTC().Format(time.RFC3339), start.Add(d.duration).UTC().Format(time.RFC3339), now().Sub(began).Round(time.Millisecond))
	return ctx.Err()
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// demo runs loglode with the shop's logs.
func (c *cli) demo(ctx context.Context, d demoFlags) (err error) {
	start := now().Add(-d.history).Truncate(time.Second)
	g, err := d.newGenerator(start)
	if err != nil {
		return err
	}
	cfg, err := c.demoConfig(d)
	if err != nil {
		return err
	}
	if c.dataDir == "" {
		if cfg.Data, err = os.MkdirTemp("", "loglode-demo-"); err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(cfg.Data)) }()
	}
	log, err := c.logger(cfg)
	if err != nil {
		return usageError(err)
	}
	limitMemory(cfg)
	a, err := app.Open(ctx, app.Options{Config: cfg, Logger: log, Now: now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	show := &showing{cli: c, flags: d, generator: g, start: start}
	if cfg.Server.TokensFile != "" {
		return usageError(pipeline.WithHint(errors.New("the demo serves without tokens, and the configuration names a tokens file"), "run it without --config"))
	}
	return show.run(ctx, a)
}

// demoConfig is the configuration of a demo: any port, few words.
func (c *cli) demoConfig(d demoFlags) (*config.Config, error) {
	overrides := map[string]any{"cluster": demo.Cluster, "index.store": "sqlite"}
	if c.logLevel == "" {
		overrides["log.level"] = "warn"
	}
	if d.listen != "" {
		overrides["server.listen"] = d.listen
	}
	cfg, err := c.loadConfig(overrides)
	if err != nil {
		return nil, err
	}
	if d.listen == "" && taken(cfg.Server.Listen) {
		fmt.Fprintf(c.errs, "%s is taken: serving another port\n", cfg.Server.Listen)
		cfg.Server.Listen = "127.0.0.1:0"
	}
	return cfg, nil
}

func taken(address string) bool {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return true
	}
	return listener.Close() != nil
}

// showing is a demo that runs.
type showing struct {
	cli       *cli
	flags     demoFlags
	generator *demo.Generator
	start     time.Time
	remote    *client.Client
	url       string
	pending   bytes.Buffer // records that are still to be sent
}

// run serves, and feeds and asks what is served, until ctx ends or the first
// answer is told and that was all. That ctx ends is an error only before the first
// answer.
func (s *showing) run(ctx context.Context, a *app.App) error {
	both, end := context.WithCancel(ctx)
	defer end()
	ready := make(chan string, 1)
	var group errgroup.Group
	group.Go(func() error {
		defer end()
		return a.Run(both, func(url string) { ready <- url })
	})
	group.Go(func() error {
		defer end()
		select {
		case s.url = <-ready:
		case <-both.Done():
			return nil
		}
		err := s.play(both)
		if both.Err() != nil && ctx.Err() == nil {
			return nil // the server ended, and tells why
		}
		return err
	})
	return group.Wait()
}

func (s *showing) play(ctx context.Context) error {
	var err error
	if s.remote, err = client.New(s.url, ""); err != nil {
		return err
	}
	defer s.remote.Close()
	if err := s.fill(ctx, now()); err != nil {
		return err
	}
	answer, err := s.remote.Ask(ctx, query.AskRequest{Query: demoQuestion})
	if err != nil {
		return err
	}
	c := s.cli
	if c.forPeople() {
		fmt.Fprintf(c.out, "$ loglode ask '%s'\n\n", demoQuestion)
	}
	if err := render.Answer(c.out, render.Format(c.output), c.terminal(), now(), answer); err != nil || s.flags.once {
		return err
	}
	s.suggest(c.errs)
	return s.live(ctx)
}

// fill sends the past, and waits until it can be found. How many bytes the whole
// of it has is told by the part that is sent.
func (s *showing) fill(ctx context.Context, until time.Time) error {
	bar := render.NewProgress(s.cli.errs, render.Detect(s.cli.errs, os.Getenv), "the shop's past", -1)
	defer func() { _ = bar.Close() }()
	step := max(time.Duration(demoBatch/s.flags.rate*float64(time.Second)), time.Second)
	var sent int64
	for at := s.start; at.Before(until); {
		at = minTime(at.Add(step), until)
		wait := client.Durable
		if !at.Before(until) {
			wait = client.Indexed
		}
		n, err := s.sendPatiently(ctx, at, wait)
		if err != nil {
			return err
		}
		sent += int64(n)
		_ = bar.Set(sent, int64(float64(sent)/at.Sub(s.start).Seconds()*until.Sub(s.start).Seconds()))
	}
	return nil
}

// sendPatiently is send that waits where it is asked to try later.
func (s *showing) sendPatiently(ctx context.Context, until time.Time, wait client.Durability) (sent int, err error) {
	for {
		n, err := s.send(ctx, until, wait)
		sent += n
		if err == nil || !errors.Is(err, pipeline.ErrTryLater) {
			return sent, err
		}
		select {
		case <-ctx.Done():
			return sent, ctx.Err()
		case <-time.After(demoRetry):
		}
	}
}

// send sends the records before until, in bodies of demoBody, and returns how many
// bytes they have. What is to be tried later is kept, and goes first the next time.
func (s *showing) send(ctx context.Context, until time.Time, wait client.Durability) (sent int, err error) {
	if _, err := s.generator.Write(&s.pending, until); err != nil {
		return 0, err
	}
	for s.pending.Len() > 0 {
		body := s.pending.Bytes()
		durability := wait
		if len(body) > demoBody {
			body = body[:bytes.LastIndexByte(body[:demoBody], '\n')+1]
			durability = client.Durable
		}
		if _, err := s.remote.Ingest(ctx, body, durability); err != nil {
			return sent, err
		}
		sent += len(s.pending.Next(len(body)))
	}
	return sent, nil
}

// live goes on until ctx ends. After a pause, as of a computer that slept, most of
// what was missed is left out.
func (s *showing) live(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for last := now(); ; last = now() {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if at := now(); at.Sub(last) > demoPause {
			if _, err := s.generator.Write(io.Discard, at.Add(-demoPause)); err != nil {
				return err
			}
		}
		_, err := s.send(ctx, now(), client.Durable)
		if err != nil && ctx.Err() == nil && !errors.Is(err, pipeline.ErrTryLater) {
			return err
		}
	}
}

// suggest tells what to try.
func (s *showing) suggest(w io.Writer) {
	program := cmp.Or(os.Args[0], "loglode")
	if strings.Contains(program, "go-build") {
		program = "go run ./cmd/loglode"
	}
	fmt.Fprintf(w, "\nThe shop is live at %s. In another terminal:\n\n  export LOGLODE_URL=%s\n", s.url, s.url)
	for _, incident := range demo.Incidents() {
		if incident.Ask != demoQuestion {
			fmt.Fprintf(w, "  %s ask '%s'\n", program, incident.Ask)
		}
	}
	for _, command := range []string{
		"ask 'what is wrong?'",
		"search 'requests that time out'",
		"patterns --new --last 30m",
		"lines 'connection refused' --level warn+",
		"lines -f --namespace shop --level error+",
		"audit",
	} {
		fmt.Fprintf(w, "  %s %s\n", program, command)
	}
	fmt.Fprintf(w, "  curl -s '%s/v1/ask?q=why+is+payment+restarting'\n\nCtrl-C ends it", s.url)
	if s.cli.dataDir == "" {
		fmt.Fprint(w, " and leaves nothing behind")
	}
	fmt.Fprintln(w, ".")
}
