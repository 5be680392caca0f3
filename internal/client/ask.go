package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/loglode/loglode/query"
)

// Ask asks what is wrong.
func (c *Client) Ask(ctx context.Context, r query.AskRequest) (query.AskResponse, error) {
	return postJSON[query.AskResponse](ctx, c, "/v1/ask", r)
}

// postJSON sends a question as a body.
func postJSON[T any](ctx context.Context, c *Client, path string, question any) (T, error) {
	var answer T
	body, err := json.Marshal(question)
	if err != nil {
		return answer, fmt.Errorf("encode question: %w", err)
	}
	r, err := c.request(ctx, http.MethodPost, path, nil, bytes.NewReader(body))
	if err != nil {
		return answer, err
	}
	r.Header.Set("Content-Type", "application/json")
	err = c.answer(r, &answer)
	return answer, err
}
