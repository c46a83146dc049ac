package core

import (
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core/secret"
)

// What a reference to a secret begins with.
const (
	SecretEnv  = "env:"
	SecretFile = "file:"
)

var variableForm = lazily(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkReference refuses the value of a secret parameter that is no reference.
// Whatever it is may be the secret itself, so the error does not show it.
func checkReference(p JobParameter) error {
	text, _ := p.Value.(string)
	variable, isEnv := strings.CutPrefix(text, SecretEnv)
	path, isFile := strings.CutPrefix(text, SecretFile)
	if isEnv && variableForm().MatchString(variable) || isFile && path != "" && !strings.ContainsRune(path, 0) {
		return checkParameterValue(p)
	}
	return parameterError(p.Name, "a secret is not given itself, only where it is found",
		fmt.Sprintf("write %s=%sNAME for a variable, or %s=%sPATH for a file of mode 0600", p.Name, SecretEnv, p.Name, SecretFile))
}

// Secret returns the value of the secret parameter of that name, as it was at
// the launch. A parameter that was not given is an error: ask Parameters first
// where it may be absent.
func (r *Run) Secret(name string) (secret.Secret, error) {
	s, ok := r.Secrets[name]
	if !ok {
		return s, parameterError(name, "no secret of this name was given", "")
	}
	return s, nil
}

// Mask returns text with the secrets of the launch taken out.
func (r *Run) Mask(text string) string { return r.Masker.Mask(text) }
