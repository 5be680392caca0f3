package redact

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/memo"
)

func newRedactor(t testing.TB, o Options) *Redactor {
	t.Helper()
	if o.Key == nil {
		o.Key = []byte("a key for tests only")
	}
	r, err := New(o)
	require.NoError(t, err)
	return r
}

// fake joins the parts of an invented secret, so that no scanner of
// repositories takes this file for a leak.
func fake(parts ...string) string { return strings.Join(parts, "") }

var (
	fakeJWT    = fake("eyJ", "hbGciOiJIUzI1NiJ9.", "eyJ", "zdWIiOiIxMjM0NTY3ODkwIn0.", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U")
	fakeAKIA   = fake("AKIA", "Z7EXAMPLE2B4C6D8")
	fakeAWS    = fake("wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYEXAMPLEKEY")
	fakeAIza   = fake("AIza", "SyA-1234567890abcdefghijklmnopqrstu")
	fakeGitHub = fake("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a")
	fakePEM    = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\nKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==\n-----END RSA PRIVATE KEY-----"
	fakeBasic  = "Ym9iOmh1bnRlcjI=" // bob:hunter2
)

var anyToken = regexp.MustCompile(`\[redacted:([a-z0-9._-]+):[0-9a-f]{12}\]`)

// shown is text with its tokens cut to «rule».
func shown(text string) string { return anyToken.ReplaceAllString(text, "«$1»") }

func TestSecrets(t *testing.T) {
	r := newRedactor(t, Options{})
	for _, c := range []struct{ in, want string }{
		// By their form.
		{"got " + fakeJWT + " from x", "got «jwt» from x"},
		{"x" + fakeJWT + ".", "x«jwt»."},
		{"key " + fakeAKIA + ", used", "key «aws-key-id», used"},
		{strings.Repeat(fakeAKIA, 30), strings.Repeat("«aws-key-id»", 30)},
		{"passwd-s3fs " + fakeAKIA + ":" + fakeAWS, "passwd-s3fs «aws-key-id»:«aws-secret-key»"},
		{"https://maps?key=" + fakeAIza + "&q=1", "https://maps?key=«gcp-api-key»&q=1"},
		{"access " + fake("ya29.", "a0AfH6SMBx-1234567890_abcdef") + " ok", "access «gcp-token» ok"},
		{"clone with " + fakeGitHub, "clone with «github-token»"},
		{fake("github_", "pat_11ABCDEFG0123456789_abcdefghijklmnop"), "«github-token»"},
		{fake("gho_", "16C7e42F292c6912E7710c838347Ae178B4a"), "«github-token»"},
		{"x " + fake("glpat-", "abcDEF123456ghiJKL78"), "x «gitlab-token»"},
		{fake("xoxb-", "123456789012-abcdefABCDEF"), "«slack-token»"},
		{"POST https://hooks.slack.com/services/T00000000/B00000000/XXXXabcd1234 failed", "POST https://hooks.slack.com/services/«slack-webhook» failed"},
		{fake("sk_", "live_4eC39HqLyjWDarjtT1zdp7dc"), "«stripe-key»"},
		{"key=" + fake("sk-", "proj-abcd1234EFGH5678ijkl9012"), "key=«ai-key»"},
		{fake("sk-", "ant-api03-abcd1234EFGH5678ijkl9012"), "«ai-key»"},
		{fake("npm_", "abcdefghij1234567890ABCDEFGHIJ123456"), "«npm-token»"},
		{"a\n" + fakePEM + "\nb", "a\n«private-key»\nb"},
		{strings.ReplaceAll("a "+fakePEM+" b", "\n", `\n`), "a «private-key» b"},
		{"a " + fakePEM[:90] + "\nrest", "a «private-key»"},
		{"k: -----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=", "k: «private-key»"},
		{"a\n" + fakePEM[:140] + "\nand more\n\tat b", "a\n«private-key»\nand more\n\tat b"},
		{"k: -----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n" + fakePEM[32:96] + "\nand more", "k: «private-key»\nand more"},
		{"-----BEGIN RSA PRIVATE KEY-----\nI0803 a.go:1] " + fakePEM[32:96] + "\nand more", "«private-key»\nand more"},
		{"tls.key: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlCT2dJQkFBSkJBS2ozNEdreEZoRDkwdmNOTFlMSW4=", "tls.key: «private-key»"},
		{`{"type":"service_account","private_key":"` + strings.ReplaceAll(fakePEM, "\n", `\n`) + `\n","x":1}`, `{"type":"service_account","private_key":"«private-key»","x":1}`},
		{`{"private_key":"` + strings.ReplaceAll(fakePEM[:80], "\n", `\n`) + `","x":1}`, `{"private_key":"«private-key»","x":1}`},

		// Headers.
		{"Authorization: Bearer x", "Authorization: Bearer «bearer»"},
		{"authorization: bearer abc.def status=200", "authorization: bearer «bearer» status=200"},
		{"Authorization: Bearer " + fakeJWT, "Authorization: Bearer «jwt»"},
		{`{"Authorization":"Basic ` + fakeBasic + `","a":1}`, `{"Authorization":"Basic «basic»","a":1}`},
		{`{\"authorization\":\"Bearer abc\"}`, `{\"authorization\":\"Bearer «bearer»\"}`},
		{"Proxy-Authorization: Basic " + fakeBasic, "Proxy-Authorization: Basic «basic»"},
		{"map[Accept:[*/*] Authorization:[Bearer abc123] Host:[x]]", "map[Accept:[*/*] Authorization:[Bearer «bearer»] Host:[x]]"},
		{`"Authorization":["Bearer abc123"],"x":1`, `"Authorization":["Bearer «bearer»"],"x":1`},
		{"Authorization: abcd1234", "Authorization: «authorization»"},
		{"Authorization: Token abcd1234", "Authorization: Token «authorization»"},
		{"Authorization: AWS4-HMAC-SHA256 Credential=a/b, Signature=abc", "Authorization: AWS4-HMAC-SHA256 «authorization»"},
		{"curl -H 'X-Api-Key: abc' -H 'Accept: */*' https://x", "curl -H 'X-Api-Key: «api-key»' -H 'Accept: */*' https://x"},
		{`curl -H "Authorization: Bearer abc" https://x`, `curl -H "Authorization: Bearer «bearer»" https://x`},
		{"Set-Cookie: session=abc123; Path=/; HttpOnly", "Set-Cookie: session=«cookie»; Path=/; HttpOnly"},
		{"Cookie: a=b1; sid=c2", "Cookie: a=«cookie»; sid=«cookie»"},
		{`{"cookie":"shop_session=b-1; theme=dark"}`, `{"cookie":"shop_session=«cookie»; theme=«cookie»"}`},
		{"sent Bearer abcd1234EFGH to x", "sent Bearer «bearer» to x"},
		{"got Basic " + fakeBasic + ".", "got Basic «basic»."},

		// URLs.
		{"dial postgres://bob:hunter2@db:5432/x?sslmode=off", "dial postgres://bob:«url-password»@db:5432/x?sslmode=off"},
		{"redis://:hunter2@redis:6379/0", "redis://:«url-password»@redis:6379/0"},
		{"https://u:p@ss@host/", "https://u:«url-password»@host/"},
		{"https://x-access-token:" + fakeGitHub + "@github.com/a/b", "https://x-access-token:«url-password»@github.com/a/b"},
		{"GET /cb?token=abc123&x=1", "GET /cb?token=«token»&x=1"},
		{`GET /cb?a=1\u0026access_token=abc123\u0026x=1`, `GET /cb?a=1\u0026access_token=«token»\u0026x=1`},
		{"redirect=%2Fcb%3Ftoken%3Dabc123%26x%3D1", "redirect=%2Fcb%3Ftoken%3D«token»%26x%3D1"},
		{"https://a.blob.core.windows.net/c/b?sv=2020&sig=abcDEF123%2Bxyz456789%3D&se=1", "https://a.blob.core.windows.net/c/b?sv=2020&sig=«azure-sas»&se=1"},
		{"https://b.s3.amazonaws.com/k?X-Amz-Signature=0123456789abcdef0123456789abcdef&x=1", "https://b.s3.amazonaws.com/k?X-Amz-Signature=«signature»&x=1"},
		{"AccountName=a;AccountKey=abcDEF123+/xyz456789==;EndpointSuffix=core", "AccountName=a;AccountKey=«azure-key»;EndpointSuffix=core"},

		{`dsn="bob:hunter2@tcp(db:3306)/x"`, `dsn="bob:«url-password»@tcp(db:3306)/x"`},
		{"curl -s -u bob:hunter2 https://x", "curl -s -u bob:«basic» https://x"},
		{"+ curl --user 'bob:hunter2' https://x", "+ curl --user 'bob:«basic»' https://x"},

		// Keys.
		{"aws_secret_access_key = " + fakeAWS, "aws_secret_access_key = «aws-secret-key»"},
		{"aws_secret_access_key=" + fakeAWS + "\nregion=x", "aws_secret_access_key=«aws-secret-key»\nregion=x"},
		{"password=hunter2", "password=«password»"},
		{"login user=bob password=hunter2, try=1", "login user=bob password=«password», try=1"},
		{"password=hunter2,user=bob", "password=«password»,user=bob"},
		{"password=a,b;c", "password=«password»"},
		{"DB_PASSWORD=hunter2", "DB_PASSWORD=«password»"},
		{"redisPassword: hunter2", "redisPassword: «password»"},
		{"spec.redisPassword=hunter2)", "spec.redisPassword=«password»)"},
		{"PGPASSWORD=hunter2 psql", "PGPASSWORD=«password» psql"},
		{"MYSQL_PWD=hunter2", "MYSQL_PWD=«password»"},
		{"DB_PASSWORD_PROD=hunter2", "DB_PASSWORD_PROD=«password»"},
		{"password2=hunter2", "password2=«password»"},
		{`password="with some spaces" x`, `password="«password»" x`},
		{`password='with some spaces' x`, `password='«password»' x`},
		{`password="cut off here`, `password="«password»`},
		{`{"password":"x"}`, `{"password":"«password»"}`},
		{`{"password" : "a\"b\\","u":1}`, `{"password" : "«password»","u":1}`},
		{`{"password":")odd"}`, `{"password":"«password»"}`},
		{`{"log":"{\"password\":\"x\",\"a\":\"b\"}"}`, `{"log":"{\"password\":\"«password»\",\"a\":\"b\"}"}`},
		{`{"log":"{\"m\":\"{\\\"password\\\":\\\"x y\\\"}\"}"}`, `{"log":"{\"m\":\"{\\\"password\\\":\\\"«password»\\\"}\"}"}`},
		{`{"log":"{\"password\":\"a\\\"b\"}"}`, `{"log":"{\"password\":\"«password»\"}"}`},
		{`{"msg":"login password=hunter2"}`, `{"msg":"login password=«password»"}`},
		{`{"msg":"login password=hunter2\nat x"}`, `{"msg":"login password=«password»\nat x"}`},
		{`{"password":123456,"a":1}`, `{"password":"«password»","a":1}`},
		{`{"m":"{\"pin\":1,\"password\":123456}"}`, `{"m":"{\"pin\":1,\"password\":\"«password»\"}"}`},
		{"{'password': 'hunter2'}", "{'password': '«password»'}"},
		{"{'password': b'hunter2'}", "{'password': b'«password»'}"},
		{"&Config{User:bob Password:hunter2 Port:1}", "&Config{User:bob Password:«password» Port:1}"},
		{` Password: (string) (len=7) "hunter2",`, ` Password: (string) (len=7) "«password»",`},
		{"mysql --user bob --password hunter2 db", "mysql --user bob --password «password» db"},
		{`["--password","hunter2","--x"]`, `["--password","«password»","--x"]`},
		{"--password=hunter2 --x", "--password=«password» --x"},
		{"--db-password 'a b' x", "--db-password '«password»' x"},
		{"kubectl create secret generic x --from-literal=password=hunter2", "kubectl create secret generic x --from-literal=password=«password»"},
		{"a:\n  password: letmein\n  user: bob", "a:\n  password: «password»\n  user: bob"},
		{"wrong credentials, password: hunter2", "wrong credentials, password: «password»"},
		{"ALTER USER bob WITH PASSWORD 'hunter2'", "ALTER USER bob WITH PASSWORD '«password»'"},
		{"<password>hunter2</password>", "<password>«password»</password>"},
		{"<ns:password>a b</ns:password>", "<ns:password>«password»</ns:password>"},
		{":password=>\"hunter2\"", ":password=>\"«password»\""},
		{"user[password]=hunter2&x=1", "user[password]=«password»&x=1"},
		{`password\u003dhunter2`, `password\u003d«password»`},
		{"password=<hunter2 x", "password=«password» x"},
		{"<b>password: hunter2</b>", "<b>password: «password»</b>"},
		{"password: 'it''s me' x", "password: '«password»' x"},
		{"clientSecret=abc123def", "clientSecret=«secret»"},
		{"client_secret: s3cr3t-value", "client_secret: «secret»"},
		{"secret=s3cr3tvalue", "secret=«secret»"},
		{"secret=3f2a9c1e-77aa-4b1c-9d3e-0123456789ab", "secret=«secret»"},
		{"SECRET_KEY_BASE=abcdef123456", "SECRET_KEY_BASE=«api-key»"},
		{"token=abc123", "token=«token»"},
		{"authToken: abc123", "authToken: «token»"},
		{"token: Bearer abc123", "token: Bearer «token»"},
		{"api_key=abc123", "api_key=«api-key»"},
		{"api-key: abc123", "api-key: «api-key»"},
		{"apikey=abc123", "apikey=«api-key»"},
		{"API key: abc123", "API key: «api-key»"},
		{"accessKey=abc123", "accessKey=«api-key»"},
		{"API_KEY_STRIPE=abc123", "API_KEY_STRIPE=«api-key»"},
		{"private_key=abc123", "private_key=«private-key»"},
		{"credential=abc123", "credential=«credential»"},
		{"token=" + fakeGitHub, "token=«github-token»"},
		{`"token":"` + fakeJWT + `"`, `"token":"«jwt»"`},
		{`{"env":[{"name":"DB_PASSWORD","value":"x y"}]}`, `{"env":[{"name":"DB_PASSWORD","value":"«password»"}]}`},
		{"- name: API_TOKEN\n  value: abc123\n", "- name: API_TOKEN\n  value: «token»\n"},
		{"EnvVar{Name:DB_PASSWORD,Value:hunter2,ValueFrom:nil,}", "EnvVar{Name:DB_PASSWORD,Value:«password»,ValueFrom:nil,}"},
		{`{"auths":{"quay.io":{"auth":"` + fakeBasic + `"}}}`, `{"auths":{"quay.io":{"auth":"«basic»"}}}`},
		{`"passwords":"x" "password":["a1","b2"]`, `"passwords":"x" "password":["«password»","«password»"]`},
		{"Caused by: x\n\tat y(password=hunter2)\n\tat z", "Caused by: x\n\tat y(password=«password»)\n\tat z"},

		// Card numbers.
		{"paid with 4111111111111111.", "paid with «card-number»."},
		{"4111 1111 1111 1111 200 ok", "«card-number» 200 ok"},
		{"pan 4111-1111-1111-1111", "pan «card-number»"},
		{"amex 3782 822463 10005", "amex «card-number»"},
		{"amex=378282246310005&x", "amex=«card-number»&x"},
		{"diners 30569309025904", "diners «card-number»"},
		{"no 6205500000000000004", "no «card-number»"},
		{`{"card":4111111111111111}`, `{"card":"«card-number»"}`},
		{`{"cards":[4111111111111111,1]}`, `{"cards":["«card-number»",1]}`},
		{`{"m":"{\"card\":4111111111111111}"}`, `{"m":"{\"card\":\"«card-number»\"}"}`},
		{`{"m":"cards [4111111111111111]"}`, `{"m":"cards [«card-number»]"}`},
	} {
		t.Run(c.in, func(t *testing.T) {
			var n int
			out := r.Text(c.in, func(string) { n++ })
			require.Equal(t, c.want, shown(out))
			require.Equal(t, strings.Count(c.want, "«"), n, "replacements reported")
			require.Equal(t, json.Valid([]byte(c.in)), json.Valid([]byte(out)), "JSON stays JSON: %s", out)
			again := r.Text(out, func(rule string) { t.Errorf("found %s in redacted text", rule) })
			require.Equal(t, out, again)
		})
	}
}

func TestNotSecrets(t *testing.T) {
	r := newRedactor(t, Options{})
	for _, in := range []string{
		"", "=", ":", "://", "password", "password=", "password: ", "token=", `token=""`, `"token":""`, `{"token":null}`, "[", "[redacted:",
		`secret "user-serving-cert-004" not found`, `secrets "x" is forbidden`, "Secret/foo", `references non-existent secret key: tls.crt`,
		"token: true", "token=true reportEndpoint=https://x", "password: null", "password=nil", "password: <nil>", "--token-file=/var/run/x", "--token-file /var/run/x",
		"passwordSecretRef: x1", "tokenReview: x1", "tokenizer=abc123", "secretary=abc123", "secretName=abc-1", "token_type=bearer1", "tokens=1234567", "max_tokens: 4096123",
		"password=/etc/x/password", "token=./a/b", "key=abc123", "monkey=abc123", "compass=n123", "bypass=a123", "token=5",
		"password=[redacted:password:0123456789ab]", "password=<redacted>", "password=****", "password=${VAR}", "password=$(PASS)", "password=$PASS", "password=%s", "password=xxxxx", "token={{ .Token }}", "password=[REDACTED]",
		"https://user:xxxxx@host/", "https://user:${PASS}@host/", "https://host:443/a@b", "https://bob@host/", "https://host/a:b@c", "http://a.b", "user@host:22/x",
		"unable to get token: Post \"https://10.0.0.1/x\": dial tcp", "error validating token: x509: certificate expired", "Failed to watch *v1.Secret: failed to list *v1.Secret: x",
		"SATokenSignerDegraded: context canceled", "ConfigMap or Secret: openshift-monitoring/grpc-tls", "namespace=kube-system secret=aws-creds", "missing secrets: etcd-client-7,kubelet-client-7",
		"system:serviceaccount:openshift-cloud-credential-operator:pod-identity-webhook", "registry/secret:v1.2", "MountVolume failed for volume \"cookie-secret\" : failed to sync secret cache",
		"volume \"aws-credentials\" : failed to sync", "SecretVolumeSource{Secret:&SecretVolumeSource{SecretName:x,},}", "CertSecretNames: ([]string) (len=1 cap=1) {", "secrets:0xc000123456 token:0xc000999999",
		"neither --kubeconfig nor --token was set", "use --password to set it", "bearer token authentication", "Basic authentication failed", "WWW-Authenticate: Bearer realm=\"https://x1\",service=y",
		`["--token=","--x"]`, `{"args":"--token="}`, "invalid password: must contain a digit", "password: authentication failed for user bob", "unexpected token: foo1",
		"--authorization-mode=Node,RBAC1", "--use-service-account-credentials=true", "data.credentials=<REDACTED>", "nextPageToken=abc123", "pass: 5 fail: 2",
		"disk-abcdefghijklmnopqrstuvwxyz123456", "task-ABCDEFGHIJKLMNOPQ12345678", "sk-some-service-deployment-name", "npm_config_cache=/x", "eyJ", "eyJabc.def", "eyJhbGciOiJIUzI1NiJ9",
		// Numbers that are no cards.
		"1660000000000000000 ns", "1660000000000 ms", "TraceID: 4111111111111111ab", "a4111111111111111", "4111111111111111a", "0.4111111111111111", "4111111111111111.5", "4111111111111112", "41111111111111110000",
		"span_id=4000000000000000006", `"dd.trace_id":"4000000000000000006"`, "9111111111111111", "0000 0000 0000 0000", "4444444444444444", "id-4111111111111111", "4111 1111 1111 1112", "41111111-1111-1111-1111-111111111111", "1 2 3 4111 1111",
		"2022-08-22T05:18:16.154772363Z", "I0803 09:18:01.098208       1 observer_polling.go:159] Starting file observer",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", "----- BEGIN", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSURBVENDQWVtZ0F3SUJBZ0lCQVRBTkJna3Foa2lHOXcwQkFRc0ZBREE=",
		"AKIA", "AKIAlowercaseletters", "AIza short", "authorization: failed to reach it", `{"auth":"kubernetes"}`, "auth=none", "cookie: x", "hooks.slack.com", "Set-Cookie: a=; Path=/", "--pass <password>   Password required", "<password> is required", "docker run -u 1000:1000 x", "bob:${PASS}@tcp(db)/x", "x@tcp(y)",
	} {
		t.Run(in, func(t *testing.T) {
			out := r.Text(in, func(rule string) { t.Errorf("found %s", rule) })
			require.Equal(t, in, out)
		})
	}
}

func TestTokensCompare(t *testing.T) {
	r := newRedactor(t, Options{Rules: []Rule{{Name: "acct", Pattern: `acct (\w+)`, Group: 1}}})
	digits := func(text string) string {
		m := regexp.MustCompile(`:([0-9a-f]{12})\]`).FindStringSubmatch(r.Text(text, nil))
		require.NotNil(t, m, text)
		return m[1]
	}
	for _, same := range [][]string{
		{"password=hunter2", `{"token":"hunter2"}`, "redis://:hunter2@h", "Authorization: Bearer hunter2", "acct hunter2", "x-api-key: hunter2"},
		{"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"},
		{fakePEM, strings.ReplaceAll(fakePEM, "\n", `\n`), strings.ReplaceAll(fakePEM, "\n", `\\n`), `"private_key":"` + strings.ReplaceAll(fakePEM, "\n", `\n`) + `\n"`},
		{`{"password":"a\"b"}`, `{"log":"{\"password\":\"a\\\"b\"}"}`},
		{"token=" + fakeJWT, fakeJWT},
	} {
		for _, text := range same {
			require.Equal(t, digits(same[0]), digits(text), text)
		}
	}
	require.NotEqual(t, digits("password=hunter2"), digits("password=hunter3"))

	other := newRedactor(t, Options{Key: []byte("another key, 16+")})
	require.NotEqual(t, r.Text("password=hunter2", nil), other.Text("password=hunter2", nil))
}

// The token's form is frozen: it is in stored text.
func TestTokenGolden(t *testing.T) {
	r := newRedactor(t, Options{Key: []byte("0123456789abcdef")})
	require.Equal(t, "password=[redacted:password:deda27db21d0]", r.Text("password=hunter2", nil))
	require.Equal(t, []string{
		"jwt", "aws-key-id", "aws-secret-key", "gcp-api-key", "gcp-token", "azure-key", "azure-sas", "github-token", "gitlab-token", "slack-token", "slack-webhook",
		"stripe-key", "ai-key", "npm-token", "vendor-token", "private-key", "bearer", "basic", "authorization", "cookie", "url-password", "card-number",
		"password", "secret", "token", "api-key", "credential", "signature",
	}, BuiltIn())
}

func TestOwnRules(t *testing.T) {
	r := newRedactor(t, Options{Rules: []Rule{
		{Name: "employee", Pattern: `(?i)emp-\d{6}`},
		{Name: "seat", Pattern: `seat=(\w+) row`, Group: 1},
		{Name: "hex", Pattern: `[0-9a-f]{12,}`},
		{Name: "account", Pattern: `acct \S+`},
	}})
	for in, want := range map[string]string{
		"EMP-123456 left":            "«employee» left",
		"seat=a12 row 4, seat=b rot": "seat=«seat» row 4, seat=b rot",
		"id 0123456789abcdef":        "id «hex»",
		"acct " + fakeGitHub + "x":   "«account»«github-token»",
		"nothing":                    "nothing",
	} {
		out := r.Text(in, nil)
		require.Equal(t, want, shown(out), in)
		require.Equal(t, out, r.Text(out, func(rule string) { t.Errorf("found %s again in %s", rule, out) }))
	}
}

func TestNewReportsAllFaults(t *testing.T) {
	_, err := New(Options{
		Key:     []byte("short"),
		Disable: []string{"nope", "jwt"},
		Rules: []Rule{
			{Name: "Bad Name", Pattern: "x"}, {Name: "open", Pattern: "("}, {Name: "group", Pattern: "(a)b", Group: 2},
			{Name: "empty", Pattern: "a*"}, {Name: "password", Pattern: "x"}, {Name: "twice", Pattern: "x"}, {Name: "twice", Pattern: "y"},
		},
	})
	require.Error(t, err)
	for _, part := range []string{"5 bytes", `"nope"`, `1 "Bad Name"`, `2 "open"`, `3 "group"`, `4 "empty"`, `5 "password"`, `7 "twice"`} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), `6 "twice"`)
}

