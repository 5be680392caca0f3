package embedding_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/embedding/embeddingtest"
)

func numbered(from, to int) []embedding.Document {
	var list []embedding.Document
	for i := from; i < to; i++ {
		list = append(list, embedding.Document{Text: fmt.Sprint("text ", i), Context: "shop"})
	}
	return list
}

func TestStepComposesAndStores(t *testing.T) {
	store, m, o := new(embeddingtest.Memory), newModel(), new(observer)
	whole := embedding.Document{Text: "oom killed", Context: "kubelet", Glossary: "out of memory"}
	bare := embedding.Document{Text: "disk full"}
	empty := embedding.Document{Context: "kubelet"}
	nothing := embedding.Document{}
	store.Add(whole, bare, empty, nothing)
	loop := embedding.NewLoop(store, m, embedding.LoopOptions{Batch: 3, Observer: o})

	n, err := loop.Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, embedding.Compose(vectorOf("oom killed"), vectorOf("kubelet"), vectorOf("out of memory")), store.Vector("fake-1", whole.Key()))
	require.Equal(t, vectorOf("disk full"), store.Vector("fake-1", bare.Key()))
	require.InDeltaSlice(t, vectorOf("kubelet"), store.Vector("fake-1", empty.Key()), 1e-6)
	require.Equal(t, []string{"oom killed", "kubelet", "out of memory", "disk full", ""}, m.sent(), "each text once")

	n, err = loop.Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, make([]float32, 4), store.Vector("fake-1", nothing.Key()))

	n, err = loop.Step(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, []string{"pending 3", "embedded 3 from 5", "pending 1", "embedded 1 from 1", "pending 0"}, o.events)
}

// poisoned gives up at the first text that it fails with.
type poisoned struct{ *model }

func (p poisoned) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	for i, text := range texts {
		if text == "poison" {
			made, err := p.model.Embed(ctx, texts[:i])
			return append(made, make([][]float32, len(texts)-i)...), errors.Join(err, pipeline.ErrTryLater)
		}
	}
	return p.model.Embed(ctx, texts)
}

func TestAPoisonousTextDoesNotStarveTheOthers(t *testing.T) {
	store := new(embeddingtest.Memory)
	store.Add(embedding.Document{Text: "poison"})
	store.Add(numbered(0, 20)...)
	loop := embedding.NewLoop(store, poisoned{newModel()}, embedding.LoopOptions{})
	for range 200 {
		_, err := loop.Step(t.Context())
		require.ErrorIs(t, err, pipeline.ErrTryLater)
	}
	waiting, err := store.Unembedded(t.Context(), "fake-1", 100)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
}

// One text a template, whatever else a document has.
func TestTemplatesAreOneTextEach(t *testing.T) {
	store, m := new(embeddingtest.Memory), newModel()
	cart := embedding.Document{Text: "oom killed", Context: "cart", Glossary: "out of memory", Masked: "node-7", Whole: true}
	mail := embedding.Document{Text: "oom killed", Context: "mail", Glossary: "out of memory", Masked: "node-8", Whole: true}
	bare := embedding.Document{Text: "disk full", Context: "mail"}
	blank := embedding.Document{Context: "mail"}
	store.Add(cart, mail, bare, blank)
	n, err := embedding.NewLoop(store, m, embedding.LoopOptions{Templates: true}).Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.Equal(t, []string{"oom killed\nout of memory", "disk full", ""}, m.sent())
	require.NotEqual(t, cart.Key(), mail.Key())
	require.Equal(t, store.Vector("fake-1", cart.Key()), store.Vector("fake-1", mail.Key()))
}

func TestStepKeepsWhatIsDoneWhenTheEmbedderFailsHalfway(t *testing.T) {
	store, m := new(embeddingtest.Memory), newModel()
	documents := numbered(0, 5)
	store.Add(documents...)
	m.quota, m.fault = 4, errThrottled // text 0, shop, text 1, text 2
	n, err := embedding.NewLoop(store, m, embedding.LoopOptions{}).Step(t.Context())
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.Equal(t, 3, n)
	for i, d := range documents {
		require.Equal(t, i < 3, store.Vector("fake-1", d.Key()) != nil, "document %d", i)
	}
}

func TestARejectedTextIsNotTriedAgain(t *testing.T) {
	store, m, o := new(embeddingtest.Memory), newModel(), new(observer)
	text := embedding.Document{Text: "cursed text", Context: "shop"}
	context := embedding.Document{Text: "disk full", Context: "cursed shop"}
	good := embedding.Document{Text: "good", Context: "shop"}
	store.Add(text, context, good)
	loop := embedding.NewLoop(store, m, embedding.LoopOptions{Observer: o})
	n, err := loop.Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, make([]float32, 4), store.Vector("fake-1", text.Key()), "a context alone says nothing")
	require.Equal(t, vectorOf("disk full"), store.Vector("fake-1", context.Key()))
	require.Equal(t, embedding.Compose(vectorOf("good"), vectorOf("shop"), nil), store.Vector("fake-1", good.Key()))
	n, err = loop.Step(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, []string{"pending 3", "embedded 3 from 3", "rejected refused", "rejected refused", "pending 0"}, o.events)
}

