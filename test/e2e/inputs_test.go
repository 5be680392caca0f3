package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWrongInputIsToldAndNothingElseIsLost(t *testing.T) {
	dir, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	var whole bytes.Buffer
	for i := range 50000 {
		fmt.Fprintf(&whole, "line %d of a file\n", i)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(whole.Bytes())
	require.NoError(t, err)
	require.NoError(t, w.Close())
	good := file("good.log", []byte("2026-11-20T10:00:00Z one good line\n"))
	long := file("long.log", []byte("before\n"+strings.Repeat("x", 20<<20)+"\nafter\n"))
	cases := []struct {
		name    string
		args    []string
		code    int
		says    string
		indexed int64
	}{
		{"unknown flag", []string{"ingest", "--nope"}, 2, "unknown flag", -1},
		{"no files", []string{"ingest", "--data", data}, 2, "no files", -1},
		{"unknown output", []string{"ingest", "--data", data, "-o", "xml", good}, 2, "xml", -1},
		{"unknown command", []string{"bogus"}, 2, "unknown command", -1},
		{"missing file", []string{"ingest", "--data", data, "-o", "json", filepath.Join(dir, "no.log"), good}, 1, "no such file", 1},
		{"directory", []string{"ingest", "--data", data, "-o", "json", dir}, 1, "directory", -1},
		{"truncated gz", []string{"ingest", "--data", data, "-o", "json", file("cut.log.gz", packed.Bytes()[:packed.Len()/2])}, 1, "ends too early", -2},
		{"binary", []string{"ingest", "--data", data, "-o", "json", file("x.bin", append([]byte{0, 1, 2}, make([]byte, 9999)...))}, 1, "binary", -1},
		{"long line", []string{"ingest", "--data", data, "-o", "json", long}, 0, "", 2},
		{"invalid UTF-8", []string{"ingest", "--data", data, "-o", "json", file("inv.log", []byte("bad \xff\xfe bytes\nfine\n"))}, 0, "", 2},
		{"empty file", []string{"ingest", "--data", data, "-o", "json", file("empty.log", nil)}, 0, "", 0},
		{"wrong level", []string{"lines", "--data", data, "--level", "wran"}, 2, "wran", -1},
		{"wrong time", []string{"lines", "--data", data, "--from", "yesterdayish"}, 2, "yesterdayish", -1},
		{"wrong cursor", []string{"lines", "--data", data, "--cursor", "x"}, 2, "cursor", -1},
		{"no data directory", []string{"lines", "--data", filepath.Join(dir, "nowhere")}, 1, "no such file", -1},
		{"data and url", []string{"lines", "--data", data, "--url", "http://127.0.0.1:1"}, 2, "exclude", -1},
		{"nobody there", []string{"lines", "--url", "http://127.0.0.1:1"}, 1, "loglode up", -1},
		{"open to the world", []string{"up", "--data", data, "--listen", "0.0.0.0:0"}, 2, "tokens_file", -1},
		{"data is a file", []string{"up", "--data", good}, 1, "not a directory", -1},
		{"no configuration", []string{"up", "--config", filepath.Join(dir, "no.yaml")}, 2, "no.yaml", -1},
		{"configuration with faults", []string{"config", "check", file("bad.yaml", []byte("serverr: {}\nstream: {partitions: 0}\n"))}, 2, "partitions", -1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := loglode(t, c.args...)
			require.Equal(t, c.code, r.code, r.errors)
			require.Contains(t, r.errors, c.says)
			if c.code != 0 {
				require.NotContains(t, r.errors, "panic")
				require.NotContains(t, r.errors, "goroutine")
			}
			if c.indexed >= 0 {
				var s summary
				require.NoError(t, json.Unmarshal([]byte(r.out), &s), r.out)
				require.Equal(t, c.indexed, s.Indexed)
			}
		})
	}
	require.Len(t, lines(t, "--data", data, "good"), 1)
	require.Len(t, lines(t, "--data", data, "before"), 1)
	require.Len(t, lines(t, "--data", data, "after"), 1)
	require.Len(t, lines(t, "--data", data, "fine"), 1)
	require.NotEmpty(t, lines(t, "--data", data, `"line 100 of a file"`), "what stood before the damage is in")
	requireClean(t, data)

	letters := ok[struct {
		Letters []struct {
			ID, Reason, Detail string
			Bytes              int
		}
	}](t, "dlq", "list", "--data", data, "-o", "json")
	require.Len(t, letters.Letters, 1)
	require.Equal(t, "too_long", letters.Letters[0].Reason)
	require.Contains(t, letters.Letters[0].Detail, "long.log")
	require.NotZero(t, letters.Letters[0].Bytes)
	require.Contains(t, loglode(t, "dlq", "show", "--data", data, letters.Letters[0].ID).out, "xxxx")
}

func TestASecondProcessIsToldWhoHasTheData(t *testing.T) {
	data := t.TempDir()
	server := up(t, "--data", data)
	for _, args := range [][]string{{"up", "--data", data}, {"ingest", "--data", data, "x"}, {"lines", "--data", data}, {"audit", "--data", data}} {
		r := loglode(t, args...)
		require.Equal(t, 1, r.code)
		require.Contains(t, r.errors, "--url "+server.url)
	}
	require.Equal(t, 0, loglode(t, "lines", "--url", server.url).code)
	require.Equal(t, 0, loglode(t, "doctor", "--data", data).code)
	require.Zero(t, server.stop(t))
	require.Equal(t, 0, loglode(t, "lines", "--data", data).code)
}