func TestDisable(t *testing.T) {
	on := newRedactor(t, Options{})
	for _, c := range []struct{ rule, text string }{
		{"jwt", "x " + fakeJWT}, {"card-number", "pan 4111111111111111"}, {"password", "password=hunter2"}, {"url-password", "ftp://a:b@c"},
		{"github-token", "x " + fakeGitHub}, {"cookie", "Cookie: a=b"}, {"private-key", fakePEM}, {"aws-key-id", fakeAKIA},
	} {
		off := newRedactor(t, Options{Disable: []string{c.rule}})
		require.NotEqual(t, c.text, on.Text(c.text, nil), c.rule)
		require.Equal(t, c.text, off.Text(c.text, nil), c.rule)
		require.NotEqual(t, on.Digest(), off.Digest())
	}
}

func TestDigest(t *testing.T) {
	base := newRedactor(t, Options{})
	require.Equal(t, base.Digest(), newRedactor(t, Options{}).Digest())
	seen := []uint32{base.Digest()}
	for _, o := range []Options{
		{Key: []byte("another key, 16+")},
		{Rules: []Rule{{Name: "a", Pattern: "b(c)"}}},
		{Rules: []Rule{{Name: "a", Pattern: "b(c)", Group: 1}}},
		{Rules: []Rule{{Name: "a", Pattern: "b(d)"}}},
		{Rules: []Rule{{Name: "b", Pattern: "b(c)"}}},
		{Disable: []string{"jwt"}},
	} {
		d := newRedactor(t, o).Digest()
		require.NotContains(t, seen, d)
		seen = append(seen, d)
	}
}

