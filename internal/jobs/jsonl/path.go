package jsonl

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// node is a place in an object: the column that stands there, or what is below.
type node struct {
	column  int // -1 for none
	members map[string]*node
	items   map[int]*node
}

func newNode() *node { return &node{column: -1} }

// add puts a column at a path.
func (n *node) add(path string, column int) error {
	steps, err := parsePath(path)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if n.column >= 0 {
			return fmt.Errorf("the path %s goes on behind another column", core.Quote(path))
		}
		var next *node
		switch step := step.(type) {
		case string:
			if n.members == nil {
				n.members = map[string]*node{}
			}
			if next = n.members[step]; next == nil {
				next = newNode()
				n.members[step] = next
			}
		case int:
			if n.items == nil {
				n.items = map[int]*node{}
			}
			if next = n.items[step]; next == nil {
				next = newNode()
				n.items[step] = next
			}
		}
		n = next
	}
	if n.column >= 0 || n.members != nil || n.items != nil {
		return fmt.Errorf("the path %s is, or goes on in, that of another column", core.Quote(path))
	}
	n.column = column
	return nil
}

// maxIndex bounds the numbers of items in a path.
const maxIndex = 1_000_000

// parsePath splits a path into names and numbers of items.
func parsePath(path string) (steps []any, err error) {
	bad := func(why string) ([]any, error) {
		return nil, fmt.Errorf("the path %s %s: want for example a.b[0].c", core.Quote(path), why)
	}
	for rest := path; ; {
		end := strings.IndexAny(rest, ".[]")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return bad("has a place without a name")
		}
		steps, rest = append(steps, rest[:end]), rest[end:]
		for strings.HasPrefix(rest, "[") {
			number, behind, closed := strings.Cut(rest[1:], "]")
			n, err := strconv.Atoi(number)
			if !closed || err != nil || n < 0 || n > maxIndex || number[0] == '+' || len(number) > 1 && number[0] == '0' {
				return bad("has a [ without a number and ] behind it")
			}
			steps, rest = append(steps, n), behind
		}
		switch {
		case len(steps) > maxDepth:
			return bad(fmt.Sprintf("is deeper than %d levels", maxDepth))
		case rest == "":
			return steps, nil
		case rest[0] != '.':
			return bad("cannot be read at " + core.Quote(rest))
		}
		rest = rest[1:]
	}
}