func TestStepBelievesNoEmbedder(t *testing.T) {
	reject := func(rejections ...embedding.Rejection) error {
		return &embedding.RejectedError{Rejections: rejections}
	}
	for name, wrong := range map[string]func([][]float32, error) ([][]float32, error){
		"too few":                func(v [][]float32, err error) ([][]float32, error) { return v[1:], err },
		"none":                   func([][]float32, error) ([][]float32, error) { return nil, nil },
		"a gap":                  func(v [][]float32, err error) ([][]float32, error) { v[1] = nil; return v, err },
		"another dimension":      func(v [][]float32, err error) ([][]float32, error) { v[1] = v[1][:2]; return v, err },
		"rejects nobody":         func(v [][]float32, _ error) ([][]float32, error) { return v, reject() },
		"rejects without result": func([][]float32, error) ([][]float32, error) { return nil, reject(embedding.Rejection{}) },
		"rejects a stranger":     func(v [][]float32, _ error) ([][]float32, error) { return v, reject(embedding.Rejection{Index: 9}) },
		"rejects another": func(v [][]float32, _ error) ([][]float32, error) {
			v[1] = nil
			return v, reject(embedding.Rejection{Index: 0})
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, documents := range [][]embedding.Document{numbered(0, 2), {{Text: "a"}, {Text: "a"}, {Text: "b"}}} {
				store, m := new(embeddingtest.Memory), newModel()
				store.Add(documents...)
				m.wrong = wrong
				n, err := embedding.NewLoop(store, m, embedding.LoopOptions{}).Step(t.Context())
				require.ErrorContains(t, err, "model fake-1")
				require.Zero(t, n)
				require.Nil(t, store.Vector("fake-1", documents[0].Key()))
				_, err = embedding.Cached(m, new(embeddingtest.Memory)).Embed(t.Context(), []string{"a", "b", "c"})
				require.ErrorContains(t, err, "model fake-1")
			}
		})
	}
}

func TestStepWithFaultsOfTheStore(t *testing.T) {
	full := errors.New("disk full")
	for _, operation := range []string{"Unembedded", "SetVectors"} {
		store, m := new(embeddingtest.Memory), newModel()
		store.Add(numbered(0, 3)...)
		failing := true
		store.FailWith(func(o string) error {
			if failing && o == operation {
				return full
			}
			return nil
		})
		loop := embedding.NewLoop(store, m, embedding.LoopOptions{})
		n, err := loop.Step(t.Context())
		require.ErrorIs(t, err, full)
		require.Zero(t, n)
		failing = false
		n, err = loop.Step(t.Context())
		require.NoError(t, err)
		require.Equal(t, 3, n)
	}
}

// run runs a loop in a bubble and returns how to end it.
func run(t *testing.T, loop *embedding.Loop) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- loop.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func TestRunPollsAndWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(embeddingtest.Memory)
		documents := numbered(0, 200)
		has := func(i int) bool { return store.Vector("fake-1", documents[i].Key()) != nil }
		store.Add(documents[:150]...)
		loop := embedding.NewLoop(store, newModel(), embedding.LoopOptions{Poll: 10 * time.Second})
		defer run(t, loop)()
		synctest.Wait()
		require.True(t, has(149), "several batches at once, without a wait")

		time.Sleep(3 * time.Second)
		store.Add(documents[150:160]...)
		synctest.Wait()
		require.False(t, has(155))
		loop.Wake()
		loop.Wake()
		synctest.Wait()
		require.True(t, has(155))

		store.Add(documents[160:]...)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		require.False(t, has(199))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.True(t, has(199), "found by polling")
	})
}

func TestRunBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, m, o := new(embeddingtest.Memory), newModel(), new(observer)
		store.Add(numbered(0, 3)...)
		m.set(0, errThrottled)
		loop := embedding.NewLoop(store, m, embedding.LoopOptions{MinBackoff: time.Second, MaxBackoff: 8 * time.Second, Observer: o})
		defer run(t, loop)()
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			loop.Wake()
		}
		synctest.Wait()
		errs, waits := o.failures()
		require.Less(t, len(waits), 20, "waking does not shorten the wait")
		for i, wait := range waits {
			whole := min(time.Second<<i, 8*time.Second)
			require.GreaterOrEqual(t, wait, whole/2)
			require.LessOrEqual(t, wait, whole)
			require.ErrorIs(t, errs[i], pipeline.ErrTryLater)
		}

		m.set(3, errThrottled) // goes on a little with each call
		time.Sleep(15 * time.Second)
		synctest.Wait()
		calls := m.all()
		last := calls[len(calls)-1]
		require.Len(t, last, 2, "one is left")
		require.Equal(t, "shop", last[1])
		_, waits = o.failures()
		before := len(waits)
		require.LessOrEqual(t, waits[before-1], time.Second, "progress ends the doubling")

		m.set(0, &embedding.DelayError{Err: errThrottled, After: 5 * time.Minute})
		store.Add(numbered(3, 4)...)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		errs, waits = o.failures()
		require.Len(t, waits, before+1)
		require.Equal(t, 5*time.Minute, waits[before])
		require.ErrorIs(t, errs[before], pipeline.ErrTryLater)
	})
}
