package execstep

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// ClassAnswer is the class of the error that a co-process did not keep to the
// form: one line for each that it gets.
const ClassAnswer = "exec.answer"

const (
	// MaxAnswer is the longest line that a co-process may answer, in bytes.
	MaxAnswer = 1 << 20
	// DefaultAnswerTimeout is how long an answer may take where Config does not
	// say.
	DefaultAnswerTimeout = 10 * time.Second
	// drainWait is how long the answer of a command that has ended may take to
	// come out of the pipe. Another process may keep it open for ever.
	drainWait = 500 * time.Millisecond
)

// Coprocess is a command that runs beside a step and answers questions: it gets
// one line on stdin and writes one line to stdout, in turn. It is started by Open
// and ended by Close, and belongs to one execution of the step.
//
// There is never more than one question without an answer, so an answer cannot
// be that to another question, unless the command writes more lines than it is
// asked for; that is an error as soon as it is seen. After any error the command
// is not asked again: whatever it says then could be the answer to the question
// before. These errors are core.Fatal.
//
// It is not safe for concurrent use.
type Coprocess struct {
	cfg   Config
	scope *core.Scope

	// ctx is that of Open: when it ends the command has no time left.
	ctx                context.Context //nolint:containedctx // Close has none of its own
	command            call
	release            func() error // what prepare has made
	process            *process     // nil: it was not started
	questions, replies *os.File
	answers            chan answer   // capacity 1
	quit               chan struct{} // closed when nobody waits for answers any more
	work               sync.WaitGroup
	quiet              func() // ends the trimming of the log
	failed             error
}

// answer is a line, or why there is none.
type answer struct {
	line []byte
	more bool // something is there behind it
	err  error
}

const notAsked = "wrote a line that it was not asked for (what is no answer belongs on stderr)"

var errTooLong = errors.New("the line is too long")

var (
	_ core.ItemStream = (*Coprocess)(nil)
	_ core.Finisher   = (*Coprocess)(nil)
)

// NewCoprocess returns the co-process of a step. Of cfg, Timeout is the time that
// one answer may take; DefaultAnswerTimeout when it is 0. Stdin, ExitCodes, Else
// and OnCrash mean nothing to it, nor does what it writes to BATCH_OUTPUT. Its
// stderr is the log.
func NewCoprocess(s *core.Scope, cfg Config) (*Coprocess, error) {
	if cfg.Stdin != "" {
		return nil, definition("exec: a co-process has no stdin but its questions")
	}
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultAnswerTimeout
	}
	return &Coprocess{cfg: cfg, scope: s}, nil
}

// Open implements core.ItemStream: it starts the command.
func (p *Coprocess) Open(ctx context.Context, _ core.ExecutionContext) error {
	c, release, err := tasklet{p.cfg}.prepare(ctx, p.scope)
	if err != nil {
		return err
	}
	p.ctx, p.release = ctx, release
	var childIn, childOut *os.File
	if childIn, p.questions, err = os.Pipe(); err != nil {
		return fmt.Errorf("make a pipe to %s: %w", c.name, err)
	}
	defer childIn.Close()
	if p.replies, childOut, err = os.Pipe(); err != nil {
		return fmt.Errorf("make a pipe from %s: %w", c.name, err)
	}
	defer childOut.Close()
	c.stdin, c.stdout = childIn, childOut
	p.command = c
	started, err := c.start()
	if err != nil {
		return err
	}
	p.process = started
	p.answers, p.quit = make(chan answer, 1), make(chan struct{})
	p.work.Go(p.listen)
	enough := make(chan struct{})
	var trimming sync.WaitGroup
	trimming.Go(func() { p.trim(enough) })
	p.quiet = sync.OnceFunc(func() {
		close(enough)
		trimming.Wait()
	})
	p.scope.Log.LogAttrs(ctx, slog.LevelInfo, "Co-process started", p.facts()...)
	return nil
}

// Checkpoint implements core.ItemStream: a co-process has no position, it starts
// afresh with every attempt.
func (p *Coprocess) Checkpoint(core.ExecutionContext) error { return nil }

