package embedding

import "context"

// Usage is what a call of an embedder took.
type Usage struct {
	// Requests is how many requests were sent, those that failed included.
	Requests int
	// Tokens is what the service counted for each text of the call, and charges
	// for; 0 for a text that was not embedded. It may be nil when it is all 0.
	Tokens []int
}

// Total is the tokens of all texts.
func (u Usage) Total() (tokens int) {
	for _, n := range u.Tokens {
		tokens += n
	}
	return tokens
}

// Counter is an Embedder that tells what its calls take. It is optional: of
// another one the tokens are estimated.
type Counter interface {
	Embedder
	// EmbedCounted is Embed, and says what it took, also when it fails.
	EmbedCounted(ctx context.Context, texts []string) ([][]float32, Usage, error)
}

// EstimateTokens is about how many tokens a log text has: one for three bytes.
// Prose has one for 4.7 characters (Titan's documentation), numbers and
// identifiers have more.
func EstimateTokens(text string) int {
	if isBlank(text) {
		return 0
	}
	return len(text)/3 + 1
}
