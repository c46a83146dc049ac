package store

import (
	_ "example.com/driver"
	_ "example.com/driver/sub"
	_ "example.com/driverless"

	_ "example.org/planted/core"
)
