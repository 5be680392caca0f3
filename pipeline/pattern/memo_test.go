package pattern

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemoIsBounded(t *testing.T) {
	m := New()
	most := 0
	for i := range maxMemo + 100 {
		word := []byte("tea")
		for ; i > 0; i /= 13 {
			word = append(word, byte('a'+i%13), 'o')
		}
		m.Text(string(word))
		most = max(most, len(m.memo))
	}
	require.Equal(t, maxMemo, most)
}
