package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	consumer "github.com/loglode/loglode/consumers/jetstream"
	"github.com/loglode/loglode/indexing/sqlite"
	"github.com/loglode/loglode/internal/jetstream"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/pipeline/wire"
)

// planted are secrets, each in a line as it is written, by the part of it that
// must be nowhere.
var planted = map[string]string{
	"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N": "session %s opened",
	"AKIAQ3EGRIVZ7PLNTXYZ":                     "using key %s for upload",
	"hunter2correcthorse":                      "password=%s for user bob",
	"s3cr3tInTheURL":                           "connecting to postgres://app:%s@db:5432/shop",
	"dXNlcjpwYXNzd29yZGxvbmc=":                 "Authorization: Basic %s",
	"4539578763621486":                         "charged card %s for order 17",
	"jsonsecretvalue77":                        `{"level":"info","msg":"login","password":"%s"}`,
	"ghp_16C7e42F292c6912E7710c838347Ae178B4a": "clone with %s",
	"MIIEowIBAAKCAQEAplantedprivatekeybody":    "-----BEGIN RSA PRIVATE KEY-----\\n%s\\n-----END RSA PRIVATE KEY-----",
}

func TestPlantedSecretsAreNowhere(t *testing.T) {
	data, logs := t.TempDir(), t.TempDir()
	path := filepath.Join(logs, "web-1_shop_app-"+strings.Repeat("a", 64)+".log")
	var tailed, posted, loaded bytes.Buffer
	i := 0
	for secret, line := range planted {
		i++
		text := fmt.Sprintf(line, secret)
		at := time.Date(2026, 11, 20, 10, 0, i, 0, time.UTC).Format(time.RFC3339Nano)
		fmt.Fprintf(&tailed, "%s stderr F %s\n", at, text)
		fmt.Fprintf(&posted, `{"time":"%s","stream":"stdout","log":%q,"kubernetes":{"namespace_name":"shop","pod_name":"api-1","container_name":"api","labels":{"app":"api","note":"token=%s"}}}`+"\n", at, text, secret)
		fmt.Fprintf(&loaded, "%s\n", text)
		// One that is rejected, too: its beginning goes to the dead letters.
		fmt.Fprintf(&loaded, "%s%s\n", text, strings.Repeat(" x", 1<<20))
	}
	// A private key as it is written, one line of it in each of the source's; and
	// one that cannot be joined, since each line has a prefix.
	whole, prefixed := privateKey(t), privateKey(t)
	for k, line := range slices.Concat(whole, prefixed) {
		if k >= len(whole) {
			line = "I1120 10:01:00.000000       1 main.go:42] " + line
		}
		at := time.Date(2026, 11, 20, 10, 1, 0, k, time.UTC).Format(time.RFC3339Nano)
		fmt.Fprintf(&tailed, "%s stderr F %s\n", at, line)
		fmt.Fprintf(&posted, `{"time":"%s","stream":"stdout","log":%q,"kubernetes":{"namespace_name":"shop","pod_name":"api-1","container_name":"api","labels":{"app":"api"}}}`+"\n", at, line)
		fmt.Fprintf(&loaded, "%s\n", line)
	}
	require.NoError(t, os.WriteFile(path, tailed.Bytes(), 0o600))
	documents := 3 * (len(planted) + 1 + len(prefixed))
	server := up(t, "--data", data, "--tail", filepath.Join(logs, "*.log"))
	status, answer := server.post(t, "/v1/ingest", "application/x-ndjson", posted.Bytes())
	require.Equal(t, 200, status, answer)
	status, answer = server.post(t, "/v1/files?name=app.log", "", loaded.Bytes())
	require.Equal(t, 200, status, answer)
	server.caughtUp(t, int64(documents))
	require.NotContains(t, server.get(t, "/metrics"), "hunter2")
	require.Zero(t, server.stop(t))

	everything := decodeAll(t, data, documents)
	require.Greater(t, strings.Count(everything, "[redacted:"), documents)
	for secret := range planted {
		require.NotContains(t, everything, secret)
	}
	terms := []string{"hunter2correcthorse", "s3cr3tintheurl", "jsonsecretvalue77", "akiaq3egrivz7plntxyz", "4539578763621486", "plantedprivatekeybody"}
	for _, line := range slices.Concat(bodyOf(whole), bodyOf(prefixed)) {
		require.NotContains(t, everything, line)
		for _, term := range strings.FieldsFunc(strings.ToLower(line), func(r rune) bool { return r == '+' || r == '/' || r == '=' }) {
			if len(term) >= 12 {
				require.NotContains(t, strings.ToLower(everything), term)
				terms = append(terms, term)
			}
		}
	}
	// And no term of them in any file, as the index would have it.
	require.NoError(t, filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		if entry.IsDir() {
			return nil
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		content = bytes.ToLower(content)
		for _, term := range terms {
			require.False(t, bytes.Contains(content, []byte(term)), "%s is in %s", term, path)
		}
		return nil
	}))
}

