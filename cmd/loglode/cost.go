package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/query"
)

func (c *cli) costCommand() *cobra.Command {
	by := "day"
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Show what was spent on vectors, by day or by service",
		Long: `Show what was spent on vectors: requests, tokens, dollars, by UTC day and provider,
or by the service whose patterns were embedded; a text that several services have
is counted for the first. The built-in embedder costs nothing.
embedding.dollars_per_day is the budget of a day: when it is spent, patterns are
found by words until the next one.`,
		Example: `  loglode cost
  loglode cost --by service
  loglode cost -o json | jq '[.[].dollars] | add'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error {
				if by != "day" && by != "service" {
					return usageError(pipeline.WithHint(fmt.Errorf("cost by %q", by), "--by day, or --by service"))
				}
				s, err := remote.Status(ctx)
				if err != nil {
					return err
				}
				if c.output == "json" {
					if s.Cost == nil {
						s.Cost = []query.DayCost{}
					}
					return render.JSON(c.out, s.Cost)
				}
				return c.printCost(s.Cost, by)
			})
		},
	}
	cmd.Flags().StringVar(&by, "by", by, "day or service; JSON has both")
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

func (c *cli) printCost(days []query.DayCost, by string) error {
	if len(days) == 0 {
		fmt.Fprintln(c.errs, "nothing was spent: the embedder costs nothing, or has not been asked")
		return nil
	}
	if by == "service" {
		return c.printCostByService(days)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "DAY\tPROVIDER\tREQUESTS\tTOKENS\tDOLLARS\t\n")
	var total embedding.DayUsage
	for _, d := range days {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.4f\t\n", render.Safe(d.Day), render.Safe(d.Provider), render.Count(d.Requests), render.Count(d.Tokens), d.Dollars)
		total.Requests, total.Tokens, total.Dollars = total.Requests+d.Requests, total.Tokens+d.Tokens, total.Dollars+d.Dollars
	}
	fmt.Fprintf(w, "in all\t\t%s\t%s\t%.4f\t\n", render.Count(total.Requests), render.Count(total.Tokens), total.Dollars)
	return w.Flush()
}

// printCostByService sums days up, the dearest service first.
func (c *cli) printCostByService(days []query.DayCost) error {
	sums := map[string]embedding.ServiceUsage{}
	for _, d := range days {
		for name, u := range d.Services {
			sum := sums[name]
			sums[name] = embedding.ServiceUsage{Texts: sum.Texts + u.Texts, Tokens: sum.Tokens + u.Tokens, Dollars: sum.Dollars + u.Dollars}
		}
	}
	names := slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
		return cmp.Or(cmp.Compare(sums[b].Dollars, sums[a].Dollars), cmp.Compare(sums[b].Tokens, sums[a].Tokens), strings.Compare(a, b))
	})
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "SERVICE\tTEXTS\tTOKENS\tDOLLARS\t\n")
	for _, name := range names {
		u := sums[name]
		fmt.Fprintf(w, "%s\t%s\t%s\t%.4f\t\n", render.Safe(name), render.Count(u.Texts), render.Count(u.Tokens), u.Dollars)
	}
	return w.Flush()
}
