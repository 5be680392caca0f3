package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/query"
)

// patternsFlags say which patterns, and in which order.
type patternsFlags struct {
	request                   query.PatternsRequest
	last                      string
	isNew, isRising, isSilent bool
}

func (c *cli) patternsCommand() *cobra.Command {
	var f patternsFlags
	cmd := &cobra.Command{
		Use:   "patterns",
		Short: "Count patterns: the most frequent, what is new, rising or silent",
		Long: `Count patterns: lines that differ in their numbers, names and addresses alone
are one. The most frequent come first.

--new lists what did not happen in the time before, --rising what happens
clearly more often, --silent what has stopped. They compare with the same hours
of the day before; --against 2h compares with two hours earlier, --against 1w
with the same day of last week.

-o wide shows templates whole, with their IDs; "loglode lines --pattern ID"
shows the lines of one.

` + filterHelp,
		Example: `  loglode patterns --level error+ --from today
  loglode patterns --new --last 1h
  loglode patterns --rising --last 30m --against 30m --namespace shop
  loglode patterns --silent --from today
  loglode patterns --service cart -n 1000 -o csv > cart.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.settle(cmd); err != nil {
				return usageError(err)
			}
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error { return c.patterns(ctx, remote, f.request) })
		},
	}
	f.add(cmd)
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "wide", "json", "csv")
	return cmd
}

func (f *patternsFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	r := &f.request
	selectionFlags(cmd, &r.Selection)
	flags.StringVar(&f.last, "last", "", "the last 15m, 2h, 3d: the same as --from")
	flags.StringVar(&r.Order, "order", query.OrderCount, "count, new, rising or silent")
	flags.BoolVar(&f.isNew, "new", false, "the same as --order new")
	flags.BoolVar(&f.isRising, "rising", false, "the same as --order rising")
	flags.BoolVar(&f.isSilent, "silent", false, "the same as --order silent")
	flags.StringVar(&r.Against, "against", "", "compare with this much earlier: 30m, 1d, 1w (default the same hours of the day before)")
	flags.IntVarP(&r.Limit, "limit", "n", query.DefaultLimit, "how many patterns")
	completeFlag(cmd, "last", "15m", "1h", "1d", "1w")
	completeFlag(cmd, "against", "1h", "1d", "1w")
	completeFlag(cmd, "order", query.OrderCount, query.OrderNew, query.OrderRising, query.OrderSilent)
}

// settle makes the short forms one request, and refuses flags that contradict
// each other.
func (f *patternsFlags) settle(cmd *cobra.Command) error {
	set := cmd.Flags().Changed
	r := &f.request
	if count(set("order"), f.isNew, f.isRising, f.isSilent) > 1 {
		return errors.New("--order, --new, --rising and --silent exclude each other")
	}
	switch {
	case f.isNew:
		r.Order = query.OrderNew
	case f.isRising:
		r.Order = query.OrderRising
	case f.isSilent:
		r.Order = query.OrderSilent
	}
	switch {
	case set("last") && set("from"):
		return errors.New("--last and --from say the same: leave one out")
	case set("last"):
		r.From = f.last
	}
	if set("against") && r.Order == query.OrderCount {
		return errors.New("--against goes with --new, --rising or --silent")
	}
	return nil
}

func (c *cli) patterns(ctx context.Context, remote *client.Client, r query.PatternsRequest) error {
	found, err := remote.Patterns(ctx, r)
	if err != nil {
		return err
	}
	if err := render.Patterns(c.out, render.Format(c.output), c.terminal(), now(), r.Order, found); err != nil {
		return err
	}
	if found.Note != "" && c.output != "json" {
		fmt.Fprintf(c.errs, "note: %s\n", render.Safe(found.Note))
	}
	if found.Total > len(found.Patterns) && c.output != "json" {
		fmt.Fprintf(c.errs, "there are more: %s in all; -n shows more of them\n", render.Count(int64(found.Total)))
	}
	if !c.forPeople() {
		return nil
	}
	if found.Before != nil {
		fmt.Fprintf(c.errs, "compared: %s with %s, UTC\n", render.Range(found.Window), render.Range(*found.Before))
	}
	if len(found.Patterns) == 0 {
		c.noPatterns(r)
		return nil
	}
	c.drillDown(found.Patterns[0].PatternID, linesOf(r, found))
	return nil
}

// linesOf selects the lines behind a list of patterns: those of silent ones lie
// in the time before.
func linesOf(r query.PatternsRequest, found query.PatternsResponse) query.Selection {
	s := r.Selection
	if r.Order != query.OrderSilent || found.Before == nil {
		return s
	}
	s.From, s.To = "", ""
	if from := found.Before.From; from != nil {
		s.From = from.UTC().Format(time.RFC3339Nano)
	}
	if to := found.Before.To; to != nil {
		s.To = to.UTC().Format(time.RFC3339Nano)
	}
	return s
}

// noPatterns says what there are none of.
func (c *cli) noPatterns(r query.PatternsRequest) {
	what := map[string]string{
		query.OrderNew: "nothing is new", query.OrderRising: "nothing is clearly more frequent", query.OrderSilent: "nothing has gone silent",
	}[r.Order]
	if what == "" {
		what = "no patterns match"
	}
	if filters := render.Flags(r.Selection); filters != "" {
		what += ", with " + filters
	}
	fmt.Fprintln(c.errs, what)
}
