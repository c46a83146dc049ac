package verb

import _ "example.org/planted/core"

func Long() int {
	a := 1
	a++
	a++
	a++
	a++
	return a
}

func Short() int {
	return 1
}
