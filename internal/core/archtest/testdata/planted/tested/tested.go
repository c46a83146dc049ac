package tested

import (
	_ "example.com/assert"

	_ "example.org/planted/verb"
)