func TestADiskThatIsNearlyFullStopsTheSourcesAndLosesNothing(t *testing.T) {
	data, logs := t.TempDir(), t.TempDir()
	path := filepath.Join(logs, "app.log")
	require.NoError(t, os.WriteFile(path, []byte("2026-11-20T10:00:00Z a\n2026-11-20T10:00:01Z b\n"), 0o600))
	config := filepath.Join(t.TempDir(), "full.yaml")
	require.NoError(t, os.WriteFile(config, []byte("disk: {min_free: 1000TiB}\n"), 0o600))
	server := up(t, "--data", data, "--tail", path, "--config", config)
	status, answer := server.post(t, "/v1/ingest", "text/plain", []byte("2026-11-20T10:00:02Z c\n"))
	require.Equal(t, 503, status, answer)
	require.Contains(t, answer, "min_free")
	require.Equal(t, 3, loglode(t, "doctor", "--data", data, "--config", config).code)
	require.Zero(t, server.stop(t), "waiting sources must not keep it from stopping")

	server = up(t, "--data", data, "--tail", path)
	status, answer = server.post(t, "/v1/ingest", "text/plain", []byte("2026-11-20T10:00:02Z c\n"))
	require.Equal(t, 200, status, answer)
	server.caughtUp(t, 3)
	require.Zero(t, server.stop(t))
	requireClean(t, data)
}

func TestFormatsOfFiles(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	id := strings.Repeat("0", 64)
	s := ok[summary](t, "ingest", "--data", data, "-o", "json",
		write("web-7c9d6d5c8b-x2x7v_shop_app-"+id+".log", "2026-11-20T10:00:00.000000001Z stdout P first \n2026-11-20T10:00:00.000000002Z stdout F half\n2026-11-20T10:00:01Z stderr F java.lang.IllegalStateException: boom\n2026-11-20T10:00:01Z stderr F \tat com.shop.Main.main(Main.java:7)\n"),
		write("db-0_shop_db-"+id+".log", `{"log":"docker line\n","stream":"stdout","time":"2026-11-20T10:00:02.5Z"}`+"\n"),
		write("journal.json", `{"__REALTIME_TIMESTAMP":"1795168803000000","MESSAGE":"Started kubelet","_HOSTNAME":"node-1","_SYSTEMD_UNIT":"kubelet.service","PRIORITY":"4"}`+"\n"),
		write("events.json", `{"apiVersion":"v1","kind":"List","items":[
			{"apiVersion":"v1","kind":"Event","metadata":{"name":"e1","namespace":"shop","uid":"u1","resourceVersion":"9"},"involvedObject":{"kind":"Pod","namespace":"shop","name":"web-7c9d6d5c8b-x2x7v"},"reason":"BackOff","message":"Back-off restarting failed container","type":"Warning","count":5,"lastTimestamp":"2026-11-20T10:00:04Z"}]}`),
		write("plain.log", "2026-11-20 10:00:05,123 ERROR [main] com.shop.X - failed\njust words\n"))
	require.EqualValues(t, 7, s.Indexed, "%+v", s)
	require.Zero(t, s.Rejected)

	byMessage := map[string]line{}
	for _, l := range lines(t, "--data", data) {
		byMessage[strings.SplitN(l.Message, "\n", 2)[0]] = l
	}
	half := byMessage["first half"]
	require.Equal(t, []string{"shop", "web", "web-7c9d6d5c8b-x2x7v", "app", "log"}, []string{half.Namespace, half.Service, half.Pod, half.Container, half.Kind})
	require.Equal(t, "2026-11-20T10:00:00.000000001Z", half.Time)
	require.Contains(t, byMessage["java.lang.IllegalStateException: boom"].Message, "Main.java:7")
	require.Equal(t, "db", byMessage["docker line"].Service)
	node := byMessage["Started kubelet"]
	require.Equal(t, []string{"node-1", "kubelet", "node", "warn"}, []string{node.Node, node.Service, node.Kind, node.Level})
	event := byMessage["Back-off restarting failed container"]
	require.Equal(t, []string{"event", "web", "warn", "2026-11-20T10:00:04Z"}, []string{event.Kind, event.Service, event.Level, event.Time})
	require.Equal(t, "error", byMessage["failed"].Level)
	require.Equal(t, "2026-11-20T10:00:05.123Z", byMessage["failed"].Time)

	around := loglode(t, "lines", "--data", data, "-o", "json", "--around", half.ID, "--before", "0", "--after", "1")
	require.Zero(t, around.code, around.errors)
	require.Len(t, parseLines(t, around.out), 2)
	requireClean(t, data)
}

func TestRedriveWithoutAServer(t *testing.T) {
	data := t.TempDir()
	long := filepath.Join(t.TempDir(), "long.log")
	require.NoError(t, os.WriteFile(long, []byte(strings.Repeat("x", 2<<20)+"\n"), 0o600))
	require.EqualValues(t, 1, ok[summary](t, "ingest", "--data", data, "-o", "json", long).Rejected)
	r := loglode(t, "dlq", "redrive", "--all", "--data", data, "-o", "json")
	require.Equal(t, 1, r.code, "only its head was kept: %s", r.errors)
	require.Contains(t, r.out, `"kept":1`)
	require.Equal(t, 2, loglode(t, "dlq", "redrive", "--data", data).code, "which ones must be said")
}

func TestFollowShowsWhatComes(t *testing.T) {
	data := t.TempDir()
	server := up(t, "--data", data)
	follower := &syncBuffer{}
	stop := follow(t, server.url, follower)
	require.Eventually(t, func() bool {
		status, _ := server.post(t, "/v1/ingest", "text/plain", fmt.Appendf(nil, "follow me at %d\n", time.Now().UnixNano()))
		require.Equal(t, 200, status)
		return strings.Contains(follower.String(), "follow me")
	}, 20*time.Second, 100*time.Millisecond)
	require.Zero(t, stop())
}
