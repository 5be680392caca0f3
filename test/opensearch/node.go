package opensearch

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Kind is what a node of a test's own has.
type Kind string

// The kinds of nodes. A secured one has the security plugin: TLS, and users with
// roles.
const (
	Plain   Kind = "plain"
	Secured Kind = "secured"
)

// The administrator of a secured node, as the plugin brings it.
const administrator = "admin"

// startup is how long a node may take until it answers. On an idle machine it is
// some ten seconds.
const startup = 5 * time.Minute

// Node is an OpenSearch of a test's own, on loopback, which the test may kill and
// start again: what it does to the node, it does to no other test.
type Node struct {
	// URL is without a user, and without a slash at its end.
	URL string
	// CA is the authority that signed the certificate of a secured node, in PEM.
	CA []byte

	script, folder string
	port           string
	admin          server
	process        *os.Process
	ended          chan struct{} // closed when the process has ended
}

// Start starts a node, which ends with t. Where URL skips t, so does Start; where
// the node cannot be had, for want of a JDK or of Maven, t is skipped, or fails in
// CI.
func Start(t testing.TB, kind Kind) *Node {
	t.Helper()
	if os.Getenv(Variable) == "" && os.Getenv("CI") == "" {
		lacking(t, "needs an OpenSearch: "+hint)
	}
	n := &Node{script: script(t), port: freePort(t)}
	var said bytes.Buffer
	making := exec.CommandContext(t.Context(), n.script, "folder", string(kind))
	making.Stderr = &said
	folder, err := making.Output()
	if err != nil {
		lacking(t, fmt.Sprintf("a node of the test's own cannot be had: tools/servers folder %s: %v\n%s", kind, err, &said))
	}
	n.folder = strings.TrimSpace(string(folder))
	t.Cleanup(func() {
		n.kill()
		if err := os.RemoveAll(n.folder); err != nil {
			t.Errorf("remove the node's folder: %v", err)
		}
	})
	n.URL = "http://127.0.0.1:" + n.port
	n.admin = server{n.URL, http.DefaultClient}
	if kind == Secured {
		n.secure(t)
	}
	n.Restart(t)
	return n
}

// secure makes the node's certificates, and what trusts them.
func (n *Node) secure(t testing.TB) {
	t.Helper()
	made, err := newCertificates()
	if err != nil {
		t.Fatalf("make certificates: %v", err)
	}
	for name, content := range map[string][]byte{"ca.pem": made.authority, "node.pem": made.node, "node.key": made.key} {
		// All may read it: the node may run as another user, and the key ends with it.
		if err := os.WriteFile(filepath.Join(n.folder, "conf", "certs", name), content, 0o644); err != nil {
			t.Fatalf("write certificates: %v", err)
		}
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(made.authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}
	t.Cleanup(transport.CloseIdleConnections)
	n.CA, n.URL = made.authority, "https://127.0.0.1:"+n.port
	n.admin = server{"https://" + administrator + ":" + administrator + "@127.0.0.1:" + n.port, &http.Client{Transport: transport}}
}

// Kill ends the node at once, as kill -9 and a crash do. Its data stay.
func (n *Node) Kill(t testing.TB) {
	t.Helper()
	select {
	case <-n.ended:
		t.Fatalf("the node has ended by itself\n%s", n.log())
	default:
		n.kill()
	}
}

func (n *Node) kill() {
	if n.process != nil {
		_ = n.process.Kill()
		<-n.ended
	}
}

// Restart starts a node that was killed on the data and the port that it had, and
// returns once it answers.
func (n *Node) Restart(t testing.TB) {
	t.Helper()
	console, err := os.OpenFile(filepath.Join(n.folder, "console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("start a node: %v", err)
	}
	defer console.Close()
	command := exec.Command(n.script, "node", n.folder, "-E", "http.port="+n.port)
	command.Stdout, command.Stderr = console, console
	if err := command.Start(); err != nil {
		t.Fatalf("start a node: %v", err)
	}
	ended := make(chan struct{})
	n.process, n.ended = command.Process, ended
	go func() {
		defer close(ended)
		_ = command.Wait() // how a killed process ended says nothing
	}()
	n.await(t)
}

// await waits until the node answers its administrator.
func (n *Node) await(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := n.admin.check(ctx)
		if err == nil {
			return
		}
		select {
		case <-n.ended:
			t.Fatalf("the node has ended while it started\n%s", n.log())
		case <-ctx.Done():
			t.Fatalf("the node does not answer: %v\n%s", err, n.log())
		case <-again.C:
		}
	}
}

// log is the end of what the node told.
func (n *Node) log() string {
	const most = 4 << 10
	text, err := os.ReadFile(filepath.Join(n.folder, "console.log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// Prefix returns what the function Prefix does, for this node.
func (n *Node) Prefix(t testing.TB) string {
	t.Helper()
	return n.admin.prefix(t)
}

// Ask makes a request as the administrator, which must succeed, and decodes the
// answer into answer, unless that is nil.
func (n *Node) Ask(t testing.TB, method, path, body string, answer any) {
	t.Helper()
	var sent []byte
	if body != "" {
		sent = []byte(body)
	}
	if err := n.admin.call(context.Background(), method, path, sent, answer); err != nil {
		t.Fatal(err)
	}
}

// script is the path of tools/servers, in the module's folder.
func script(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return filepath.Join(folder, "tools", "servers")
		}
		if folder == filepath.Dir(folder) {
			t.Fatal("there is no go.mod above the test's folder")
		}
		folder = filepath.Dir(folder)
	}
}

// freePort finds a port that nobody listens on. It lies below those that the
// system gives to connections: while the node is down, one of them could take it.
func freePort(t testing.TB) string {
	t.Helper()
	const first, number, tries = 12_000, 20_000, 100
	for range tries {
		offset, err := rand.Int(rand.Reader, big.NewInt(number))
		if err != nil {
			t.Fatal(err)
		}
		port := fmt.Sprint(first + offset.Int64())
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatalf("no port of %d is free", tries)
	return ""
}

// certificates are an authority and what it signed for a node, in PEM.
type certificates struct{ authority, node, key []byte }

func newCertificates() (certificates, error) {
	const lifetime = 24 * time.Hour
	begin := time.Now().Add(-time.Hour)
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{Organization: []string{"test"}, CommonName: name},
			NotBefore: begin, NotAfter: begin.Add(lifetime), BasicConstraintsValid: true,
		}
	}
	authority, node := template(1, "ca"), template(2, "node")
	authority.IsCA, authority.KeyUsage = true, x509.KeyUsageCertSign
	node.KeyUsage = x509.KeyUsageDigitalSignature
	node.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	node.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}

	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificates{}, err
	}
	nodeKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificates{}, err
	}
	signedAuthority, err1 := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	signedNode, err2 := x509.CreateCertificate(rand.Reader, node, authority, nodeKey.Public(), authorityKey)
	key, err3 := x509.MarshalPKCS8PrivateKey(nodeKey)
	encode := func(kind string, content []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
	}
	return certificates{encode("CERTIFICATE", signedAuthority), encode("CERTIFICATE", signedNode), encode("PRIVATE KEY", key)}, errors.Join(err1, err2, err3)
}
