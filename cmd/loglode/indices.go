package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

func (c *cli) indicesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "indices",
		Short: "List the indices of lines, delete old days",
		Long: `What the lines lie in: one file a day in the data directory or, with
index.store opensearch, one index a day that services share, and those of services
that have their own. index.retention and index.max_bytes delete days by themselves.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.indicesListCommand(), c.indicesPruneCommand())
	return cmd
}

func (c *cli) indicesListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List indices, oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error {
				found, err := remote.Indices(ctx)
				if err != nil {
					return err
				}
				if c.output == "json" {
					return render.JSON(c.out, found.Indices)
				}
				rows := make([][]string, len(found.Indices))
				for i, x := range found.Indices {
					rows[i] = []string{x.Day, x.Name, x.Service, render.Count(x.Entries), render.Bytes(x.Bytes), sealedMark(x)}
				}
				return render.Table(c.out, c.terminal(), []string{"DAY", "INDEX", "SERVICE", "ENTRIES", "BYTES", ""}, rows)
			})
		},
	}
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

func sealedMark(x pipeline.IndexInfo) string {
	if x.Sealed {
		return "sealed"
	}
	return ""
}

func (c *cli) indicesPruneCommand() *cobra.Command {
	var o client.PruneOptions
	cmd := &cobra.Command{
		Use:   "prune --before DAY",
		Short: "Delete whole days with all their lines",
		Long: `Delete the days before a day, with all their lines, for good. They are counted as
dropped ("pruned"), and an audit does not call them missing. --dry-run says what
would be deleted.`,
		Example: `  loglode indices prune --before 30d --dry-run
  loglode indices prune --before 2026-10-01`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Before == "" {
				return usageError(pipeline.WithHint(errors.New("no day is given"), "--before 2026-10-01, or --before 30d"))
			}
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error {
				report, err := remote.Prune(ctx, o)
				if err != nil {
					return err
				}
				return c.printPruned(report)
			})
		},
	}
	cmd.Flags().StringVar(&o.Before, "before", "", `the first day that is kept: 2026-10-01, or 30d for "30 days ago"`)
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "delete nothing")
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

func (c *cli) printPruned(r query.PruneReport) error {
	if c.output == "json" {
		return render.JSON(c.out, r)
	}
	rows := make([][]string, len(r.Days))
	for i, d := range r.Days {
		rows[i] = []string{d.Day, render.Count(d.Entries), render.Bytes(d.Bytes)}
	}
	if len(rows) > 0 {
		if err := render.Table(c.out, c.terminal(), []string{"DAY", "ENTRIES", "BYTES", ""}, rows); err != nil {
			return err
		}
	}
	done := "deleted"
	if r.DryRun {
		done = "would be deleted"
	}
	_, err := fmt.Fprintf(c.out, "%d days with %s entries, %s: %s\n", len(r.Days), render.Count(r.Entries), render.Bytes(r.Bytes), done)
	return err
}
