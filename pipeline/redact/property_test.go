package redact

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// fragments are what texts that confuse a scanner are made of.
var fragments = []string{
	"password", "passwd", "pwd", "secret", "token", "api_key", "key", "credential", "Authorization", "Cookie", "Set-Cookie", "auth", "sig", "value", "name", "DB_PASSWORD",
	"=", ":", ": ", " = ", "=>", "://", "@", "?", "&", ",", ";", " ", "\n", "\t", `\n`, `"`, `\"`, `\\\"`, "'", "`", "[", "]", "{", "}", "(", ")", "<", ">", "%3D", "%26", `\u003d`, `\u0026`, `\`, "-", "--", "/", ".", "|", "#",
	"Bearer ", "Basic ", "hunter2", "a", "Zq9", "x-y", "failed", "true", "null", "***", "${X}", "%s", "<redacted>", "/etc/x", "http", "host", "user", "path=",
	"[redacted:", "[redacted:token:0123456789ab]", "[redacted:password:deda27db21d0]", ":0123456789ab]", "redacted",
	"eyJ", "eyJhbGciOiJIUzI1NiJ9", ".", "AKIA", "AKIAZ7EXAMPLE2B4C6D8", "ghp_", "16C7e42F292c6912E771", "sk-", "xoxb-", "ya29.", "-----BEGIN ", "RSA PRIVATE KEY-----", "-----END ", "-----", "LS0tLS1CRUdJTi",
	"4111", "1111", "4111111111111111", "4", "0", "12", "é", "\xff", "\x00", "acct ",
}

func drawText(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 24).Draw(t, "fragments"), "")
}

func ownRules() Options {
	return Options{Rules: []Rule{{Name: "acct", Pattern: `acct (\S+)`, Group: 1}, {Name: "hex", Pattern: `[0-9a-f]{10,}`}, {Name: "line", Pattern: `(?i)failed.*`}}}
}

func checkIdempotent(t require.TestingT, r *Redactor, text string) string {
	n := 0
	out := r.Text(text, func(string) { n++ })
	require.Equal(t, n > 0, out != text, "reported and replaced agree")
	again := 0
	require.Equal(t, out, r.Text(out, func(string) { again++ }), "from %q", text)
	require.Zero(t, again, "from %q", text)
	return out
}

func TestIdempotent(t *testing.T) {
	built, own := newRedactor(t, Options{}), newRedactor(t, ownRules())
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t)
		checkIdempotent(t, built, text)
		checkIdempotent(t, own, text)
	})
}

// JSON stays JSON whatever its strings, keys and numbers hold.
func TestJSONStaysJSON(t *testing.T) {
	r := newRedactor(t, Options{})
	rapid.Check(t, func(t *rapid.T) {
		var value *rapid.Generator[any]
		value = rapid.Custom(func(t *rapid.T) any {
			switch rapid.IntRange(0, 6).Draw(t, "kind") {
			case 0:
				return rapid.SampledFrom([]any{true, nil, 123456, 4111111111111111, 1.5, "hunter2"}).Draw(t, "scalar")
			case 1:
				m := map[string]any{}
				for range rapid.IntRange(0, 3).Draw(t, "n") {
					m[rapid.SampledFrom(fragments).Draw(t, "key")] = value.Draw(t, "value")
				}
				return m
			case 2:
				return []any{rapid.SampledFrom([]any{"hunter2", 4111111111111111, 7}).Draw(t, "first"), 1}
			case 3:
				inner, err := json.Marshal(map[string]any{rapid.SampledFrom(fragments).Draw(t, "inner"): drawText(t), "password": 12345678})
				require.NoError(t, err)
				return string(inner)
			default:
				return strings.ToValidUTF8(drawText(t), "")
			}
		})
		m := map[string]any{"log": value.Draw(t, "log"), rapid.SampledFrom(fragments).Draw(t, "k"): value.Draw(t, "v")}
		in, err := json.Marshal(m)
		require.NoError(t, err)
		out := r.Text(string(in), nil)
		require.True(t, json.Valid([]byte(out)), "%s\n->\n%s", in, out)
	})
}

// planted are secrets with a text each that they stand in; @ is the secret.
func planted(t *rapid.T) (text, secret string) {
	const (
		lower = "abcdefghijklmnopqrstuvwxyz"
		alpha = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		num   = "0123456789"
	)
	random := func(n int, set string) string {
		return string(rapid.SliceOfN(rapid.SampledFrom([]byte(set)), n, n).Draw(t, "secret"))
	}
	// Each is random enough not to be taken for a word or a name.
	some := "x7" + random(14, alpha+num) + "Q2z"
	form := rapid.SampledFrom([]string{
		"password=@", "password: @", `"password":"@"`, `\"password\":\"@\"`, `\\\"password\\\":\\\"@\\\"`, "DB_PASSWORD=@", "redisPassword=@", "--password @", "--password=@", `password="@ @"`, "pwd=@",
		"secret=@", "client_secret=@", "token=@", "?token=@&", "&access_token=@&", "api_key=@", "apiKey: @", "access-key=@", "private_key: @", "credential=@", "spec.tokens.token: @",
		"Authorization: Bearer @", "authorization: bearer @", `"Authorization":"Bearer @"`, `\"Authorization\":\"Bearer @\"`, "-H 'X-Api-Key: @'", "Set-Cookie: session=@", "Cookie: a=b; session=@;", "Bearer @",
		"postgres://user:@@db:5432/x", "redis://:@@db/0", "https://u:@@h/",
		"jwt", "AKIA", "aws", "AIza", "ghp_", "gho_", "github_pat_", "glpat-", "xoxb-", "sk_live_", "sk-", "npm_", "ya29.", "pem", "pem-n", "sas", "AccountKey", "basic", "card", "card-dash", "slack",
	}).Draw(t, "form")
	switch form {
	case "jwt":
		sig := random(43, alpha+num+"-_")
		return "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + sig, sig
	case "AKIA":
		s := "AKIA" + random(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
		return s, s
	case "aws":
		s := random(39, alpha+num+"+/") + "x"
		return "aws_secret_access_key=a" + s[1:], "a" + s[1:]
	case "AIza":
		s := form + random(35, alpha+num+"-_")
		return s, s
	case "ghp_", "gho_", "github_pat_", "glpat-", "sk_live_", "npm_", "ya29.", "sk-":
		s := form + "a1B2" + random(36, alpha+num)
		return s, s
	case "xoxb-":
		s := form + random(12, num) + "-" + random(24, alpha+num)
		return s, s
	case "pem", "pem-n":
		body := random(64, alpha+num+"+/")
		s := "-----BEGIN PRIVATE KEY-----\n" + body + "\n-----END PRIVATE KEY-----"
		if form == "pem-n" {
			s = strings.ReplaceAll(s, "\n", `\n`)
		}
		return s, body
	case "sas":
		s := random(30, alpha+num) + "7Zq"
		return "https://a.blob.core.windows.net/c?sv=1&sig=" + s + "%3D&se=2", s
	case "AccountKey":
		return "AccountName=x;AccountKey=" + some + "==;EndpointSuffix=core", some
	case "basic":
		return `"Authorization":"Basic ` + some + `=="`, some
	case "slack":
		return "https://hooks.slack.com/services/T1/B2/" + some, some
	case "card", "card-dash":
		d := []byte("4" + random(15, num))
		for d[15] = '0'; !luhn(d) && d[15] < '9'; d[15]++ {
		}
		s := string(d)
		if !luhn(d) {
			s = "4111111111111111" // all digits were alike
		}
		if form == "card-dash" {
			s = s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
		}
		return s, s
	}
	at := strings.LastIndex(form, "@@")
	if strings.Contains(form, "://") {
		return form[:at] + some + form[at+1:], some
	}
	return strings.ReplaceAll(form, "@", some), some
}

