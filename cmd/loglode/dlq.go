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

func (c *cli) dlqCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "List, show and redrive what could not be indexed",
		Long: `The dead letters: records that could not be read and entries that the index
refused for good, each with its bytes, its place and the reason. They are kept
for dead_letters.retention and shown with secrets replaced.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.dlqListCommand(), c.dlqShowCommand(), c.dlqRedriveCommand())
	return cmd
}

func (c *cli) dlqListCommand() *cobra.Command {
	q := query.DeadLetterQuery{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error {
				page, err := remote.DeadLetters(ctx, q)
				if err != nil {
					return err
				}
				return c.printLetters(page)
			})
		},
	}
	cmd.Flags().StringVar(&q.Reason, "reason", "", "only those with this reason")
	cmd.Flags().IntVarP(&q.Limit, "limit", "n", query.DefaultLimit, "how many")
	cmd.Flags().StringVar(&q.Cursor, "cursor", "", "the page after this one")
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

func (c *cli) printLetters(page query.DeadLetterPage) error {
	if c.output == "json" {
		return render.JSON(c.out, page)
	}
	rows := make([][]string, len(page.Letters))
	for i, l := range page.Letters {
		rows[i] = []string{l.ID.String(), l.At.Format(time.DateTime), l.Reason, fmt.Sprintf("%s/%s[%d]", l.Partition, l.Sequence, l.Index), render.Bytes(int64(l.Bytes)), l.Detail}
	}
	if err := render.Table(c.out, c.terminal(), []string{"ID", "AT", "REASON", "PLACE", "BYTES", "DETAIL"}, rows); err != nil {
		return err
	}
	if page.Next != "" {
		fmt.Fprintf(c.errs, "there are more: --cursor %s\n", page.Next)
	}
	return nil
}

func (c *cli) dlqShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one dead letter with the beginning of its content",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := pipeline.ParseID(args[0])
			if err != nil {
				return usageError(err)
			}
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error {
				l, err := remote.DeadLetter(ctx, id)
				if err != nil {
					return err
				}
				if c.output == "json" {
					return render.JSON(c.out, l)
				}
				_, err = fmt.Fprintf(c.out, "id       %s\nat       %s\nreason   %s\ndetail   %s\nplace    %s/%s, sub-record %d, entry %d\nbytes    %d\n\n%s\n",
					l.ID, l.At.Format(time.RFC3339), render.Safe(l.Reason), render.Safe(l.Detail), render.Safe(l.Partition), render.Safe(l.Sequence), l.Sub, l.Index, l.Bytes, render.Safe(l.Preview))
				return err
			})
		},
	}
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

func (c *cli) dlqRedriveCommand() *cobra.Command {
	var reason string
	all := false
	cmd := &cobra.Command{
		Use:   "redrive [ID...]",
		Short: "Put dead letters into the stream again",
		Long: `Put dead letters into the stream again: after an upgrade, or when what refused
them was mended. What is indexed now leaves the dead letters; what is rejected
again becomes a new one. It may be repeated: entries are never doubled.`,
		Example: `  loglode dlq redrive 3f2a9c0d1e4b5a69788796a5b4c3d2e1
  loglode dlq redrive --reason corrupt_record
  loglode dlq redrive --all`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			request := query.RedriveRequest{Reason: reason}
			for _, arg := range args {
				id, err := pipeline.ParseID(arg)
				if err != nil {
					return usageError(err)
				}
				request.IDs = append(request.IDs, id)
			}
			if ways := count(len(args) > 0, reason != "", all); ways != 1 {
				return usageError(pipeline.WithHint(errors.New("say which letters, in one way"), "IDs, or --reason REASON, or --all"))
			}
			return c.redrive(cmd.Context(), request)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "all letters with this reason")
	cmd.Flags().BoolVar(&all, "all", false, "all letters")
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

func count(set ...bool) (n int) {
	for _, s := range set {
		if s {
			n++
		}
	}
	return n
}

func (c *cli) redrive(ctx context.Context, request query.RedriveRequest) error {
	return c.withService(ctx, func(ctx context.Context, remote *client.Client) error {
		report, err := remote.Redrive(ctx, request)
		if err != nil {
			return err
		}
		if c.output == "json" {
			err = render.JSON(c.out, report)
		} else {
			_, err = fmt.Fprintf(c.out, "redriven %d, still dead letters %d\n", report.Redriven, report.Kept)
		}
		if err == nil && report.Kept > 0 {
			err = fmt.Errorf("%d letters are still dead letters", report.Kept)
		}
		return err
	})
}
