package render

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress shows on a terminal how far bytes are worked off, at which rate, and
// how long it will take. Anywhere else it writes nothing. Its methods may be
// called at once.
type Progress struct{ bar *progressbar.ProgressBar } // nil: no terminal

// NewProgress starts a bar on w, which t describes. total is in bytes; -1 when
// it is unknown: then there is no end to estimate.
func NewProgress(w io.Writer, t Terminal, label string, total int64) *Progress {
	if t.Width == 0 {
		return &Progress{}
	}
	if total <= 0 {
		total = -1
	}
	return &Progress{bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(Safe(label)),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(min(30, max(10, t.Width/4))),
		progressbar.OptionThrottle(100*time.Millisecond),
		// The interval's goroutine would outlive the bar.
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionClearOnFinish(),
	)}
}

// Set says that done bytes of total are worked off; the total may have grown
// since, -1 leaves it as it was.
func (p *Progress) Set(done, total int64) error {
	if p.bar == nil {
		return nil
	}
	if total > 0 {
		done = min(done, total)
		if total != p.bar.GetMax64() {
			p.bar.ChangeMax64(total)
		}
	}
	if err := p.bar.Set64(done); err != nil {
		return fmt.Errorf("show progress: %w", err)
	}
	return nil
}

// Label changes the text in front of the bar.
func (p *Progress) Label(text string) {
	if p.bar != nil {
		p.bar.Describe(Safe(text))
	}
}

// Close removes the bar from the terminal.
func (p *Progress) Close() error {
	if p.bar == nil {
		return nil
	}
	if err := p.bar.Clear(); err != nil {
		return fmt.Errorf("clear progress: %w", err)
	}
	return p.bar.Exit()
}
