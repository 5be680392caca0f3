package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/loglode/loglode/internal/app"
	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/internal/datadir"
	"github.com/loglode/loglode/pipeline"
)

var errDataAndURL = pipeline.WithHint(errors.New("--data and --url exclude each other"),
	"--data opens a directory on this machine, --url talks to a running loglode")

// remote is the running loglode that a command should talk to: that of --url,
// or, when neither --url nor --data is given, that of $LOGLODE_URL, else the one
// that has the default data directory open. It is nil when the command should open the directory itself.
func (c *cli) remote(cfg *config.Config) (*client.Client, error) {
	if c.url != "" {
		if c.dataDir != "" {
			return nil, usageError(errDataAndURL)
		}
		return c.clientFor(c.url)
	}
	if c.dataDir != "" {
		return nil, nil
	}
	if url := os.Getenv(client.URLVariable); url != "" {
		return c.clientFor(url)
	}
	holder, held, err := datadir.Inspect(cfg.Data)
	if err != nil || !held || holder.URL == "" {
		return nil, nil //nolint:nilerr // opening the directory tells what is wrong with it
	}
	return c.clientFor(holder.URL)
}

func (c *cli) clientFor(url string) (*client.Client, error) {
	token := c.token
	if token == "" {
		token = os.Getenv(client.TokenVariable)
	}
	remote, err := client.New(url, token)
	if err != nil {
		return nil, usageError(err)
	}
	return remote, nil
}

// withService calls fn with a client of the loglode that the flags name. A data
// directory that nobody runs is opened for the time of the call, and answers the
// same way.
//
// What is asked wrongly is a usage error.
func (c *cli) withService(ctx context.Context, fn func(context.Context, *client.Client) error) error {
	err := c.withAny(ctx, fn)
	if errors.Is(err, pipeline.ErrRejected) {
		return usageError(err)
	}
	return err
}

func (c *cli) withAny(ctx context.Context, fn func(context.Context, *client.Client) error) error {
	cfg, err := c.loadConfig(nil)
	if err != nil {
		return err
	}
	remote, err := c.remote(cfg)
	if err != nil {
		return err
	}
	if remote != nil {
		defer remote.Close()
		return fn(ctx, remote)
	}
	return c.withLocal(ctx, cfg, fn)
}

func (c *cli) withLocal(ctx context.Context, cfg *config.Config, fn func(context.Context, *client.Client) error) (err error) {
	if _, err := os.Stat(cfg.Data); err != nil {
		return pipeline.WithHint(fmt.Errorf("open data directory: %w", err),
			"name another with --data, a running loglode with --url, or make one: loglode up, loglode ingest FILE")
	}
	if !datadir.Is(cfg.Data) {
		return pipeline.WithHint(fmt.Errorf("%s is not a data directory of loglode", cfg.Data), "name another with --data, or a running loglode with --url")
	}
	if c.logLevel == "" {
		cfg.Log.Level = "warn"
	}
	log, err := c.logger(cfg)
	if err != nil {
		return usageError(err)
	}
	limitMemory(cfg)
	a, err := app.Open(ctx, app.Options{Config: cfg, Logger: log, Now: now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	handler, err := a.LocalHandler()
	if err != nil {
		return err
	}
	return a.While(ctx, catchUpFor, func(ctx context.Context) error { return fn(ctx, client.InProcess(handler)) })
}

// catchUpFor is how long a command waits for what a killed loglode left in the
// stream.
const catchUpFor = 10 * time.Second