func TestResource(t *testing.T) {
	r := newRedactor(t, Options{})
	clean := &pipeline.Resource{Pod: "p", Labels: map[string]string{"app": "web", "pod-template-hash": "78c688f56b"}}
	require.Same(t, clean, r.Resource(clean, nil))
	require.Same(t, clean, r.Resource(clean, nil))
	require.Nil(t, r.Resource(nil, nil))

	dirty := &pipeline.Resource{Pod: "p", Labels: map[string]string{"app": "web", "ci": fakeGitHub, "db-password": "hunter2"}}
	var rules []string
	found := func(rule string) { rules = append(rules, rule) }
	out := r.Resource(dirty, found)
	require.NotSame(t, dirty, out)
	require.Equal(t, "p", out.Pod)
	require.Equal(t, "web", out.Labels["app"])
	require.Equal(t, "«github-token»", shown(out.Labels["ci"]))
	require.Equal(t, "«password»", shown(out.Labels["db-password"]))
	require.Equal(t, fakeGitHub, dirty.Labels["ci"], "the original is not touched")
	slices.Sort(rules)
	require.Equal(t, []string{"github-token", "password"}, rules)
	require.Same(t, out, r.Resource(dirty, found), "cached")
	require.Same(t, out, r.Resource(out, found), "what is redacted stays")
	require.Len(t, rules, 2)

	for i := range 3 * memo.Slots {
		res := &pipeline.Resource{Labels: map[string]string{"n": fmt.Sprint(i)}}
		require.Same(t, res, r.Resource(res, nil))
	}
	require.Equal(t, out.Labels, r.Resource(dirty, nil).Labels)
}

