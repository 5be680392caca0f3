package client

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
)

// Ingested is what became of the records of an Ingest.
type Ingested struct {
	Entries int64 `json:"entries"`
}

// Ingest sends records, one JSON object a line, and returns when they are
// durable; with Indexed when they are indexed.
func (c *Client) Ingest(ctx context.Context, records []byte, until Durability) (Ingested, error) {
	v := url.Values{}
	if until == Indexed {
		v.Set("wait", "indexed")
	}
	var answer Ingested
	r, err := c.request(ctx, http.MethodPost, "/v1/ingest", v, bytes.NewReader(records))
	if err != nil {
		return answer, err
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	err = c.answer(r, &answer)
	return answer, err
}

// Durability is what an Ingest waits for.
type Durability int

// What an Ingest waits for.
const (
	Durable Durability = iota // the records are in the stream
	Indexed                   // and they can be found
)
