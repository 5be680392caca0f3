package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

// maxStreamLine bounds one line of a stream: an entry of 1 MiB, escaped.
const maxStreamLine = 16 << 20

// Follow calls fn for up to last older lines and for each line that is written
// from now on, until ctx ends, fn fails or the stream does. r must not ask for
// an order, a limit or an end.
func (c *Client) Follow(ctx context.Context, r query.LineRequest, last int, fn func(query.Line) error) error {
	// The server must see that nobody listens any more when fn fails.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := r.Values()
	if last != 0 {
		v.Set("last", strconv.Itoa(last))
	}
	request, err := c.request(ctx, "GET", "/v1/lines/follow", v, nil)
	if err != nil {
		return err
	}
	response, err := c.do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	err = readStream(response.Body, fn)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// readStream reads JSON lines, of which empty ones are heartbeats and one with
// an error is the last.
func readStream(body io.Reader, fn func(query.Line) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxStreamLine)
	for lines.Scan() {
		text := lines.Bytes()
		if len(text) == 0 {
			continue
		}
		var line struct {
			query.Line
			Error string `json:"error"`
			Hint  string `json:"hint"`
		}
		if err := json.Unmarshal(text, &line); err != nil {
			return fmt.Errorf("read line of stream: %w", err)
		}
		if line.Error != "" {
			return pipeline.WithHint(fmt.Errorf("%s: %w", line.Error, pipeline.ErrTryLater), line.Hint)
		}
		if err := fn(line.Line); err != nil {
			return err
		}
	}
	err := lines.Err()
	if err == nil {
		err = errors.New("the server ended it")
	}
	return pipeline.WithHint(fmt.Errorf("read stream: %w: %w", pipeline.ErrTryLater, err), "loglode may have been stopped: follow again")
}
