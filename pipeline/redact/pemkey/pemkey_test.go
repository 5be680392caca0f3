package pemkey_test

import (
	"strings"
	"testing"

	"github.com/loglode/loglode/pipeline/redact/pemkey"
	"github.com/stretchr/testify/require"
)

const (
	begin = "-----BEGIN RSA PRIVATE KEY-----"
	body  = "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu"
	end   = "-----END RSA PRIVATE KEY-----"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]pemkey.Kind{
		body: pemkey.Body, "  \t" + body: pemkey.Body, "> " + body: pemkey.Body, body + "\r": pemkey.Body,
		"  '" + body + `\n' +`: pemkey.Body, `"` + body + `\r\n",`: pemkey.Body, strings.Repeat(body, 25): pemkey.Body, body + "==": pemkey.Body,
		"Q0==": pemkey.Perhaps, "=aB3d": pemkey.Perhaps, "Done": pemkey.Perhaps, "/var/lib/kubelet/pods": pemkey.Perhaps,
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": pemkey.Perhaps,
		"": pemkey.Blank, "  ": pemkey.Blank, ">": pemkey.Blank,
		"Proc-Type: 4,ENCRYPTED": pemkey.Header, "DEK-Info: AES-128-CBC,0123": pemkey.Header, "Proc-Type": pemkey.Other,
		end: pemkey.Last, "  " + end + "|": pemkey.Last, "Q0== " + end: pemkey.Last, "-----END PGP PRIVATE KEY BLOCK-----": pemkey.Last,
		"-----END CERTIFICATE-----": pemkey.Other, begin: pemkey.Other, body + "===": pemkey.Other,
		"two words": pemkey.Other, "I0803 09:18:00.844999       1 a.go:1] " + body: pemkey.Other,
	} {
		require.Equal(t, want, pemkey.Line(text), "%q", text)
	}
}

func TestUnclosed(t *testing.T) {
	for text, want := range map[string]bool{
		begin: true, "key: " + begin + body: true, begin + "\n" + body: true, begin + body + "-----END RSA": true,
		begin + body + end + " " + begin: true, "-----BEGIN CERTIFICATE----- " + begin: true, "-----BEGIN PGP PRIVATE KEY BLOCK-----": true,
		begin + body + end: false, begin + `\n` + body + `\n` + end + " and more": false, "-----BEGIN CERTIFICATE-----": false,
		"-----BEGIN RSA PUBLIC KEY-----": false, "-----BEGIN a PRIVATE KEY-----": false, "PRIVATE KEY": false, "-----BEGIN ": false, "": false,
	} {
		require.Equal(t, want, pemkey.Unclosed(text), "%q", text)
	}
}

func TestRuns(t *testing.T) {
	for line, want := range map[string][]string{
		body: {body}, "I0803 09:18:00.844999       1 a.go:1] " + body: {body}, "a.go:1] QlykxFMl9dN1XnQQ==": {"QlykxFMl9dN1XnQQ=="},
		`{"msg":"QlykxFMl9dN1XnQQ==","n":1}`: {"QlykxFMl9dN1XnQQ=="}, `"` + body + `\n`: {body}, body + " " + body: {body, body}, " Q0==  ": {"Q0=="},
		"GET /api/v1/namespaces/Shop2 200": nil, "Done": nil, "sum 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": nil, "a Q0==": nil, "": nil,
	} {
		var got []string
		pemkey.Runs(line, func(from, to int) { got = append(got, line[from:to]) })
		require.Equal(t, want, got, "%q", line)
	}
}
