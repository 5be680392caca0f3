package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/config"
)

func TestReferencePageIsUpToDate(t *testing.T) {
	want, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	var got bytes.Buffer
	require.NoError(t, write(&got))
	require.Equal(t, string(want), got.String(), "run `make generate`")
}

func TestReferencePageNamesEveryKey(t *testing.T) {
	var page bytes.Buffer
	require.NoError(t, write(&page))
	for _, f := range config.Fields() {
		if !f.Section {
			require.Contains(t, page.String(), f.Doc, f.Key)
		}
	}
}
