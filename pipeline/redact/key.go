package redact

// class says what a key's name promises of its value, strongest first.
type class uint8

const (
	notSecret class = iota
	// password: the value is taken almost whatever it looks like.
	password
	// pass is a password or the opposite of fail.
	pass
	secret
	// named is a secret or the name of one, as in Kubernetes: secret=aws-creds.
	named
	token
	apiKey
	credential
	authorization
	cookie
	// basicAuth is Docker's "auth": base64 of user:password.
	basicAuth
	signature
	// value is no class of secrets: the key is "value", and another key beside
	// it says what the value is, as in {"name":"DB_PASSWORD","value":"x"}.
	value
)

var classRules = [...]rule{
	password: rulePassword, pass: rulePassword, secret: ruleSecret, named: ruleSecret, token: ruleToken,
	apiKey: ruleAPIKey, credential: ruleCredential, authorization: ruleAuthorization, cookie: ruleCookie,
	basicAuth: ruleBasic, signature: ruleSignature, value: ruleSecret,
}

// maxKeyLen bounds how far back a key is read.
const maxKeyLen = 64

// pairs are letters that stand side by side in every word that makes a key
// secret, and seldom elsewhere: a key without them need not be read as words.
// pairs[b] has bit c-'@' for each letter c that b may precede.
var pairs = func() (t [256]uint64) {
	for _, p := range []string{"ss", "wd", "cr", "ok", "ey", "au", "gn", "jw"} {
		for _, b := range []byte{p[0], p[0] &^ 0x20} {
			t[b] |= 1<<(p[1]-'@') | 1<<(p[1]&^0x20-'@')
		}
	}
	return t
}()

// hinted reads the key that ends at text[end] backwards: where it begins, and
// whether it may be secret.
func hinted(text string, end int) (from int, may bool) {
	from = end
	stop := max(0, end-maxKeyLen)
	var hit uint64
	var next byte
	for from > stop && keyBytes.has(text[from-1]) {
		b := text[from-1]
		hit |= pairs[b] >> (next - '@')
		next = b
		from--
	}
	if hit&1 == 0 && end-from >= 3 {
		switch text[end-1] | 0x20 {
		case 'g':
			return from, foldEqual(text[end-3:end], "sig")
		case 'e':
			return from, end-from >= 5 && foldEqual(text[end-5:end], "value")
		}
	}
	return from, hit&1 != 0
}

// maxWords bounds the words of a key that are looked at: the last ones.
const maxWords = 12

// classify says what a key promises. A key is read as words: parted by
// punctuation, by changes of case and by digits.
func classify(key string) class {
	if foldEqual(key, "sig") {
		return signature
	}
	var parts [maxWords]string
	n := splitKey(key, &parts)
	all := parts[:n]
	for i := n - 1; i >= 0; i-- {
		c := classOf(all, i)
		if c == notSecret {
			if !mayFollow(all[i], key) {
				return notSecret
			}
			continue
		}
		if (c == value || c == basicAuth || c == pass || c == signature) && i < n-1 {
			return notSecret
		}
		return c
	}
	return notSecret
}

// splitKey fills words with the last words of key, in order.
func splitKey(key string, words *[maxWords]string) int {
	n := maxWords
	for end := len(key); end > 0 && n > 0; {
		if !isLetter(key[end-1]) {
			end--
			continue
		}
		from := end - 1
		if upper(key[from]) {
			// HTTPSecret: the capitals but the last are a word.
			for from > 0 && upper(key[from-1]) {
				from--
			}
		} else {
			for from > 0 && isLetter(key[from-1]) && !upper(key[from-1]) {
				from--
			}
			if from > 0 && upper(key[from-1]) {
				from--
			}
		}
		n--
		words[n] = key[from:end]
		end = from
	}
	return copy(words[:], words[n:])
}

func upper(b byte) bool { return b-'A' < 26 }