func TestPlantedSecretsAreGone(t *testing.T) {
	r := newRedactor(t, Options{})
	before := []string{"", " ", "\n", "x ", "Error: ", "I0803 09:18:01.098208 1 a.go:1] ", `{"a":"b"} `, "a=b ", "at x.y(Z.java:1)\n\tat ", "msg='", "(", "[", "{", ", ", "; ", "| ", "→ ", "1 ", "password: ", "token ", "secret: x\n", "[redacted:token:0123456789ab] ", "Bearer token ", "url=http://x/y ", "--token ", "'", `"`, `\"`, "eyJ ", "cookie: ", "=", "://"}
	after := []string{"", " ", "\n", " y", "\n\tat x.y(Z.java:1)", ` "q"`, " status=200", "\r\n", " [x]", " password=other1"}
	rapid.Check(t, func(t *rapid.T) {
		plant, secret := planted(t)
		text := rapid.SampledFrom(before).Draw(t, "before") + plant + rapid.SampledFrom(after).Draw(t, "after")
		out := checkIdempotent(t, r, text)
		require.NotContains(t, out, secret, "in %s", text)

		line, err := json.Marshal(map[string]string{"log": text})
		require.NoError(t, err)
		out = checkIdempotent(t, r, string(line))
		escaped, err := json.Marshal(secret)
		require.NoError(t, err)
		require.NotContains(t, out, strings.Trim(string(escaped), `"`), "in %s", line)
		require.True(t, json.Valid([]byte(out)), "%s\n->\n%s", line, out)
	})
}

func FuzzText(f *testing.F) {
	for _, s := range fragments {
		f.Add(s + "=" + s + " " + s)
	}
	for _, s := range []string{fakePEM, fakeJWT, klogLine, `{"log":"{\"password\":\"x\"}","a":[4111111111111111,{"b":1}]}`, "https://u:p@h?sig=abcdefghijklmnopqrst1%3D&x=1", "Cookie: a=b; c=d; HttpOnly"} {
		f.Add(s)
	}
	built, own := newRedactor(f, Options{}), newRedactor(f, ownRules())
	f.Fuzz(func(t *testing.T, text string) {
		out := checkIdempotent(t, built, text)
		if json.Valid([]byte(text)) && strings.HasPrefix(text, "{") {
			require.True(t, json.Valid([]byte(out)), "%q -> %q", text, out)
		}
		checkIdempotent(t, own, text)
	})
}

// hostile are beginnings of secrets that a text may repeat for ever.
func hostile() []string {
	return append([]string{"eyJa", "eyJa.", "token=", `token="{`, `"token":"`, "token: [", "cookie: ", "cookie: a=", "Authorization: ", "secret:http://", "secret:a-", "a:b@", "://a:", "bearer a", "basic a", "-----BEGIN PRIVATE KEY", "-----BEGIN ", "4111 ", "4111-", `\"password\":\"`, "password='", `\`, "[redacted:", "[redacted:a:", "value:", "name:token,value:", "--token ", "AKIA", `{"password":1,`, "token=,a", "password:[a,", "sig=a%", "<password>", "bearer+", "Basic+", "Basic YTpi", "-u ", "a:b@tcp(", "LS0tLS1CRUdJTi", "hooks.slack.com/", "password='a''"}, fragments...)
}

// How long they take is BenchmarkHostile's.
func TestHostileRepeats(t *testing.T) {
	r := newRedactor(t, ownRules())
	for _, s := range hostile() {
		checkIdempotent(t, r, strings.Repeat(s, 4096/len(s)))
	}
}
