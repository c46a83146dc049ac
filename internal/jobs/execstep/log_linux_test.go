package execstep_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// allocated returns how many bytes of storage a file takes.
func allocated(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return stat.Blocks * 512
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	const head, tail, slack = 8192, 4096, 4096
	for _, moving := range []bool{false, true} {
		for _, size := range []int{0, 1, head, head + tail - 1, head + tail, head + tail + 1, head + tail + 10000, 100_000, 1_000_000} {
			t.Run(fmt.Sprintf("moving %v, %d bytes", moving, size), func(t *testing.T) {
				t.Parallel()
				l, err := execstep.NewLog(t.TempDir(), head, tail, slack, moving)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				all := numbers(size)
				for piece := range pieces(all, 3000) {
					if _, err := l.Child().Write(piece); err != nil {
						t.Fatal(err)
					}
					if err := l.Trim(); err != nil {
						t.Fatal(err)
					}
					if got, limit := allocated(l.Path()), int64(head+tail+slack+3000+2*4096); got > limit {
						t.Fatalf("%d bytes are allocated, at most %d", got, limit)
					}
				}
				if err := l.Finish(); err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(l.Path())
				if err != nil {
					t.Fatal(err)
				}
				want := all
				if left := size - head - tail; left > 0 {
					about := ""
					if moving && size >= head+tail+slack {
						about = "at least "
					}
					note := fmt.Sprintf("\n[... %s%d bytes are left out here ...]\n", about, left)
					want = bytes.Join([][]byte{all[:head], all[size-tail:]}, []byte(note))
				}
				if !bytes.Equal(got, want) {
					t.Errorf("got %d bytes, want %d; from the head on: %.80q, want %.80q", len(got), len(want), after(got, head), after(want, head))
				}
			})
		}
	}
	t.Run("a command that truncates its log", func(t *testing.T) {
		t.Parallel()
		l, err := execstep.NewLog(t.TempDir(), head, tail, slack, false)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for _, size := range []int{50_000, 100, 40_000} {
			if err := os.Truncate(l.Path(), 0); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Child().Write(numbers(size)); err != nil {
				t.Fatal(err)
			}
			if err := l.Trim(); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Finish(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(l.Path())
		if err != nil || !bytes.HasPrefix(text, numbers(head)) || bytes.IndexByte(text, 0) >= 0 {
			t.Errorf("got %.60q, %v", text, err)
		}
	})
	t.Run("what is left running goes on at the end", func(t *testing.T) {
		t.Parallel()
		l, err := execstep.NewLog(t.TempDir(), head, tail, slack, false)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, err = l.Child().Write(numbers(100_000))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Finish(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Child().WriteString("later\n"); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(l.Path()); err != nil || !bytes.HasSuffix(text, append(numbers(100_000)[96_000:], "later\n"...)) {
			t.Errorf("got ...%q, %v", text[len(text)-20:], err)
		}
	})
}

// numbers is a text of which every part is different.
func numbers(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%07d\n", i)
	}
	return b.Bytes()[:size]
}

func pieces(all []byte, size int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(all) > 0 {
			n := min(size, len(all))
			if !yield(all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}

func after(text []byte, n int) []byte { return text[min(n, len(text)):] }

func TestLastLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"blank", "\n \n\n", ""},
		{"without a line end", "a", "a"},
		{"the last eight", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "3 | 4 | 5 | 6 | 7 | 8 | 9 | 10"},
		{"control characters", "a\x1b[2Jb\r\x00\xff\u202e\n", `a\x1b[2Jb\r\x00\xff\u202e`},
		{"long", long + "\n", long[:200] + "..."},
		{"one line longer than the look back", strings.Repeat("y", 20_000), strings.Repeat("y", 200) + "..."},
		{"a piece of a line is not shown", strings.Repeat("z", 20_000) + "\nend\n", "end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := execstep.NewLog(t.TempDir(), 1<<20, 1<<20, 1<<20, false)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if _, err := l.Child().WriteString(tt.text); err != nil {
				t.Fatal(err)
			}
			if got := l.Last(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLogDir(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"said", map[string]string{"BATCHCTL_LOG_DIR": "/var/log/batch", "XDG_STATE_HOME": "/s", "HOME": "/h"}, "/var/log/batch"},
		{"state", map[string]string{"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/batchctl/logs"},
		{"home", map[string]string{"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/batchctl/logs"},
		{"none", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := execstep.LogDir(func(name string) string { return tt.env[name] })
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}