// classOf says what the word all[i] makes of a key.
func classOf(all []string, i int) class {
	w, prev := all[i], ""
	if i > 0 {
		prev = all[i-1]
	}
	switch {
	case endsWith(w, "password", "passwd", "pwd", "passphrase", "passwort", "passcode"):
		return password
	case foldEqual(w, "word") && foldEqual(prev, "pass"):
		return password
	case foldEqual(w, "pass"):
		return pass
	case endsWith(w, "clientsecret", "appsecret", "apisecret", "sharedsecret"):
		return secret
	case endsWith(w, "secret"):
		if oneOf(prev, "client", "app", "application", "api", "shared", "jwt", "session", "consumer", "oauth", "hmac", "http", "webhook", "signing", "cookie", "auth", "access", "totp", "otp", "csrf", "hash") {
			return secret
		}
		return named
	case endsWith(w, "token", "jsessionid", "sessid", "jwt"):
		if oneOf(prev, "next", "page", "continuation", "continue", "unexpected", "cancellation", "cancel", "end", "start", "eos", "bos", "pad") {
			return notSecret
		}
		return token
	case endsWith(w, "apikey", "accesskey", "secretkey", "privatekey", "accountkey", "authkey", "signingkey", "encryptionkey", "masterkey"):
		return apiKey
	case foldEqual(w, "key") && oneOf(prev, "api", "access", "private", "secret", "account", "shared", "encryption", "signing", "master", "auth", "client", "storage", "ssh", "subscription", "functions", "webhook", "crypt", "hmac", "aes", "session"):
		return apiKey
	case foldEqual(w, "data") && foldEqual(prev, "key"):
		return notSecret // client-key-data: "data" may follow a key
	case endsWith(w, "credential", "credentials", "creds"):
		return credential
	case foldEqual(w, "authorization"):
		return authorization
	case foldEqual(w, "auth"):
		return basicAuth
	case foldEqual(w, "cookie") || foldEqual(w, "cookies"):
		return cookie
	case foldEqual(w, "signature"):
		return signature
	case foldEqual(w, "value") && len(all) == 1:
		return value
	}
	return notSecret
}

// capitals says whether s holds no lower-case letter.
func capitals(s string) bool {
	for i := range len(s) {
		if isLetter(s[i]) && !upper(s[i]) {
			return false
		}
	}
	return true
}

func endsWith(word string, suffixes ...string) bool {
	for _, s := range suffixes {
		if len(word) >= len(s) && foldEqual(word[len(word)-len(s):], s) {
			return true
		}
	}
	return false
}

func oneOf(word string, words ...string) bool {
	for _, w := range words {
		if foldEqual(word, w) {
			return true
		}
	}
	return false
}

// mayFollow says whether a key stays what its word before promises when this
// word follows: password_hash does, tokenReview and secretName do not. Behind
// an environment variable's name, all capitals, most words may stand
// (API_KEY_STRIPE); those that may not are listed.
func mayFollow(word, key string) bool {
	if oneOf(word, "value", "hash", "hashed", "base", "b", "encoded", "encrypted", "plain", "plaintext", "text", "string", "str", "data", "raw", "new", "old", "current", "previous", "prev", "confirm", "confirmation", "again", "repeat", "key", "binary", "prod", "production", "staging", "stage", "dev", "test", "primary", "secondary", "admin") {
		return true
	}
	return capitals(key) && !oneOf(word, "file", "path", "name", "names", "ref", "id", "ids", "type", "url", "uri", "ttl", "expiry", "expires", "expiration", "expire", "timeout", "count", "length", "len", "size", "min", "max", "policy", "enabled", "disabled", "dir", "directory", "header", "algorithm", "alg", "issuer", "audience", "version", "host", "port", "endpoint", "namespace", "arn", "prefix", "suffix", "format", "method", "lifetime", "interval", "limit", "mount", "source", "age", "mode", "provider", "review", "cache", "rotation", "location", "status", "state", "required", "error", "store", "manager", "operator", "controller", "field", "kind", "scope", "scopes", "time", "date")
}
