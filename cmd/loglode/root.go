package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/internal/telemetry"
	"github.com/loglode/loglode/pipeline"
)

// cli is what all commands share.
type cli struct {
	in        io.Reader
	out, errs io.Writer

	configFile string
	dataDir    string
	url        string
	token      string
	output     string
	logLevel   string
}

func newRoot(in io.Reader, out, errs io.Writer) *cobra.Command {
	c := &cli{in: in, out: out, errs: errs}
	root := &cobra.Command{
		Use:   "loglode",
		Short: "The log backbone of a Kubernetes cluster that can be asked",
		Long: `loglode takes the logs of pods and nodes and the events of a Kubernetes cluster
through a durable stream into a dated index, and finds them again.

Nothing is lost and nothing is doubled: an entry is indexed once, or it is in
the dead letters with its reason, or a rule that you wrote dropped it and it was
counted. "loglode audit" proves it.`,
		Example: `  loglode demo                                     # see it on a shop in trouble
  loglode up --tail '/var/log/containers/*.log'    # run, follow a node's logs
  loglode ingest app.log.gz events.json            # load files
  loglode ask why does checkout time out           # the cause, with evidence
  loglode search checkout timeouts                 # what was logged about it
  loglode patterns --new --last 1h                 # what is new
  loglode lines 'connection refused' --level warn+ # find lines
  loglode lines -f --namespace shop                # follow them`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(pipeline.WithHint(err, fmt.Sprintf("see: %s --help", cmd.CommandPath())))
	})
	flags := root.PersistentFlags()
	flags.StringVar(&c.configFile, "config", "", "configuration file (YAML); every key is in docs/configuration.md")
	flags.StringVar(&c.dataDir, "data", "", `data directory (default "./loglode-data")`)
	flags.StringVar(&c.logLevel, "log-level", "", "loglode's own log: debug, info, warn, error (default from the configuration)")
	root.AddCommand(c.demoCommand(), c.upCommand(), c.ingestCommand(), c.askCommand(), c.searchCommand(), c.patternsCommand(), c.linesCommand(), c.dlqCommand(), c.auditCommand(),
		c.statusCommand(), c.indicesCommand(), c.costCommand(), c.reembedCommand(), c.doctorCommand(), c.configCommand(), c.versionCommand())
	wrapArgs(root)
	return root
}

// wrapArgs makes wrong arguments a usage error with a hint, for all commands.
func wrapArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError(pipeline.WithHint(err, fmt.Sprintf("see: %s --help", cmd.CommandPath())))
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		wrapArgs(sub)
	}
}

// remoteFlags are the flags of commands that can talk to a running loglode.
func (c *cli) remoteFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.url, "url", "", "talk to a running loglode, such as http://127.0.0.1:7280, instead of opening --data (default $LOGLODE_URL)")
	cmd.Flags().StringVar(&c.token, "token", "", "access token for --url (default $LOGLODE_TOKEN)")
}

// outputFlag is the flag of commands with several output formats; the first is
// the default.
func (c *cli) outputFlag(cmd *cobra.Command, formats ...string) {
	format := cmd.Flags().StringP("output", "o", formats[0], "output format: "+strings.Join(formats, ", "))
	completeFlag(cmd, "output", formats...)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if !slices.Contains(formats, *format) {
			return usageError(fmt.Errorf("output format %q is none of %s", *format, strings.Join(formats, ", ")))
		}
		c.output = *format
		return nil
	}
}

// loadConfig reads the configuration; overrides are what flags say, by key.
func (c *cli) loadConfig(overrides map[string]any) (*config.Config, error) {
	if overrides == nil {
		overrides = map[string]any{}
	}
	if c.dataDir != "" {
		overrides["data"] = c.dataDir
	}
	if c.logLevel != "" {
		overrides["log.level"] = c.logLevel
	}
	cfg, err := config.Load(c.configFile, overrides)
	if err != nil {
		return nil, usageError(err)
	}
	return cfg, nil
}

func (c *cli) logger(cfg *config.Config) (*slog.Logger, error) {
	return telemetry.NewLogger(c.errs, cfg.Log.Format, cfg.Log.Level)
}

// limitMemory sets the runtime's soft limit, unless the environment does.
func limitMemory(cfg *config.Config) {
	if cfg.Memory.Limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(cfg.Memory.Limit))
	}
}

// terminal describes where results go.
func (c *cli) terminal() render.Terminal {
	out := c.out
	if checked, ok := out.(*checkedWriter); ok {
		out = checked.Writer
	}
	return render.Detect(out, os.Getenv)
}

// now is the clock of all that the command line starts.
func now() time.Time { return time.Now() }
