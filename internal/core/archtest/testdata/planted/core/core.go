package core

import (
	_ "database/sql"
	_ "go/ast"

	_ "example.com/yaml"

	_ "example.org/planted/verb"
)

type (
	Port   interface{ Do() }
	Other  interface{ Port }
	hidden interface{ Port }
)
