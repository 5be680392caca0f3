package redact

// rule numbers the built-in rules; ruleNames holds their names.
type rule uint8

const (
	ruleJWT rule = iota
	ruleAWSKeyID
	ruleAWSSecretKey
	ruleGCPKey
	ruleGCPToken
	ruleAzureKey
	ruleAzureSAS
	ruleGitHub
	ruleGitLab
	ruleSlackToken
	ruleSlackWebhook
	ruleStripe
	ruleAIKey
	ruleNPM
	ruleVendorToken
	rulePrivateKey
	ruleBearer
	ruleBasic
	ruleAuthorization
	ruleCookie
	ruleURLPassword
	ruleCard
	rulePassword
	ruleSecret
	ruleToken
	ruleAPIKey
	ruleCredential
	ruleSignature
	ruleCount
)

// ruleNames are frozen: they are metrics' labels, settings, and part of stored
// text.
var ruleNames = [ruleCount]string{
	ruleJWT:           "jwt",
	ruleAWSKeyID:      "aws-key-id",
	ruleAWSSecretKey:  "aws-secret-key",
	ruleGCPKey:        "gcp-api-key",
	ruleGCPToken:      "gcp-token",
	ruleAzureKey:      "azure-key",
	ruleAzureSAS:      "azure-sas",
	ruleGitHub:        "github-token",
	ruleGitLab:        "gitlab-token",
	ruleSlackToken:    "slack-token",
	ruleSlackWebhook:  "slack-webhook",
	ruleStripe:        "stripe-key",
	ruleAIKey:         "ai-key",
	ruleNPM:           "npm-token",
	ruleVendorToken:   "vendor-token",
	rulePrivateKey:    "private-key",
	ruleBearer:        "bearer",
	ruleBasic:         "basic",
	ruleAuthorization: "authorization",
	ruleCookie:        "cookie",
	ruleURLPassword:   "url-password",
	ruleCard:          "card-number",
	rulePassword:      "password",
	ruleSecret:        "secret",
	ruleToken:         "token",
	ruleAPIKey:        "api-key",
	ruleCredential:    "credential",
	ruleSignature:     "signature",
}

// BuiltIn lists the names of the built-in rules.
func BuiltIn() []string { return append([]string(nil), ruleNames[:]...) }

// prefixed is a kind of secret that begins with a fixed text whose last byte is
// one of '_', '-' and '.', the byte the scan stops at.
type prefixed struct {
	prefix string
	rule   rule
	// min is the least number of bytes of set that follow the prefix.
	min int
	set charset
	// open says that the prefix must not follow a letter or digit: it is too
	// short to be a secret's beginning inside a word ("task-").
	open boundary
}

type boundary uint8

const (
	anywhere boundary = iota
	wordStart
)

// prefixes: the forms are those of the vendors' documentation and of the secret
// scanners gitleaks and GitHub's; lengths are lower bounds, since vendors
// lengthen them.
var prefixes = [...]prefixed{
	{"ghp_", ruleGitHub, 16, word, anywhere},
	{"gho_", ruleGitHub, 16, word, anywhere},
	{"ghu_", ruleGitHub, 16, word, anywhere},
	{"ghs_", ruleGitHub, 16, word, anywhere},
	{"ghr_", ruleGitHub, 16, word, anywhere},
	{"github_pat_", ruleGitHub, 16, word, anywhere},
	{"glpat-", ruleGitLab, 16, base64URL | dot, anywhere},
	{"glrt-", ruleGitLab, 16, base64URL | dot, anywhere},
	{"gldt-", ruleGitLab, 16, base64URL | dot, anywhere},
	{"glptt-", ruleGitLab, 16, base64URL | dot, anywhere},
	{"glcbt-", ruleGitLab, 16, base64URL | dot, anywhere},
	{"glagent-", ruleGitLab, 30, base64URL | dot, wordStart},
	{"xoxa-", ruleSlackToken, 10, base64URL, anywhere},
	{"xoxb-", ruleSlackToken, 10, base64URL, anywhere},
	{"xoxc-", ruleSlackToken, 10, base64URL, anywhere},
	{"xoxd-", ruleSlackToken, 10, base64URL, anywhere},
	{"xoxe-", ruleSlackToken, 10, base64URL, anywhere},
	{"xoxe.", ruleSlackToken, 10, base64URL, anywhere},
	{"xoxo-", ruleSlackToken, 10, base64URL, anywhere},
	{"xoxp-", ruleSlackToken, 10, base64URL, anywhere},
	{"xoxr-", ruleSlackToken, 10, base64URL, anywhere},
	{"xoxs-", ruleSlackToken, 10, base64URL, anywhere},
	{"xapp-", ruleSlackToken, 20, base64URL, wordStart},
	{"sk_live_", ruleStripe, 10, word, anywhere},
	{"rk_live_", ruleStripe, 10, word, anywhere},
	{"sk_test_", ruleStripe, 10, word, anywhere},
	{"rk_test_", ruleStripe, 10, word, anywhere},
	{"whsec_", ruleStripe, 16, word | base64Std, anywhere},
	{"sk-", ruleAIKey, 20, base64URL, wordStart},
	{"npm_", ruleNPM, 30, alnum, anywhere},
	{"ya29.", ruleGCPToken, 20, base64URL | dot, anywhere},
	{"GOCSPX-", ruleGCPToken, 20, base64URL, anywhere},
	{"SG.", ruleVendorToken, 40, base64URL | dot, wordStart},
	{"hvs.", ruleVendorToken, 20, base64URL, wordStart},
	{"hvb.", ruleVendorToken, 20, base64URL, wordStart},
	{"pypi-", ruleVendorToken, 60, base64URL, wordStart},
	{"dop_v1_", ruleVendorToken, 40, word, anywhere},
	{"glsa_", ruleVendorToken, 30, word, wordStart},
	{"hf_", ruleVendorToken, 30, alnum, wordStart},
	{"dckr_pat_", ruleVendorToken, 20, base64URL, anywhere},
	{"shpat_", ruleVendorToken, 30, word, anywhere},
	{"lin_api_", ruleVendorToken, 30, word, anywhere},
	{"sha256~", ruleVendorToken, 40, base64URL, wordStart}, // OpenShift's OAuth tokens
}

// charset is a set of bytes, by class.
type charset uint8

const (
	letters charset = 1 << iota
	digits
	underscore
	hyphen
	dot
	plusSlash
	equals

	alnum     = letters | digits
	word      = alnum | underscore
	base64URL = word | hyphen
	base64Std = alnum | plusSlash | equals
	base64Any = base64URL | base64Std
	keyBytes  = base64URL | dot
)

var charsets = func() (t [256]charset) {
	for c := range 256 {
		switch b := byte(c); {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z':
			t[c] = letters
		case b >= '0' && b <= '9':
			t[c] = digits
		}
	}
	t['_'], t['-'], t['.'], t['+'], t['/'], t['='] = underscore, hyphen, dot, plusSlash, plusSlash, equals
	return t
}()

func (s charset) has(b byte) bool { return charsets[b]&s != 0 }

// run is the end of the run of s's bytes that begins at i.
func (s charset) run(text string, i int) int {
	for i < len(text) && s.has(text[i]) {
		i++
	}
	return i
}

func isDigit(b byte) bool  { return b-'0' < 10 }
func isLetter(b byte) bool { return b|0x20-'a' < 26 }
func isSpace(b byte) bool  { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }
