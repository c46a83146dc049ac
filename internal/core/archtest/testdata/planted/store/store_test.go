package store_test

import (
	_ "example.com/assert"

	_ "example.org/planted/store"
	_ "example.org/planted/verb"
)
