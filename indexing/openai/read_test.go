package openai

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"data":[{"index":1,"embedding":[1,2]},{"index":0,"embedding":[ 3 , -4e-3 ]}]}`,
		`{"data":[{"index":1,"embedding":[null,2]},{"index":0,"embedding":"AACAPw=="}]}`,
		`{"data":[{"index":0,"embedding":[[1],2]},{"index":1,"embedding":{"a":[1]}}]}`,
		`{"data":[{"index":0,"embedding":[]},{"embedding":null}]}`,
		`{"data":[{"index":0,"embedding":[3e38,3e38]},{"index":1,"embedding":[1e-45,0]}]}`,
		`[]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := New(Options{URL: "http://localhost/v1", Model: "m"})
		require.NoError(t, err)
		vectors, err := e.read(body, 2)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.Len(t, vectors, 2)
		for _, v := range vectors {
			if v == nil {
				continue
			}
			require.Len(t, v, e.Dimensions())
			var square float64
			for _, x := range v {
				square += float64(x) * float64(x)
			}
			require.False(t, math.IsNaN(square))
			if square != 0 {
				require.InDelta(t, 1, square, 1e-4)
			}
		}
	})
}