func TestConcurrentUse(t *testing.T) {
	r := newRedactor(t, Options{Rules: []Rule{{Name: "own", Pattern: `emp-\d+`}}})
	res := &pipeline.Resource{Labels: map[string]string{"a": fakeGitHub}}
	want := r.Text("password=hunter2 emp-1", nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if r.Text("password=hunter2 emp-1", nil) != want || r.Resource(res, nil).Labels["a"] == fakeGitHub {
					t.Error("differs")
				}
			}
		})
	}
	wg.Wait()
}

func TestCleanTextAllocatesNothing(t *testing.T) {
	r := newRedactor(t, Options{Rules: []Rule{{Name: "own", Pattern: `emp-\d+`}}})
	require.Zero(t, testing.AllocsPerRun(100, func() { r.Text(klogLine, nil) }))
}

const klogLine = `I0803 09:18:01.098208       1 event.go:282] Event(v1.ObjectReference{Kind:"Deployment", Namespace:"openshift-etcd-operator", Name:"etcd-operator"}): type: 'Normal' x`

// TestKeyLine: lines of a key that began in an entry before.
func TestKeyLine(t *testing.T) {
	r := newRedactor(t, Options{})
	line := fakePEM[32:96]
	for text, want := range map[string]string{
		line:                                   "«private-key»",
		"I0803 09:18:00.844 1 a.go:1] " + line: "I0803 09:18:00.844 1 a.go:1] «private-key»",
		line + "\nKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==\n-----END RSA PRIVATE KEY-----": "«private-key»\n«private-key»\n-----END RSA PRIVATE KEY-----",
		`{"msg":"` + line + `\n"}`: `{"msg":"«private-key»\n"}`,
		"  AQ==":                   "  «private-key»",
		"GET /healthz 200":         "GET /healthz 200",
	} {
		var found []string
		got := r.KeyLine(text, func(rule string) { found = append(found, rule) })
		require.Equal(t, want, shown(got))
		require.Len(t, found, strings.Count(want, "«"))
		require.Equal(t, got, r.KeyLine(r.Text(got, nil), nil), "idempotent")
	}
	off := newRedactor(t, Options{Disable: []string{"private-key"}})
	require.Equal(t, line, off.KeyLine(line, nil))
}
