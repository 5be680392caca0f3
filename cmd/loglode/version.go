package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/internal/telemetry"
)

func (c *cli) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			build := telemetry.Version()
			if c.output == "json" {
				return render.JSON(c.out, build)
			}
			_, err := fmt.Fprintln(c.out, build)
			return err
		},
	}
	c.outputFlag(cmd, "text", "json")
	return cmd
}
