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

func (c *cli) askCommand() *cobra.Command {
	r := query.AskRequest{}
	cmd := &cobra.Command{
		Use:   "ask QUESTION...",
		Short: "Ask what is wrong, and why; get the cause with its evidence",
		Long: `Ask what is wrong, and why. The known failures of Kubernetes and its workloads
are recognised in events and log lines by rules: images that cannot be pulled,
missing ConfigMaps and Secrets, pods that find no node, unbound volumes, memory
limits, failing probes, refused and timed-out connections, DNS, certificates,
full disks, denied permissions, databases, rate limits and many more. What is
found is joined on the objects it names, and followed to where it began. No
language model is needed.

The answer says the cause and how sure it is, since when and how often, the
entries that show it, the order in which services began to fail, what changed
just before, and what to look at next. Where the logs do not hold an answer, it
says so and shows what came nearest.

Name a pod, a service, a job or a node in the question, or nothing to ask about
everything. "in namespace shop" and "since this morning" become filters. Without
a time the day up to the newest entry is looked at.

` + filterHelp,
		Example: `  loglode ask 'why does the cache service not start?'
  loglode ask what is wrong in namespace shop since this morning
  loglode ask 'is checkout healthy?' --from 30m
  loglode ask why was payment restarted -o json | jq .cause`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Query = strings.Join(args, " ")
			if r.Evidence < 1 || r.Evidence > query.MaxEvidence {
				return usageError(fmt.Errorf("--evidence %d is out of range: 1 to %d", r.Evidence, query.MaxEvidence))
			}
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error { return c.ask(ctx, remote, r) })
		},
	}
	flags := cmd.Flags()
	selectionFlags(cmd, &r.Selection)
	flags.IntVar(&r.Evidence, "evidence", query.DefaultEvidence, fmt.Sprintf("how many entries to show, 1 to %d", query.MaxEvidence))
	flags.BoolVar(&r.Literal, "literal", false, "read no filters and no times out of QUESTION")
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "wide", "json")
	return cmd
}

func (c *cli) ask(ctx context.Context, remote *client.Client, r query.AskRequest) error {
	answer, err := remote.Ask(ctx, r)
	if err != nil {
		return err
	}
	if err := render.Answer(c.out, render.Format(c.output), c.terminal(), now(), answer); err != nil {
		return err
	}
	if c.forPeople() && len(answer.Evidence) > 0 {
		fmt.Fprintf(c.errs, "\nwhat stands around the first: loglode lines --around %s", answer.Evidence[0].ID)
		if len(answer.Evidence) > 1 && c.terminal().Width > 0 && c.output != "wide" {
			fmt.Fprint(c.errs, "; -o wide shows the ID of each")
		}
		fmt.Fprintln(c.errs)
	}
	return nil
}
