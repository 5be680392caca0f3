package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (c *cli) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.configCheckCommand())
	return cmd
}

func (c *cli) configCheckCommand() *cobra.Command {
	show := false
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Report every fault of the configuration at once",
		Long: `Read the configuration as "loglode up" would, from the file, the environment
(LOGLODE_SERVER__LISTEN for server.listen) and the flags, and report every fault
at once. Nothing is opened or changed.`,
		Example: `  loglode config check loglode.yaml
  loglode config check --print      # the configuration in force`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				c.configFile = args[0]
			}
			cfg, err := c.loadConfig(nil)
			if err != nil {
				return err
			}
			if show {
				text, err := cfg.YAML()
				if err != nil {
					return err
				}
				_, err = c.out.Write(text)
				return err
			}
			_, err = fmt.Fprintln(c.out, "the configuration is valid")
			return err
		},
	}
	cmd.Flags().BoolVar(&show, "print", false, "print the configuration in force")
	return cmd
}
