// Command loglode is the log backbone of a Kubernetes cluster that can be
// asked. One file per mode; what they share is wired in internal/app.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/loglode/loglode/pipeline"
)

// The exit codes. They are part of the command line's contract: scripts ask
// for them.
const (
	exitOK          = 0
	exitFailed      = 1   // it could not be done, or not all of it
	exitUsage       = 2   // a wrong flag, argument or configuration
	exitUnclean     = 3   // audit, doctor: done, and something is wrong
	exitInterrupted = 130 // Ctrl-C
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		// The first signal ends the context; a second one must end the process.
		<-ctx.Done()
		stop()
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	checked := &checkedWriter{Writer: out}
	root := newRoot(in, checked, errs)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = checked.err
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(checked.err, syscall.EPIPE):
		return exitFailed // its reader, such as head, has seen enough
	}
	var coded *codedError
	code := exitFailed
	if errors.As(err, &coded) {
		code = coded.code
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		fmt.Fprintln(errs, "loglode: interrupted")
		return exitInterrupted
	}
	report(errs, err)
	return code
}

// checkedWriter remembers the first error: output that is lost must not look
// like success.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("write output: %w", err)
	}
	return n, err
}

// codedError is an error with an exit code of its own.
type codedError struct {
	error
	code int
}

func (e *codedError) Unwrap() error { return e.error }

func usageError(err error) error { return &codedError{err, exitUsage} }

// report prints an error, and each hint in it once.
func report(w io.Writer, err error) {
	fmt.Fprintf(w, "loglode: %v\n", err)
	told := map[string]bool{}
	for _, hint := range hints(err) {
		if !told[hint] {
			fmt.Fprintf(w, "  hint: %s\n", hint)
			told[hint] = true
		}
	}
}

// hints collects the hints of an error and of all it wraps.
func hints(err error) []string {
	var found []string
	if h, ok := err.(*pipeline.HintError); ok { //nolint:errorlint // every link of the chain is looked at
		found = append(found, h.Hint)
	}
	switch wrapped := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		if next := wrapped.Unwrap(); next != nil {
			found = append(found, hints(next)...)
		}
	case interface{ Unwrap() []error }:
		for _, next := range wrapped.Unwrap() {
			found = append(found, hints(next)...)
		}
	}
	return found
}