// facts are what log lines say about the command.
func (p *Coprocess) facts(attrs ...slog.Attr) []slog.Attr {
	return append([]slog.Attr{
		slog.String("step", p.scope.Step.StepName), slog.Int64("stepExecutionId", p.scope.Step.ID),
		slog.Int("pid", p.process.pid()), slog.String("log", p.command.log.path),
	}, attrs...)
}

// trim keeps the log short until it is enough.
func (p *Coprocess) trim(enough <-chan struct{}) {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-enough:
			return
		case <-tick.C:
			_ = p.command.log.trim() // finish says what is wrong with it
		}
	}
}

// listen reads lines until there are no more.
func (p *Coprocess) listen() {
	in := bufio.NewReaderSize(p.replies, 64<<10)
	for {
		line, err := readLine(in)
		select {
		case p.answers <- answer{line, in.Buffered() > 0, err}:
		case <-p.quit:
			return
		}
		if err != nil {
			return
		}
	}
}

// readLine reads a line, without its end.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > MaxAnswer+1:
			return line[:MaxAnswer], errTooLong
		case err == nil:
			return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// Ask sends a line, which ends with its line feed, and returns the answer without
// one. Every error but that of ctx is core.Fatal.
func (p *Coprocess) Ask(ctx context.Context, line []byte) ([]byte, error) {
	switch {
	case p.failed != nil:
		return nil, p.failed
	case p.process == nil:
		return nil, errors.New("the co-process is asked before it was opened")
	}
	select {
	case a := <-p.answers: // before there was a question
		return nil, p.fail(p.unasked(a))
	default:
	}
	late := make(chan struct{})
	timer := time.AfterFunc(p.cfg.Timeout, func() {
		close(late)
		p.giveUpWriting()
	})
	defer timer.Stop()
	defer context.AfterFunc(ctx, p.giveUpWriting)()
	_, writeErr := p.questions.Write(line)
	a, err := p.await(ctx, late, writeErr)
	if err != nil {
		return nil, p.fail(err)
	}
	if !timer.Stop() { // its function spoils the pipe
		return nil, p.fail(p.timedOut())
	}
	return a, nil
}

// giveUpWriting ends a Write that waits: a time long ago is over.
func (p *Coprocess) giveUpWriting() { _ = p.questions.SetWriteDeadline(time.Unix(1, 0)) }

