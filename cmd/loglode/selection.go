package main

import (
	"github.com/spf13/cobra"

	"github.com/loglode/loglode/query"
)

// filterHelp explains selectionFlags in the help of the commands that have them.
const filterHelp = `Filters take several values, repeated or joined by commas; a pod, container or
node may end in *. Times: RFC 3339, 2021-08-03, "2021-08-03 09:18", 15m, 2h, 3d
(ago), today, now; UTC unless they say otherwise.`

// selectionFlags are the filters that lines, search and patterns share.
func selectionFlags(cmd *cobra.Command, s *query.Selection) {
	flags := cmd.Flags()
	for _, list := range []struct {
		to          *[]string
		name, usage string
	}{
		{&s.Clusters, "cluster", "cluster"},
		{&s.Namespaces, "namespace", "namespace"},
		{&s.Services, "service", "service"},
		{&s.Pods, "pod", "pod; NAME* for a prefix"},
		{&s.Containers, "container", "container; NAME* for a prefix"},
		{&s.Nodes, "node", "node; NAME* for a prefix"},
		{&s.Levels, "level", "level: trace, debug, info, warn, error, fatal, unknown; warn+ is warn and above"},
		{&s.Kinds, "kind", "kind: log, event, node"},
		{&s.Patterns, "pattern", "ID of a pattern"},
	} {
		flags.StringSliceVar(list.to, list.name, nil, list.usage)
	}
	flags.StringArrayVar(&s.Labels, "label", nil, "label key=value; may be repeated, all must be there")
	flags.StringVar(&s.From, "from", "", "earliest time")
	flags.StringVar(&s.To, "to", "", "time before which lines must lie")
	completeFlag(cmd, "level", "trace", "debug", "info", "warn", "warn+", "error", "error+", "fatal", "unknown")
	completeFlag(cmd, "kind", "log", "event", "node")
	for _, name := range []string{"cluster", "namespace", "service", "pod", "container", "node", "pattern", "label", "from", "to"} {
		completeFlag(cmd, name)
	}
}

// completeFlag offers choices in a shell; none keep it from offering files.
func completeFlag(cmd *cobra.Command, name string, choices ...string) {
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}
