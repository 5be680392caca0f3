package memo_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/memo"
)

func TestResources(t *testing.T) {
	m := memo.New[int]()
	a, b := &pipeline.Resource{Pod: "p"}, &pipeline.Resource{Pod: "p"}
	_, ok := m.Get(a)
	require.False(t, ok)
	m.Put(a, 1)
	_, ok = m.Get(b)
	require.False(t, ok, "equal, but not the same")
	m.Put(a, 2)
	got, ok := m.Get(a)
	require.True(t, ok)
	require.Equal(t, 2, got)
}

func TestResourcesIsBoundedAndNeverWrong(t *testing.T) {
	m := memo.New[int]()
	all := make([]pipeline.Resource, 3*memo.Slots)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range all {
				m.Put(&all[i], i)
			}
		})
	}
	wg.Wait()
	known := 0
	for i := range all {
		if got, ok := m.Get(&all[i]); ok {
			known++
			require.Equal(t, i, got)
		}
	}
	require.NotZero(t, known)
	require.LessOrEqual(t, known, memo.Slots)
}
