//go:build never

package store

import _ "example.org/planted"
