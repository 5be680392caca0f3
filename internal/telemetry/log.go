// Package telemetry is how loglode speaks of itself: its log, its metrics, its
// version. Nothing is registered globally: wiring makes one of each and hands
// it on.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// NewLogger writes records of at least level ("debug", "info", "warn", "error")
// to w, as "text" or "json". Text quotes control characters, so that a log line
// quoted in a message cannot reach the terminal.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("read log level: %w", err)
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log format %q is none of text, json", format)
}
