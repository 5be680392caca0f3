package bedrock

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Fault answers in the place of a model. whole makes the true answer, and counts
// it as given.
type Fault func(w http.ResponseWriter, r *http.Request, whole func() *Reply)

// Fail is the fault of an error.
func Fail(e Exception) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ func() *Reply) { write(w, e.reply()) }
}

// FailAs is the fault of an error of that type, with the status that Bedrock
// gives it.
func FailAs(name string) Fault { return Fail(NewException(name, "this is a fault: "+name)) }

// Answer is the fault of another body with status 200.
func Answer(body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ func() *Reply) {
		write(w, &Reply{Status: http.StatusOK, Body: []byte(body)})
	}
}

// Page is the fault of something in between that answers in Bedrock's place.
func Page(status int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ func() *Reply) {
		write(w, &Reply{Status: status, Header: map[string]string{"Content-Type": "text/html"}, Body: []byte("<html>no</html>")})
	}
}

// Hang is the fault of an answer that does not come before the client gives up.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ func() *Reply) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Cut is the fault of a connection that breaks in the middle of the answer. The
// text was embedded, and paid for.
func Cut() Fault {
	return func(w http.ResponseWriter, _ *http.Request, whole func() *Reply) {
		a := whole()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
		w.WriteHeader(a.Status)
		_, _ = w.Write(a.Body[:len(a.Body)/2])
		_ = http.NewResponseController(w).Flush() // the client may be gone
		panic(http.ErrAbortHandler)
	}
}

// Drop is the fault of a connection that breaks before the answer.
func Drop() Fault {
	return func(http.ResponseWriter, *http.Request, func() *Reply) { panic(http.ErrAbortHandler) }
}

// Sometimes is one of the faults with the given probability, else none: the same
// ones in the same order for the same seed.
func Sometimes(seed uint64, probability float64, faults ...Fault) Fault {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func() Fault {
		mu.Lock()
		defer mu.Unlock()
		if random.Float64() >= probability {
			return nil
		}
		return faults[random.IntN(len(faults))]
	}
	return func(w http.ResponseWriter, r *http.Request, whole func() *Reply) {
		if fault := pick(); fault != nil {
			fault(w, r, whole)
			return
		}
		write(w, whole())
	}
}

// planned is when a fault is due.
type planned struct {
	fault Fault
	// left is how many more requests it is for; negative for all.
	left int
	fits func(text string) bool
}

// FailNext makes the next n requests fail with fault, after those that earlier
// calls have planned.
func (s *Server) FailNext(n int, fault Fault) {
	s.plan(planned{fault: fault, left: n, fits: func(string) bool { return true }})
}

// FailAll makes all requests fail with fault, until Heal.
func (s *Server) FailAll(fault Fault) { s.FailNext(-1, fault) }

// FailText makes all requests fail whose text holds part, until Heal.
func (s *Server) FailText(part string, fault Fault) {
	s.plan(planned{fault: fault, left: -1, fits: func(text string) bool { return strings.Contains(text, part) }})
}

// Heal ends all faults but Throttle.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) plan(p planned) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, p)
}

// due is the fault of a request, nil for none.
func (s *Server) due(text string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		p := &s.faults[i]
		if p.left == 0 || !p.fits(text) {
			continue
		}
		if p.left > 0 {
			p.left--
		}
		return p.fault
	}
	return nil
}
