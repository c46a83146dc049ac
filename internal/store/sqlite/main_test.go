package sqlite_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// The test binary plays other processes too: with this variable set it runs one
// of the roles below on its arguments, and no test.
const roleVariable = "BATCHCTL_SQLITE_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := roles[role](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var roles = map[string]func(args []string) error{
	"open":    roleOpen,
	"half":    roleHalf,
	"own":     roleOwn,
	"explore": roleExplore,
	"write":   roleWrite,
	"backup":  func(args []string) error { return sqlite.Backup(context.Background(), args[0], args[1]) },
	"claim":   roleClaim,
	"verdict": roleVerdict,
	"outgrow": roleOutgrow,
}

// roleOpen opens the repository as soon as stdin is closed, and closes it.
// args[1] is how long it waits for others.
func roleOpen(args []string) error {
	_, _ = io.Copy(io.Discard, os.Stdin)
	o, err := patient(args)
	if err != nil {
		return err
	}
	s, err := sqlite.Open(context.Background(), args[0], o)
	if err != nil {
		return err
	}
	return s.Close()
}

// roleOwn claims an execution of the repository at args[0], prints the owner
// and waits for the end of stdin. With a second argument it first starts that
// command with the lock file.
func roleOwn(args []string) error {
	s, err := sqlite.Open(context.Background(), args[0], options())
	if err != nil {
		return err
	}
	owner, err := s.Ownership().Claim(context.Background())
	if err != nil {
		return err
	}
	child := 0
	if len(args) > 1 {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.ExtraFiles = []*os.File{s.File(owner.Token)}
		if err := cmd.Start(); err != nil {
			return err
		}
		child = cmd.Process.Pid
	}
	if err := json.NewEncoder(os.Stdout).Encode(owned{Owner: owner, Child: child}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

type owned struct {
	Owner core.Owner
	Child int
}

// roleOutgrow writes to the repository under a limit on the size of files, and
// prints the error and its hint.
func roleOutgrow(args []string) error {
	s, err := sqlite.Open(context.Background(), args[0], options())
	if err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: 200_000, Max: 200_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	err = s.Exec("CREATE TABLE outgrown AS SELECT zeroblob(1000000) AS x")
	if err == nil {
		return errors.New("it was written")
	}
	fmt.Println(err, "|", core.Hint(err))
	return nil
}

// roleExplore prints the status of the repository, then its schema version by a
// query of its own.
func roleExplore(args []string) error {
	st, err := sqlite.Status(context.Background(), args[0])
	if err != nil {
		return err
	}
	x, err := sqlite.OpenExplorer(context.Background(), args[0], options())
	if err != nil {
		return err
	}
	rows, err := x.QueryContext(context.Background(), "SELECT count(*) FROM BATCH_JOB_INSTANCE")
	if err != nil {
		return err
	}
	defer rows.Close()
	n := int64(-1)
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return err
		}
	}
	fmt.Println(st.Instances, n)
	return errors.Join(rows.Err(), x.Close())
}

// roleClaim claims an execution of the database at args[0], which need not be
// there.
func roleClaim(args []string) error {
	_, err := sqlite.NewOwnership(args[0]).Claim(context.Background())
	return err
}

// roleVerdict prints the verdict on the owner args[1], in JSON.
func roleVerdict(args []string) error {
	var o core.Owner
	if err := json.Unmarshal([]byte(args[1]), &o); err != nil {
		return err
	}
	v := sqlite.NewOwnership(args[0]).Verdict(o)
	fmt.Println(v.Liveness, v.Evidence)
	return nil
}

// roleWrite begins a write transaction, says so, and waits for the end of
// stdin. args[1] is how long it waits for others.
func roleWrite(args []string) error {
	o, err := patient(args)
	if err != nil {
		return err
	}
	s, err := sqlite.Open(context.Background(), args[0], o)
	if err != nil {
		return err
	}
	if err := s.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	fmt.Println("writing")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

// patient are options with the time that args[1] says.
func patient(args []string) (o sqlite.Options, err error) {
	o = options()
	if len(args) > 1 {
		o.BusyTimeout, err = time.ParseDuration(args[1])
	}
	return o, err
}

func options() sqlite.Options {
	return sqlite.Options{Now: func() time.Time { return time.Date(2021, 1, 1, 2, 3, 4, 0, time.UTC) }}
}

// process is another process that plays a role.
type process struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr *strings.Builder
}

// start starts a process in a role; it is killed at the end of the test.
func start(t *testing.T, role string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: command(role, args...), stderr: &strings.Builder{}}
	p.Stderr = p.stderr
	var err error
	if p.stdin, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
	})
	return p
}

func command(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

// line waits for the process's next line.
func (p *process) line(t *testing.T) string {
	t.Helper()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		_ = p.Wait()
		t.Fatalf("%s said nothing: %v: %s", p.Path, err, p.stderr)
	}
	return strings.TrimSpace(line)
}

// kill ends the process as kill -9 does and waits until it is gone.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
}

// open opens the repository at path for the length of the test.
func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// wantLocked checks that no other process can write.
func wantLocked(t *testing.T, path string) {
	t.Helper()
	p := start(t, "write", path, "20ms")
	_ = p.stdin.Close()
	if err := p.Wait(); err == nil || !strings.Contains(p.stderr.String(), "for longer than 20ms") {
		t.Errorf("another process: %v: %s, want it locked out", err, p.stderr)
	}
}

// made makes a repository, closed again, and returns its path.
func made(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/batch.db"
	if err := sqlite.Init(t.Context(), path, options()); err != nil {
		t.Fatal(err)
	}
	return path
}
