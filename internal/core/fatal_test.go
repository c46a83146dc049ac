package core_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

func TestFatal(t *testing.T) {
	t.Parallel()
	cause := core.Classified("exec.exit", errors.New("it is gone"))
	if core.Undeniable(cause) {
		t.Error("any error cannot be passed over")
	}
	err := fmt.Errorf("process: %w", core.Fatal(cause))
	if !core.Undeniable(err) || !errors.Is(err, cause) || core.ClassOf(err, "") != "exec.exit" || err.Error() != "process: it is gone" {
		t.Errorf("%v is not fatal, or hides what it is", err)
	}
}
