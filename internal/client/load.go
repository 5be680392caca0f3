package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/loglode/loglode/pipeline"
)

// LoadRequest says what to load.
type LoadRequest struct {
	Path     string // "-" is Stdin
	Stdin    io.Reader
	Defaults pipeline.Resource // for lines that do not say who wrote them
	Binary   bool              // also when it looks binary
}

// Load has the server load a file and returns when all of it
// is indexed there. into takes the answer's JSON, also when only a part of the
// file could be loaded: then the answer says why. progress is told how much has
// been sent, of how much (0 when unknown).
func (c *Client) Load(ctx context.Context, l LoadRequest, progress func(read, total int64), into any) error {
	v := url.Values{}
	for name, value := range map[string]string{"cluster": l.Defaults.Cluster, "namespace": l.Defaults.Namespace, "pod": l.Defaults.Pod, "container": l.Defaults.Container, "node": l.Defaults.Node} {
		set(v, name, value)
	}
	for key, value := range l.Defaults.Labels {
		v.Add("label", key+"="+value)
	}
	if l.Binary {
		v.Set("binary", "true")
	}
	body, total := l.Stdin, int64(0)
	if l.Path != "-" {
		file, err := os.Open(l.Path)
		if err != nil {
			return fmt.Errorf("open file: %w", err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return fmt.Errorf("open file: %w", err)
		}
		if info.IsDir() {
			return pipeline.WithHint(fmt.Errorf("%s is a directory", l.Path), "name the files in it")
		}
		v.Set("name", filepath.Base(l.Path))
		body, total = file, info.Size()
	}
	r, err := c.request(ctx, http.MethodPost, "/v1/files", v, io.NopCloser(&counted{r: body, total: total, tell: progress}))
	if err != nil {
		return err
	}
	// Without it a refusal could be lost: a server that closes while the body
	// is still being written resets the connection, its answer included.
	r.Header.Set("Expect", "100-continue")
	response, err := c.http.Do(r)
	if err != nil {
		return c.unreachable(r, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnprocessableEntity {
		return newError(response)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxErrorBody)).Decode(into); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// counted tells how much of a reader has been read.
type counted struct {
	r           io.Reader
	read, total int64
	tell        func(read, total int64)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.read += int64(n)
	c.tell(c.read, c.total)
	return n, err //nolint:wrapcheck // a Reader's io.EOF must stay bare
}
