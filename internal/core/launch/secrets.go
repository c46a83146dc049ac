package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/secret"
)

// maxSecret bounds the file of a secret, in bytes.
const maxSecret = 64 << 10

// ResolveSecrets reads the values of job's secret parameters from where ps says
// that they are, and makes masker hide them. ps are complete and valid. A value
// that is not there, or is open to others, is an ErrJobParametersInvalid.
func ResolveSecrets(job *core.Job, ps core.JobParameters, masker *secret.Masker) (map[string]secret.Secret, error) {
	var values map[string]secret.Secret
	for _, p := range ps {
		spec, ok := job.Parameters.Lookup(p.Name)
		reference, isText := p.Value.(string)
		if !ok || !spec.IsSecret() || !isText {
			continue
		}
		value, err := resolve(reference)
		if err != nil {
			e := &core.Error{
				Kind: core.ErrJobParametersInvalid, Msg: "parameter " + p.Name + ": " + core.EscapeControl(reference),
				Hint: core.Hint(err), Err: err,
			}
			return nil, e
		}
		if values == nil {
			values = map[string]secret.Secret{}
		}
		values[p.Name] = secret.New(value)
		masker.Hide(forms(value)...)
	}
	return values, nil
}

// resolve returns what a reference refers to.
func resolve(reference string) (string, error) {
	if name, ok := strings.CutPrefix(reference, core.SecretEnv); ok {
		value, set := os.LookupEnv(name)
		switch {
		case !set:
			return "", &core.Error{Msg: "the variable is not set", Hint: "export " + name + ", or put it into a file: file:PATH"}
		case value == "":
			return "", &core.Error{Msg: "the variable is empty", Hint: "set " + name + ", or put it into a file: file:PATH"}
		}
		return value, nil
	}
	return readSecret(strings.TrimPrefix(reference, core.SecretFile))
}

// readSecret returns the text of a file that is nobody else's to read, without
// the newline at its end.
func readSecret(path string) (string, error) {
	f, err := openSecret(path)
	if err != nil {
		return "", &core.Error{Msg: "the file cannot be read", Hint: core.ShellQuote("ls", "-l", path), Err: withoutPath(err)}
	}
	defer func() { _ = f.Close() }() // opened for reading; nothing can be lost
	info, err := f.Stat()
	if err != nil {
		return "", &core.Error{Msg: "the file cannot be read", Hint: core.ShellQuote("ls", "-l", path), Err: withoutPath(err)}
	}
	switch {
	case !info.Mode().IsRegular():
		return "", &core.Error{Msg: "it is no plain file", Hint: core.ShellQuote("ls", "-ld", path)}
	case info.Mode().Perm()&0o077 != 0:
		return "", &core.Error{
			Msg:  fmt.Sprintf("the file has mode %04o, and must be open to its owner only", info.Mode().Perm()),
			Hint: core.ShellQuote("chmod", "600", path),
		}
	case !isOurs(info):
		return "", &core.Error{Msg: "the file belongs to another user", Hint: core.ShellQuote("ls", "-l", path)}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return "", &core.Error{Msg: "the file cannot be read", Hint: core.ShellQuote("ls", "-l", path), Err: withoutPath(err)}
	case len(data) > maxSecret:
		return "", &core.Error{Msg: fmt.Sprintf("the file has more than %d bytes", maxSecret), Hint: core.ShellQuote("ls", "-l", path)}
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if value == "" {
		return "", &core.Error{Msg: "the file is empty", Hint: core.ShellQuote("ls", "-l", path)}
	}
	return value, nil
}

// warnAboutShort tells which secrets no Masker looks for.
func warnAboutShort(ctx context.Context, log *slog.Logger, secrets map[string]secret.Secret) {
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if utf8.RuneCountInString(secrets[name].Reveal()) < secret.MinMasked {
			log.LogAttrs(ctx, slog.LevelWarn, "the secret is too short to be masked in messages",
				slog.String("parameter", name), slog.Int("atLeast", secret.MinMasked))
		}
	}
}

// withoutPath takes the operation and the path off an error of package os: the
// message names the path already.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// forms are the texts as which a value may turn up: itself, as this program
// quotes and escapes it, as a part of an URL, and line by line.
func forms(value string) []string {
	quoted := core.Quote(value)
	list := []string{
		value, core.EscapeControl(value), quoted[1:strings.LastIndexByte(quoted, '"')],
		url.QueryEscape(value), url.PathEscape(value),
	}
	if strings.Contains(value, "\n") {
		for line := range strings.Lines(value) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}
