package main_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/sample"
)

// cronHost is a folder that stands for the machine that README's crontab is for.
type cronHost struct{ dir, batchctl string }

func newCronHost(t *testing.T) cronHost {
	t.Helper()
	program, err := exec.LookPath("batchctl")
	if err != nil {
		t.Fatal(err)
	}
	h := cronHost{dir: t.TempDir(), batchctl: program}
	for _, folder := range []string{"srv/in", "srv/out", "srv/batch/jobs", "var/lib/batch", "home"} {
		if err := os.MkdirAll(filepath.Join(h.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	_, definition, _ := strings.Cut(readme(t), "```yaml\n")
	definition, _, _ = strings.Cut(definition, "```\n")
	h.write(t, "srv/batch/jobs/orders.yaml", definition)
	if code, _, stderr := h.run(t, "/usr/local/bin/batchctl --db /var/lib/batch/batchctl.db db init --zone Asia/Seoul"); code != 0 {
		t.Fatalf("db init exits %d: %s", code, stderr)
	}
	return h
}

// run gives a command to a shell as cron does: from the home folder and with
// next to no environment. README's absolute paths are those of the host.
func (h cronHost) run(t *testing.T, command string) (code int, stdout, stderr string) {
	t.Helper()
	command = strings.NewReplacer("/usr/local/bin/batchctl", h.batchctl, "/var/lib/", h.dir+"/var/lib/", "/srv/", h.dir+"/srv/").Replace(command)
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", command)
	cmd.Dir = filepath.Join(h.dir, "home")
	cmd.Env = []string{"HOME=" + cmd.Dir, "PATH=/usr/bin:/bin", "SHELL=/bin/sh", "LOGNAME=batch"}
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	if err := cmd.Run(); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			t.Fatal(err)
		}
		code = exit.ExitCode()
	}
	return code, out.String(), told.String()
}

// write makes a file of the host.
func (h cronHost) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var crontabLine = regexp.MustCompile(`^(?:[0-9*/,-]+\s+){5}(.+)$`)

// crontab returns the commands of README's crontab as cron gives them to a shell.
func crontab(t *testing.T) (commands []string) {
	t.Helper()
	_, block, _ := strings.Cut(readme(t), "```crontab\n")
	block, _, _ = strings.Cut(block, "```")
	for line := range strings.Lines(block) {
		entry := crontabLine.FindStringSubmatch(strings.TrimSpace(line))
		if entry == nil {
			continue
		}
		if strings.Contains(strings.ReplaceAll(entry[1], `\%`, ""), "%") {
			t.Errorf("cron takes a %% for a newline: %s", line)
		}
		commands = append(commands, strings.ReplaceAll(entry[1], `\%`, "%"))
	}
	if len(commands) < 2 {
		t.Fatalf("README's crontab has %d commands", len(commands))
	}
	return commands
}

// TestReadmeCrontab: on a good night cron has nothing to mail, the first time and
// every further one.
func TestReadmeCrontab(t *testing.T) {
	t.Parallel()
	h := newCronHost(t)
	h.receive(t)
	for start := range 3 {
		for _, command := range crontab(t) {
			if code, stdout, stderr := h.run(t, command); code != 0 || stdout+stderr != "" {
				t.Errorf("start %d: cron would mail\n%s%s\nof (exit code %d)\n%s", start+1, stdout, stderr, code, command)
			}
		}
	}
}

// TestReadmeCrontabBadNight: while the input is missing each start mails one
// block, and the first start behind its arrival completes, silently.
func TestReadmeCrontabBadNight(t *testing.T) {
	t.Parallel()
	h := newCronHost(t)
	commands := crontab(t)
	for _, command := range commands {
		for range 2 {
			if code, stdout, stderr := h.run(t, command); code != 1 || stdout != "" || !strings.HasPrefix(stderr, "error: run ") {
				t.Errorf("cron would mail\n%s%s\nof (exit code %d)\n%s", stdout, stderr, code, command)
			}
		}
	}
	h.receive(t)
	for _, command := range commands {
		if code, stdout, stderr := h.run(t, command); code != 0 || stdout+stderr != "" {
			t.Errorf("cron would mail\n%s%s\nof (exit code %d)\n%s", stdout, stderr, code, command)
		}
	}
}

// receive puts the input of the night where it is expected, whatever day it is
// there, and becomes meanwhile.
func (h cronHost) receive(t *testing.T) {
	t.Helper()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for day := -2; day <= 1; day++ {
		date := today.AddDate(0, 0, day)
		if err := (sample.Day{Date: date, Records: 20}).WriteFiles(filepath.Join(h.dir, "srv/in")); err != nil {
			t.Fatal(err)
		}
		h.write(t, "srv/in/orders-"+date.Format(time.DateOnly)+".csv", "id,name,amount,day\n1,Kim,12.50,2021-01-01\n")
	}
}
