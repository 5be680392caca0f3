package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loglode/loglode/internal/app"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/internal/telemetry"
)

func (c *cli) upCommand() *cobra.Command {
	var listen string
	var globs []string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the log backbone until interrupted",
		Long: `Run loglode in one process: follow files, take lines over HTTP, keep them in a
durable stream, index them and answer queries. No network, no account.

Fluent Bit sends to it with its http output (format json_lines, uri /v1/ingest).
Ctrl-C stops in order; nothing that was acknowledged is lost, not even by kill -9.`,
		Example: `  loglode up
  loglode up --tail '/var/log/containers/*.log' --tail '/var/log/nginx/*.log'
  loglode up --data /var/lib/loglode --listen 127.0.0.1:7280 --config loglode.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			overrides := map[string]any{}
			if cmd.Flags().Changed("listen") {
				overrides["server.listen"] = listen
			}
			if cmd.Flags().Changed("tail") {
				overrides["sources.tail.globs"] = globs
			}
			return c.up(cmd.Context(), overrides)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", `address to serve (default "127.0.0.1:7280"); another than loopback needs server.tokens_file`)
	cmd.Flags().StringArrayVar(&globs, "tail", nil, "files to follow, as a glob in quotes (** crosses directories); may be repeated")
	return cmd
}

func (c *cli) up(ctx context.Context, overrides map[string]any) error {
	cfg, err := c.loadConfig(overrides)
	if err != nil {
		return err
	}
	limitMemory(cfg)
	log, err := c.logger(cfg)
	if err != nil {
		return usageError(err)
	}
	err = c.runOnce(ctx, cfg, log)
	for errors.Is(err, app.ErrStreamFailed) {
		log.Error("opening everything again", "error", err, "in", reopenAfter)
		select {
		case <-time.After(reopenAfter):
		case <-ctx.Done():
			return err
		}
		if err = c.runOnce(ctx, cfg, log); err != nil && !errors.Is(err, app.ErrStreamFailed) && ctx.Err() == nil {
			// It could not be opened: the disk is full still. Nobody but this
			// loop would try again.
			err = errors.Join(app.ErrStreamFailed, err)
		}
	}
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// reopenAfter is how long a failed stream is left alone.
const reopenAfter = 5 * time.Second

// runOnce opens everything, runs until it ends or the stream fails, and closes.
func (c *cli) runOnce(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	a, err := app.Open(ctx, app.Options{Config: cfg, Logger: log, Now: now, Patient: true})
	if err != nil {
		return err
	}
	err = a.Run(ctx, func(url string) {
		cfg.Server.Listen = strings.TrimPrefix(url, "http://") // the same port again
		log.Info("loglode is up", "version", telemetry.Version().Version, "url", url, "data", cfg.Data, "tail", cfg.Sources.Tail.Globs)
		if render.Detect(c.errs, os.Getenv).Width > 0 {
			fmt.Fprintf(c.errs, "\n  loglode ingest FILE    load files     loglode lines -f    follow lines\n  loglode status         how it is      Ctrl-C              stop\n\n")
		}
	})
	return errors.Join(err, a.Close())
}
