package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/query"
)

func (c *cli) searchCommand() *cobra.Command {
	var r query.SearchRequest
	examples := query.DefaultExamples
	cmd := &cobra.Command{
		Use:   "search QUERY...",
		Short: "Ask in your own words; find the patterns that answer, with their lines",
		Long: `Ask in your own words. Lines that differ in their numbers, names and addresses
alone are one pattern; search ranks patterns, by words and by meaning, and shows
of each how often it happened, since when, and some of its lines.

The question itself may say where and when ("in namespace shop since this
morning"): that becomes filters, and is shown. --literal takes the words as they
stand. An ID or an address in the question is looked up in the lines, too.

-o wide shows templates and lines whole, with their IDs; then
"loglode lines --pattern ID" shows all lines of a pattern, and
"loglode lines --around ID" what stands around one line.

` + filterHelp,
		Example: `  loglode search why does checkout time out
  loglode search 'pods are evicted in namespace shop since this morning'
  loglode search connection refused --level warn+ --from 2h
  loglode search 10.0.3.17 --examples 10 -o wide
  loglode search 'disk pressure' -n 3 -o json`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Query, r.Examples = strings.Join(args, " "), &examples
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error { return c.search(ctx, remote, r) })
		},
	}
	flags := cmd.Flags()
	selectionFlags(cmd, &r.Selection)
	flags.IntVarP(&r.Limit, "limit", "n", query.DefaultHits, fmt.Sprintf("how many patterns, up to %d", query.MaxHits))
	flags.IntVar(&examples, "examples", examples, fmt.Sprintf("how many lines of each, 0 to %d", query.MaxExamples))
	flags.BoolVar(&r.Literal, "literal", false, "read no filters and no times out of QUERY")
	flags.StringVar(&r.Leg, "leg", "", "for diagnosis: rank by one leg alone, text or vector")
	completeFlag(cmd, "leg", query.LegText, query.LegVector)
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "wide", "json")
	return cmd
}

func (c *cli) search(ctx context.Context, remote *client.Client, r query.SearchRequest) error {
	found, err := remote.Search(ctx, r)
	if err != nil {
		return err
	}
	if err := render.Search(c.out, render.Format(c.output), c.terminal(), now(), found); err != nil {
		return err
	}
	if !c.forPeople() {
		return nil
	}
	if len(found.Hits) == 0 {
		c.foundNothing(r.Query, found)
		return nil
	}
	c.drillDown(found.Hits[0].PatternID, found.Understood.Filters)
	return nil
}

// forPeople says that the output is one to read.
func (c *cli) forPeople() bool { return c.output == "table" || c.output == "wide" }

// drillDown tells how to get from patterns to lines. It names the first pattern,
// to be copied.
func (c *cli) drillDown(pattern string, s query.Selection) {
	s.Patterns = []string{pattern}
	ids := ""
	if c.output == "table" {
		ids = "; -o wide shows the ID of each"
	}
	fmt.Fprintf(c.errs, "\nlines of the first: loglode lines %s%s\n", render.Flags(s), ids)
}

// foundNothing says what was searched, and what to try.
func (c *cli) foundNothing(question string, r query.SearchResponse) {
	filters := render.Flags(r.Understood.Filters)
	searched := "nothing found for \"" + render.Safe(question) + "\" among " + render.Count(r.Patterns) + " patterns"
	switch {
	case r.Patterns == 0 && filters == "":
		fmt.Fprintln(c.errs, "nothing found: there are no patterns yet")
		fmt.Fprintln(c.errs, "  hint: loglode status shows what is indexed; loglode ingest FILE loads a file")
		return
	case r.Patterns == 0:
		fmt.Fprintf(c.errs, "nothing found: no pattern is left by %s\n", filters)
	case filters == "":
		fmt.Fprintln(c.errs, searched)
	default:
		fmt.Fprintf(c.errs, "%s, with %s\n", searched, filters)
	}
	switch {
	case len(r.Understood.Read) > 0:
		fmt.Fprintln(c.errs, "  hint: --literal reads no filters out of the question; or widen the time with --from")
	case filters != "":
		fmt.Fprintln(c.errs, "  hint: leave filters out, or widen the time with --from")
	default:
		fmt.Fprintln(c.errs, "  hint: ask with other words; loglode patterns lists what there is")
	}
}
