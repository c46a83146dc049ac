package execstep

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// checkSecretEnv refuses names that no variable can have.
func (cfg Config) checkSecretEnv() error {
	for _, name := range slices.Sorted(maps.Keys(cfg.SecretEnv)) {
		_, twice := cfg.Env[name]
		switch {
		case !isVariable(name):
			return definition("exec: secret env: %s cannot be the name of a variable", core.Quote(name))
		case strings.HasPrefix(name, ownPrefix):
			return definition("exec: secret env: %s: names that begin with %s are set by batchctl", core.Quote(name), ownPrefix)
		case twice:
			return definition("exec: secret env: %s is among the other variables too", core.Quote(name))
		}
	}
	return nil
}

// withSecrets returns the further variables of a command with the secrets that
// it asks for.
func (cfg Config) withSecrets(s *core.Scope) (map[string]string, error) {
	if len(cfg.SecretEnv) == 0 {
		return cfg.Env, nil
	}
	vars := map[string]string{}
	maps.Copy(vars, cfg.Env)
	for _, name := range slices.Sorted(maps.Keys(cfg.SecretEnv)) {
		parameter := cfg.SecretEnv[name]
		if spec, declared := s.Job.Parameters.Lookup(parameter); !declared || !spec.IsSecret() {
			return nil, definition("exec: secret env: %s: the job declares no secret parameter %s", name, core.Quote(parameter))
		}
		if _, given := s.Parameters().Lookup(parameter); !given {
			continue
		}
		value, err := s.Secret(parameter)
		if err != nil {
			return nil, err
		}
		vars[name] = value.Reveal()
	}
	return vars, nil
}

// hideSecrets takes the secrets out of the values that a command wants to be
// kept. An outcome or a key without them would not be what it asked for, and is
// refused.
func (o *Output) hideSecrets(mask func(text string) string) error {
	if clean := mask(o.ExitStatus); clean != o.ExitStatus {
		return fmt.Errorf("%s=%s: an exit status is kept and shown, and cannot hold a secret", keyExitStatus, clean)
	}
	for _, kept := range []struct {
		prefix string
		values map[string]string
	}{{keyContext, o.Context}, {keyJobContext, o.JobContext}} {
		for _, key := range slices.Sorted(maps.Keys(kept.values)) {
			if clean := mask(key); clean != key {
				return fmt.Errorf("the key %s%s: a key is kept and shown, and cannot hold a secret", kept.prefix, clean)
			}
			kept.values[key] = mask(kept.values[key])
		}
	}
	return nil
}

// maxMasked bounds the log that is looked through for secrets. What finish
// leaves is shorter, unless it failed.
const maxMasked = 128 << 20

// hideSecrets takes secrets out of the log of a command that has ended. Until
// then, and where batchctl dies before, it holds what the command wrote.
func (l *logFile) hideSecrets() error {
	if l.mask == nil {
		return nil
	}
	text, err := io.ReadAll(io.NewSectionReader(l.own, 0, maxMasked+1))
	if err != nil {
		return err
	}
	if len(text) > maxMasked {
		return errors.New("it is too long to be looked through for secrets")
	}
	clean := l.mask(string(text))
	if clean == string(text) {
		return nil
	}
	// Shorter text first, then the end: a death in between leaves a tail twice.
	if _, err := l.own.WriteAt([]byte(clean), 0); err != nil {
		return fmt.Errorf("mask secrets: %w", err)
	}
	return l.own.Truncate(int64(len(clean)))
}
