package tested_test

import (
	_ "example.com/assert/sub"

	_ "example.org/planted/core"
	_ "example.org/planted/tested"
	_ "example.org/planted/verb"
)
