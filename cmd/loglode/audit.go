package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/app"
	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/pipeline/audit"
)

func (c *cli) auditCommand() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Prove that nothing is lost and nothing is doubled",
		Long: `Hold the stream against the index, by identity, content and lineage:

  missing    finished in the stream, but neither indexed, nor a dead letter, nor
             dropped by policy
  doubled    one entry in two documents
  collapsed  one ID for different content
  stray      a document that its place in the stream does not hold
  suspected  lines that may have been taken twice, on two ways (or are two lines)
  gone       records that vanished from within the stream
  repeated   in the stream more than once (harmless)
  trimmed    documents whose record the stream no longer keeps (stream.keep_bytes)

Exit code 3 when it is not clean.`,
		Example: `  loglode audit
  loglode audit --from 2021-08-03 --to 2021-08-04 -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error {
				report, err := remote.Audit(ctx, from, to)
				if err != nil {
					return err
				}
				if err := c.printAudit(report); err != nil {
					return err
				}
				if err := app.AuditError(report); err != nil {
					return &codedError{err, exitUnclean}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "earliest time of the entries")
	cmd.Flags().StringVar(&to, "to", "", "time before which entries must lie")
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

func (c *cli) printAudit(r audit.Report) error {
	if c.output == "json" {
		return render.JSON(c.out, r)
	}
	verdict := "clean"
	if !r.Clean {
		verdict = "NOT CLEAN"
	}
	fmt.Fprintf(c.out, "%s: %s entries in %s records, %s documents\n", verdict, render.Count(r.Entries), render.Count(r.Records), render.Count(r.Documents))
	for _, row := range []struct {
		name string
		n    int64
	}{
		{"missing", r.Missing}, {"doubled", r.Doubled}, {"collapsed", r.Collapsed}, {"stray", r.Stray}, {"gone", r.Gone},
		{"suspected", r.Suspected}, {"repeated", r.Repeated}, {"rejected", r.Rejected}, {"dropped", r.Dropped}, {"pending", r.Pending}, {"trimmed", r.Trimmed},
	} {
		fmt.Fprintf(c.out, "  %-10s %s\n", row.name, render.Count(row.n))
	}
	for _, example := range r.Examples {
		fmt.Fprintf(c.out, "  ! %s\n", render.Safe(example))
	}
	return nil
}
