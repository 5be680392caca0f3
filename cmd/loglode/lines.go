package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

// linesFlags say which lines, and how many.
type linesFlags struct {
	request       query.LineRequest
	around        string
	before, after int
	follow, all   bool
	last          int
}

func (c *cli) linesCommand() *cobra.Command {
	var f linesFlags
	cmd := &cobra.Command{
		Use:   "lines [QUERY...]",
		Short: "Find lines by text and by what wrote them",
		Long: `Find lines. The words of QUERY must all occur (--any: one is enough);
"quoted words" must stand in the line in this order, word* matches by prefix,
-word must not occur. Without a query, filters alone select.

Newest first; --order rank sorts by relevance (BM25). --around ID shows what the
same container wrote before and after one line; -o wide shows IDs. -f follows.
--pattern ID shows the lines of a pattern that "loglode search" or "loglode
patterns" found.

` + filterHelp,
		Example: `  loglode lines 'connection refused' --level warn+ --from 1h
  loglode lines --namespace shop --pod 'cart-*' --order oldest
  loglode lines '"leader election" lost' --order rank
  loglode lines --around 3f2a9c0d1e4b5a69788796a5b4c3d2e1 --before 5 --after 20
  loglode lines -f --label app=cart
  loglode lines --pattern 9b1d3c5e7f90a2b4c6d8e0f1a3b5c7d9 --from 2h
  loglode lines --service cart --from 2021-08-03 --all -o csv > cart.csv`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.request.Query = strings.Join(args, " ")
			if err := f.check(cmd); err != nil {
				return usageError(err)
			}
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error { return c.lines(ctx, remote, f) })
		},
	}
	f.add(cmd)
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "wide", "json", "csv")
	return cmd
}

func (f *linesFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	r := &f.request
	flags.BoolVar(&r.Any, "any", false, "one of the words is enough")
	selectionFlags(cmd, &r.Selection)
	flags.IntVarP(&r.Limit, "limit", "n", query.DefaultLimit, "how many lines")
	flags.StringVar(&r.Order, "order", "newest", "newest, oldest or rank")
	flags.StringVar(&r.Cursor, "cursor", "", "the page after this one (its cursor is printed behind a page)")
	flags.BoolVar(&f.all, "all", false, "all lines that match, page by page")
	flags.StringVar(&f.around, "around", "", "the line with this ID and its neighbours in the same container")
	flags.IntVarP(&f.before, "before", "B", query.DefaultContext, "with --around: lines before it")
	flags.IntVarP(&f.after, "after", "A", query.DefaultContext, "with --around: lines after it")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with new lines as they are indexed")
	flags.IntVar(&f.last, "last", 10, "with -f: older lines first")
	completeFlag(cmd, "order", "newest", "oldest", "rank")
}

// check refuses flags that contradict each other.
func (f *linesFlags) check(cmd *cobra.Command) error {
	set := cmd.Flags().Changed
	switch {
	case f.follow && f.around != "":
		return errors.New("--follow and --around exclude each other")
	case f.around != "" && f.request.Query != "":
		return errors.New("--around shows the neighbours of one line: leave the query out")
	case f.follow && (set("to") || set("order") || set("limit") || f.all):
		return errors.New("lines that are still to come have no end and no order: leave out --to, --order, --limit and --all; --last N shows older ones first")
	case (set("before") || set("after")) && f.around == "":
		return errors.New("--before and --after go with --around ID")
	case set("last") && !f.follow:
		return errors.New("--last goes with --follow")
	case f.all && set("limit"):
		return errors.New("--all and --limit exclude each other")
	}
	return nil
}

func (c *cli) lines(ctx context.Context, remote *client.Client, f linesFlags) error {
	out := render.NewLines(c.out, render.Format(c.output), c.terminal())
	switch {
	case f.around != "":
		id, err := pipeline.ParseID(f.around)
		if err != nil {
			return usageError(err)
		}
		found, err := remote.Around(ctx, id, f.before, f.after)
		if err != nil {
			return err
		}
		return out.Write(found.Lines)
	case f.follow:
		r := f.request
		r.Order, r.Limit = "", 0
		err := remote.Follow(ctx, r, f.last, func(l query.Line) error { return out.Write([]query.Line{l}) })
		if ctx.Err() != nil {
			return nil // Ctrl-C is how following ends
		}
		return err
	case f.all:
		f.request.Limit = query.MaxLimit
	}
	for {
		page, err := remote.Lines(ctx, f.request)
		if err != nil {
			return err
		}
		if err := out.Write(page.Lines); err != nil {
			return err
		}
		if !f.all || page.Next == "" {
			c.more(page)
			return nil
		}
		f.request.Cursor = page.Next
	}
}

// more tells, beside the output, how to get the next page.
func (c *cli) more(page query.LinesResponse) {
	switch {
	case len(page.Lines) == 0 && (c.output == "table" || c.output == "wide"):
		fmt.Fprintln(c.errs, "no lines match")
	case page.Next != "":
		fmt.Fprintf(c.errs, "there are more: --all, or --cursor %s\n", page.Next)
	}
}