// await waits for the answer to the question that was written, or not.
func (p *Coprocess) await(ctx context.Context, late <-chan struct{}, writeErr error) ([]byte, error) {
	if writeErr == nil {
		select {
		case a := <-p.answers:
			return p.judge(a)
		case <-p.process.ended():
			return p.lastWords()
		case <-late:
			return nil, p.timedOut()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	// It takes no more. It may be about to die, or have closed its stdin.
	select {
	case <-late:
		return nil, p.timedOut()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-p.process.ended():
		return nil, p.died()
	case <-time.After(drainWait):
		return nil, p.wrong("takes no more questions but runs on", "")
	}
}

// judge takes what was read in the time of a question for its answer.
func (p *Coprocess) judge(a answer) ([]byte, error) {
	switch {
	case a.err == nil && a.more:
		return nil, p.wrong(notAsked+", behind this answer", head(a.line))
	case a.err == nil:
		return a.line, nil
	case errors.Is(a.err, errTooLong):
		return nil, p.wrong(fmt.Sprintf("answered with a line of more than %d bytes", MaxAnswer), head(a.line))
	}
	select { // it has closed its stdout, most likely because it has ended
	case <-p.process.ended():
		return nil, p.died()
	case <-time.After(drainWait):
	}
	if len(a.line) > 0 {
		return nil, p.wrong("closed its stdout in the middle of a line", head(a.line))
	}
	return nil, p.wrong("closed its stdout but runs on", "")
}

// lastWords is the answer of a command that has ended behind it.
func (p *Coprocess) lastWords() ([]byte, error) {
	select {
	case a := <-p.answers:
		if a.err == nil {
			return p.judge(a)
		}
	case <-time.After(drainWait):
	}
	return nil, p.died()
}

func (p *Coprocess) unasked(a answer) error {
	if a.err == nil {
		return p.wrong(notAsked, head(a.line))
	}
	_, err := p.judge(a)
	return err
}

// fail keeps err for every further question, and ends the command.
func (p *Coprocess) fail(err error) error {
	if p.ctx.Err() == nil && !errors.Is(err, context.Canceled) && !core.IsInterruption(err) {
		err = core.Fatal(err)
	}
	p.failed = logged(p.scope, err, p.command.log.path)
	return p.failed
}

// Wrong makes an error about the last answer, whose form is not the one agreed
// on. The command is not asked again.
func (p *Coprocess) Wrong(what string, line []byte) error {
	return p.fail(p.wrong(what, head(line)))
}

// wrong says that the command does not keep to the form.
func (p *Coprocess) wrong(what, shown string) error {
	msg := p.command.name + " " + what
	if shown != "" {
		msg += ": " + shown
	}
	return core.Classified(ClassAnswer, &core.Error{Msg: msg + p.said()})
}

// head shows the beginning of a line.
func head(line []byte) string {
	const most = 80
	if len(line) > most {
		return core.Quote(string(line[:most])) + "…"
	}
	return core.Quote(string(line))
}

// said is said without the race for the log.
func (p *Coprocess) said() string {
	p.quiet()
	return said(p.command.log)
}

func (p *Coprocess) timedOut() error {
	return core.Classified(core.ClassTimeout, &core.Error{
		Msg: fmt.Sprintf("%s has not answered within %s%s", p.command.name, p.cfg.Timeout, p.said()),
	})
}

// died says how the command ended although there was more to do.
func (p *Coprocess) died() error {
	return p.ended(p.process.result(byItself), "before it had answered")
}

// ended is the error of an end that was not expected.
func (p *Coprocess) ended(r result, when string) error {
	class, how := ClassExit, r.text()
	if r.signal != "" || r.err != nil {
		class = ClassSignal
	}
	if r.err != nil {
		how = "ended in a way that is not known"
	}
	return core.Classified(class, &core.Error{Msg: p.command.name + " " + how + " " + when + p.said(), Err: r.err})
}

// Finish implements core.Finisher: behind the last question it closes stdin and
// lets the command end. What it writes yet, or any exit code but 0, is an error.
func (p *Coprocess) Finish(ctx context.Context) error {
	if p.failed != nil {
		return p.failed
	}
	if p.process == nil {
		return nil
	}
	if err := p.questions.Close(); err != nil {
		return fmt.Errorf("close the stdin of %s: %w", p.command.name, err)
	}
	runsOn := false
	select {
	case <-p.process.ended():
	case <-time.After(p.cfg.KillAfter):
		runsOn = true
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case a := <-p.answers:
		if !errors.Is(a.err, io.EOF) || len(a.line) > 0 {
			return p.fail(p.wrong(notAsked, head(a.line)))
		}
	case <-time.After(drainWait): // another process keeps it open
	}
	if runsOn {
		p.scope.Log.LogAttrs(ctx, slog.LevelWarn, "the co-process runs on behind the end of its stdin and is told to end", p.facts()...)
		return nil
	}
	r := p.process.result(byItself)
	if r.signal == "" && r.code == 0 && r.err == nil {
		return nil
	}
	return p.fail(p.ended(r, "behind the last record"))
}

// Close implements core.ItemStream: it ends the command and all that it has
// started, and clears up.
func (p *Coprocess) Close() error {
	if p.release == nil {
		return nil
	}
	var errs []error
	for _, f := range []*os.File{p.questions, p.replies} {
		if f == nil {
			continue
		}
		if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if p.process != nil {
		p.quiet()
		close(p.quit)
		p.work.Wait()
		p.process.terminate(p.ctx, p.cfg.KillAfter, p.command.log)
		r := p.process.result(byItself)
		p.scope.Log.LogAttrs(p.ctx, slog.LevelInfo, "Co-process ended",
			p.facts(slog.Int("code", r.code), slog.String("signal", r.signal))...)
		tell(p.ctx, p.scope, p.command.log.finish())
	}
	errs = append(errs, p.release())
	p.process, p.release, p.failed, p.questions, p.replies = nil, nil, nil, nil, nil
	return errors.Join(errs...)
}
