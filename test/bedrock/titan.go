package bedrock

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// titan is the only model.
	titan = "amazon.titan-embed-text-v2:0"
	// MaxCharacters is the longest text.
	MaxCharacters = 50_000
	// MaxTokens is the most tokens of a text.
	MaxTokens = 8192
)

// isModel says whether a request names the model, by its ID or an ARN of it.
func isModel(id string) bool {
	return id == titan || strings.HasPrefix(id, "arn:aws:bedrock:") && strings.HasSuffix(id, "/"+titan)
}

// titanRequest is the body of Titan's InvokeModel.
type titanRequest struct {
	Text       *string  `json:"inputText"`
	Dimensions *int     `json:"dimensions"`
	Normalize  *bool    `json:"normalize"`
	Types      []string `json:"embeddingTypes"`
}

// textOf is the text that a body is about, empty if there is none.
func textOf(body []byte) string {
	var r titanRequest
	if json.Unmarshal(body, &r) != nil || r.Text == nil {
		return ""
	}
	return *r.Text
}

// invoke is InvokeModel of Titan.
func (s *Server) invoke(_ string, body []byte) *Reply {
	r, refusal := readTitan(body)
	if refusal != nil {
		return refusal.reply()
	}
	tokens := Tokens(*r.Text)
	vector := Vector(*r.Text, *r.Dimensions)
	if !*r.Normalize {
		for i := range vector {
			vector[i] *= 7
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts == nil {
		s.texts = map[string]int{}
	}
	s.texts[*r.Text]++
	s.counts.Embedded++
	s.counts.Tokens += tokens
	return encodeTitan(vector, tokens, r.Types)
}

// encodeTitan writes "embedding" when floats are asked for, and each type that is
// asked for into "embeddingsByType".
func encodeTitan(vector []float32, tokens int, types []string) *Reply {
	byType := map[string]any{}
	fields := map[string]any{"inputTextTokenCount": tokens, "embeddingsByType": byType}
	for _, kind := range types {
		if kind == "float" {
			fields["embedding"] = vector
			byType["float"] = vector
			continue
		}
		signs := make([]int, len(vector))
		for i, x := range vector {
			if x > 0 {
				signs[i] = 1
			}
		}
		byType["binary"] = signs
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err) // finite numbers are always JSON
	}
	return &Reply{Status: http.StatusOK, Body: text, Header: map[string]string{
		"X-Amzn-Bedrock-Input-Token-Count":  strconv.Itoa(tokens),
		"X-Amzn-Bedrock-Invocation-Latency": "70",
	}}
}

// readTitan fills in what a body leaves out, and refuses what Titan refuses.
func readTitan(body []byte) (titanRequest, *Exception) {
	refuse := func(format string, args ...any) (titanRequest, *Exception) {
		e := NewException("ValidationException", fmt.Sprintf(format, args...))
		return titanRequest{}, &e
	}
	malformed := func(format string, args ...any) (titanRequest, *Exception) {
		return refuse("Malformed input request: %s, please reformat your input and try again.", fmt.Sprintf(format, args...))
	}
	var r titanRequest
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return malformed("%v", err)
	}
	if r.Text == nil {
		return malformed("#: required key [inputText] not found")
	}
	dimensions, normalize := 1024, true
	if r.Dimensions == nil {
		r.Dimensions = &dimensions
	}
	if r.Normalize == nil {
		r.Normalize = &normalize
	}
	if r.Types == nil {
		r.Types = []string{"float"}
	}
	characters, tokens := utf8.RuneCountInString(*r.Text), Tokens(*r.Text)
	switch {
	case !slices.Contains([]int{256, 512, 1024}, *r.Dimensions):
		return malformed("#/dimensions: %d is not a valid enum value", *r.Dimensions)
	case len(r.Types) == 0, slices.ContainsFunc(r.Types, func(t string) bool { return t != "float" && t != "binary" }):
		return malformed("#/embeddingTypes: %q is not a valid enum value", r.Types)
	case strings.TrimSpace(*r.Text) == "":
		return malformed("expected minLength: 1, actual: 0")
	case characters > MaxCharacters:
		return malformed("expected maxLength: %d, actual: %d", MaxCharacters, characters)
	case tokens > MaxTokens:
		return refuse("400 Bad Request: Too many input tokens. Max input tokens: %d, request input token count: %d ", MaxTokens, tokens)
	}
	return r, nil
}

// Tokens is how many tokens a text has: a word one for each five letters, a
// number one for each two digits, anything else but a blank one for each byte.
func Tokens(text string) int {
	n, letters, digits := 0, 0, 0
	for _, r := range text {
		isLetter, isDigit := unicode.IsLetter(r) && r < utf8.RuneSelf, r >= '0' && r <= '9'
		if !isLetter {
			letters = 0
		}
		if !isDigit {
			digits = 0
		}
		switch {
		case isLetter:
			if letters%5 == 0 {
				n++
			}
			letters++
		case isDigit:
			if digits%2 == 0 {
				n++
			}
			digits++
		case !unicode.IsSpace(r):
			n += utf8.RuneLen(r)
		}
	}
	return n
}

// Vector is the unit vector of a text: another one for every text and dimension.
func Vector(text string, dimensions int) []float32 {
	vector := make([]float32, dimensions)
	var square float64
	seed := sha256.Sum256([]byte(text))
	block := seed
	for i := range vector {
		at := i % (len(block) / 4)
		if at == 0 {
			block = sha256.Sum256(block[:])
		}
		x := float64(int32(binary.BigEndian.Uint32(block[4*at:]))) / math.MaxInt32
		vector[i] = float32(x)
		square += x * x
	}
	for i := range vector {
		vector[i] = float32(float64(vector[i]) / math.Sqrt(square))
	}
	return vector
}
