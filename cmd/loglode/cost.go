package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/query"
)

func (c *cli) costCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Show what was spent on vectors, by day",
		Long: `Show what was spent on vectors, by UTC day: requests, tokens, dollars. The
built-in embedder costs nothing. embedding.dollars_per_day is the budget of a day:
when it is spent, patterns are found by words until the next one.`,
		Example: `  loglode cost
  loglode cost -o json | jq '[.[].dollars] | add'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error {
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
				return c.printCost(s.Cost)
			})
		},
	}
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

func (c *cli) printCost(days []query.DayCost) error {
	if len(days) == 0 {
		fmt.Fprintln(c.errs, "nothing was spent: the embedder costs nothing, or has not been asked")
		return nil
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "DAY\tREQUESTS\tTOKENS\tDOLLARS\t\n")
	var total query.DayCost
	for _, d := range days {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.4f\t\n", render.Safe(d.Day), render.Count(d.Requests), render.Count(d.Tokens), d.Dollars)
		total.Requests, total.Tokens, total.Dollars = total.Requests+d.Requests, total.Tokens+d.Tokens, total.Dollars+d.Dollars
	}
	fmt.Fprintf(w, "in all\t%s\t%s\t%.4f\t\n", render.Count(total.Requests), render.Count(total.Tokens), total.Dollars)
	return w.Flush()
}
