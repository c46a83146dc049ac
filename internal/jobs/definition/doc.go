// Package definition reads jobs from YAML files.
package definition
