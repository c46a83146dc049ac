package all_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// The job that README shows is the one in newjob_test.go, word for word but for
// the package clause.
func TestReadmeShowsTheJob(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("newjob_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "```go\npackage prices\n")
	shown, _, _ = strings.Cut(shown, "```\n")
	if diff := cmp.Diff(strings.TrimPrefix(string(source), "package all_test\n"), shown); diff != "" {
		t.Errorf("the job in README (-newjob_test.go +README):\n%s", diff)
	}
}

// And it does what README says of it.
func TestReadmeJobRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "net.csv"), []byte("article,price\n사과,1.25\nfree,0\n\"pear, ripe\",19.99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	options := sqlite.Options{Now: time.Now, Token: func() string { return strings.Repeat("0a", 16) }}
	repo, err := sqlite.Open(t.Context(), filepath.Join(dir, "batchctl.db"), options)
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	launcher := &launch.JobLauncher{Repo: repo, Log: slog.New(slog.DiscardHandler), Now: options.Now, Token: options.Token, Dir: dir}
	job := Job()
	ps, err := job.Notation().Parse([]string{"date=2021-01-01"})
	if err != nil {
		t.Fatal(err)
	}
	je, err := launcher.Run(t.Context(), job, ps, launch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if je.Status != core.StatusCompleted {
		t.Errorf("the execution ended %s", je.Status)
	}
	got, err := os.ReadFile(filepath.Join(dir, "gross.csv"))
	if err != nil {
		t.Fatal(err)
	}
	// 1.375 and 21.989
	if diff := cmp.Diff("article,price\n사과,1.38\n\"pear, ripe\",21.99\n", string(got)); diff != "" {
		t.Errorf("gross.csv (-want +got):\n%s", diff)
	}
}
