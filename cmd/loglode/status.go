package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/query"
)

func (c *cli) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how loglode is: stream, index, sources, what was dropped or rejected",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withService(cmd.Context(), func(ctx context.Context, remote *client.Client) error {
				s, err := remote.Status(ctx)
				if err != nil {
					return err
				}
				if c.output == "json" {
					return render.JSON(c.out, s)
				}
				return c.printStatus(s)
			})
		},
	}
	c.remoteFlags(cmd)
	c.outputFlag(cmd, "table", "json")
	return cmd
}

func (c *cli) printStatus(s query.Status) error {
	var lag int64
	for _, n := range s.Stream.Lag {
		lag += n
	}
	fmt.Fprintf(c.out, "loglode  %s, since %s\n", s.Version, s.Started.Local().Format(time.DateTime))
	fmt.Fprintf(c.out, "data     %s\n", render.Safe(s.Data))
	fmt.Fprintf(c.out, "stream   %s records, %s; not indexed yet: %s\n", render.Count(s.Stream.Records), render.Bytes(s.Stream.Bytes), render.Count(lag))
	if s.Index.Error != "" {
		fmt.Fprintf(c.out, "index    ! %s\n", render.Safe(s.Index.Error))
	} else {
		fmt.Fprintf(c.out, "index    %s entries in %d days, %s\n", render.Count(s.Index.Entries), s.Index.Days, render.Bytes(s.Index.Bytes))
	}
	if shards := s.Index.Shards; shards != nil {
		fmt.Fprintf(c.out, "shards   %s of %s that the cluster may have", render.Count(int64(shards.Open)), render.Count(int64(shards.Limit)))
		if shards.Scarce {
			fmt.Fprint(c.out, "  ! delete days (loglode indices prune), name fewer own_indices, or add nodes")
		}
		fmt.Fprintln(c.out)
	}
	embedded := "by words alone"
	if s.Patterns.Model != "" {
		embedded = fmt.Sprintf("%s wait for vectors of %s", render.Count(s.Patterns.Waiting), render.Safe(s.Patterns.Model))
	}
	fmt.Fprintf(c.out, "patterns %s, %s\n", render.Count(s.Patterns.Documents), embedded)
	if next := s.Patterns.Next; next != nil {
		fmt.Fprintf(c.out, "         %s of them wait for vectors of %s, which then takes its place\n", render.Count(next.Waiting), render.Safe(next.Model))
	}
	if s.Patterns.Unpatterned > 0 {
		fmt.Fprintf(c.out, "         %s entries without a pattern: see index.max_service_patterns\n", render.Count(s.Patterns.Unpatterned))
	}
	fmt.Fprintf(c.out, "disk     %s free, %s must stay free\n", render.Bytes(s.Disk.Free), render.Bytes(s.Disk.MinFree))
	for _, name := range slices.Sorted(maps.Keys(s.Sources)) {
		source := s.Sources[name]
		fmt.Fprintf(c.out, "source   %s: %s lines, %s, behind %s", name, render.Count(source.Lines), render.Bytes(source.Bytes), render.Bytes(source.Behind))
		if source.Error != "" {
			fmt.Fprintf(c.out, "  ! %s", render.Safe(source.Error))
		}
		fmt.Fprintln(c.out)
	}
	for _, counted := range []struct {
		what   string
		counts map[string]int64
	}{{"lost", s.Lost}, {"rejected", s.Rejected}, {"dropped", s.Dropped}, {"redacted", s.Redacted}} {
		for _, name := range slices.Sorted(maps.Keys(counted.counts)) {
			fmt.Fprintf(c.out, "%-8s %s by %s\n", counted.what, render.Count(counted.counts[name]), render.Safe(name))
		}
	}
	return nil
}
