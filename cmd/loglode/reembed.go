package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

func (c *cli) reembedCommand() *cobra.Command {
	var request query.ReembedRequest
	var noWait bool
	cmd := &cobra.Command{
		Use:   "reembed --model MODEL",
		Short: "Change the model of vectors while loglode serves",
		Long: `Give all patterns vectors of another model. Questions are asked in the old model
until all have theirs, and in the new one from then on; a text that was embedded
before is not paid for again. The model that serves calls a change off.

MODEL is builtin, amazon.titan-embed-text-v2:0 (or an ARN of it), or a model of the
endpoint at embedding.url. Any other change is made in the configuration: started
with it, loglode does the same. A model that was chosen here holds until embedding
changes in the configuration.

The command waits and shows what is left to do; Ctrl-C ends the waiting, not the
work.`,
		Example: `  loglode reembed --model amazon.titan-embed-text-v2:0 --dimensions 512 --dry-run
  loglode reembed --model builtin`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if request.Model == "" {
				return usageError(pipeline.WithHint(errors.New("no model is named"), "--model builtin, --model amazon.titan-embed-text-v2:0, or a model of embedding.url"))
			}
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error {
				report, err := remote.Reembed(ctx, request)
				if err != nil {
					return err
				}
				if c.output == "json" {
					err = render.JSON(c.out, report)
				} else {
					c.printReembed(report, &request)
				}
				if err != nil || request.DryRun || noWait || !report.Running {
					return err
				}
				return c.awaitReembed(ctx, remote, report.Model)
			})
		},
	}
	cmd.Flags().StringVar(&request.Model, "model", "", "the new model")
	cmd.Flags().IntVar(&request.Dimensions, "dimensions", 0, "length of its vectors; 0: as the model has them")
	cmd.Flags().BoolVar(&request.DryRun, "dry-run", false, "only say what it takes")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait until it is done")
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

func (c *cli) printReembed(r query.ReembedReport, asked *query.ReembedRequest) {
	what := "waiting for vectors of " + render.Safe(r.Model)
	if asked.DryRun {
		what = "would wait for vectors of " + render.Safe(r.Model)
	}
	fmt.Fprintf(c.out, "%s patterns %s: about %s tokens, $%.4f\n", render.Count(r.Documents), what, render.Count(r.Tokens), r.Dollars)
	if r.Dollars > 0 && r.Budget == 0 {
		fmt.Fprintln(c.out, "embedding.dollars_per_day is not set: nothing bounds what a day costs")
	}
	if !r.Running && !asked.DryRun {
		fmt.Fprintln(c.out, "no loglode runs here: the next loglode up does it")
	}
}

// awaitReembed shows what is left until a model serves.
func (c *cli) awaitReembed(ctx context.Context, remote *client.Client, model string) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := int64(-1)
	for {
		s, err := remote.Status(ctx)
		if err != nil {
			return err
		}
		switch next := s.Patterns.Next; {
		case s.Patterns.Model == model && next == nil:
			fmt.Fprintf(c.errs, "questions are asked in %s now\n", render.Safe(model))
			return nil
		case next == nil || next.Model != model:
			return errors.New("another change of model has taken the place of this one")
		case next.Waiting != last:
			fmt.Fprintf(c.errs, "%s patterns are left\n", render.Count(next.Waiting))
			last = next.Waiting
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