// privateKey is the lines of a new RSA key in PEM.
func privateKey(t *testing.T) []string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return strings.Split(strings.TrimSpace(string(block)), "\n")
}

// bodyOf is a key without its first and last line.
func bodyOf(key []string) []string { return key[1 : len(key)-1] }

// decodeAll is the text of every stored record, document and dead letter.
func decodeAll(t *testing.T, data string, documents int) string {
	t.Helper()
	var all strings.Builder
	log := slog.New(slog.DiscardHandler)
	stream, err := jetstream.Open(t.Context(), jetstream.Options{Dir: filepath.Join(data, "stream"), Partitions: 4, MaxBytes: 2 << 30, KeepBytes: 1 << 29, Logger: log})
	require.NoError(t, err)
	defer stream.Close()
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	require.NotZero(t, info.Records)
	decoder, err := wire.NewDecoder(64 << 20)
	require.NoError(t, err)
	require.NoError(t, consumer.Scan(t.Context(), stream.JetStream, stream.Name(), jetstream.Partition, info.First, info.Last, func(r pipeline.Record) error {
		decoded, err := decoder.Decode(r.Data)
		for _, e := range decoded.Entries {
			fmt.Fprintln(&all, e.Message, e.Resource)
		}
		return err
	}))

	key, err := os.ReadFile(filepath.Join(data, "redaction.key"))
	require.NoError(t, err)
	var binaryKey []byte
	_, err = fmt.Sscanf(strings.TrimSpace(string(key)), "%x", &binaryKey)
	require.NoError(t, err)
	options := sqlite.Options{Dir: data, Logger: log, View: normalise.View, Key: binaryKey}
	days, err := sqlite.Open(t.Context(), options)
	require.NoError(t, err)
	defer func() { require.NoError(t, days.Close()) }()
	page, err := days.Lines(t.Context(), pipeline.LineQuery{Limit: 10000})
	require.NoError(t, err)
	require.Len(t, page.Lines, documents)
	for _, l := range page.Lines {
		fmt.Fprintln(&all, l.Raw, l.Message, l.Attributes, l.Resource)
	}

	catalogue, err := sqlite.OpenCatalogue(t.Context(), options)
	require.NoError(t, err)
	defer func() { require.NoError(t, catalogue.Close()) }()
	letters, err := catalogue.ListDeadLetters(t.Context(), sqlite.DeadLetterFilter{})
	require.NoError(t, err)
	require.Len(t, letters.Letters, len(planted))
	for _, l := range letters.Letters {
		full, err := catalogue.DeadLetter(t.Context(), l.ID)
		require.NoError(t, err)
		require.NotEmpty(t, full.Data)
		fmt.Fprintln(&all, string(full.Data), full.Detail)
	}
	return all.String()
}
