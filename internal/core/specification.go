package core

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// ParameterSpec declares one parameter of a job.
type ParameterSpec struct {
	Name string
	// Type is TypeString when empty.
	Type ParameterType
	// Required parameters have no default; a launch without them is refused.
	Required bool
	// NonIdentifying parameters take no part in the identity of the instance.
	NonIdentifying bool
	// Default is given to an absent parameter and stored with the execution.
	// nil: none. That of a date may be a civil.Written, which the launch resolves.
	Default any
	// Pattern, when set, must match the whole of a string value.
	Pattern *regexp.Regexp
	// Path marks a string that names a file or folder: it is made absolute
	// against the working directory of the launch, and stored so.
	Path bool
	// Help says in one line what the parameter is for.
	Help string
}

// ParameterType returns the type of the values: that of a secret is a string.
func (s ParameterSpec) ParameterType() ParameterType {
	if s.Type == "" || s.IsSecret() {
		return TypeString
	}
	return s.Type
}

// Declared returns the type as it is declared: string, long, double, date or
// secret.
func (s ParameterSpec) Declared() ParameterType {
	if s.IsSecret() {
		return TypeSecret
	}
	return s.ParameterType()
}

// IsSecret reports whether values are references to secrets.
func (s ParameterSpec) IsSecret() bool { return s.Type == TypeSecret }

// Identifying reports whether the parameter takes part in the identity of the
// instance. A secret never does: where a password is kept makes no other day's
// work of it.
func (s ParameterSpec) Identifying() bool { return !s.NonIdentifying && !s.IsSecret() }

// ParameterSpecs are the declared parameters of a job. They are a
// JobParametersValidator.
type ParameterSpecs []ParameterSpec

var _ JobParametersValidator = ParameterSpecs(nil)

// Lookup returns the declaration of that name.
func (ss ParameterSpecs) Lookup(name string) (ParameterSpec, bool) {
	for _, s := range ss {
		if s.Name == name {
			return s, true
		}
	}
	return ParameterSpec{}, false
}

// Names returns the declared names in order.
func (ss ParameterSpecs) Names() []string {
	names := make([]string, len(ss))
	for i, s := range ss {
		names[i] = s.Name
	}
	return names
}

// Check reports a declaration that contradicts itself, as an ErrJobDefinition
// (VAL-03).
func (ss ParameterSpecs) Check() error {
	seen := map[string]bool{}
	for _, s := range ss {
		problem := ""
		switch {
		case checkParameterName(s.Name) != nil:
			problem = "is not a valid parameter name"
		case seen[s.Name]:
			problem = "is declared twice"
		case s.Required && s.Default != nil:
			problem = "is required and has a default: it cannot be both required and optional"
		case s.Default != nil && (JobParameter{Value: s.Default}).Type() != s.ParameterType():
			problem = fmt.Sprintf("has a default of type %T, want a %s", s.Default, s.ParameterType())
		case s.Declared() != TypeString && (s.Pattern != nil || s.Path):
			problem = "has a pattern or is a path, but is not a string"
		case s.IsSecret() && s.Default != nil && checkReference(JobParameter{Name: s.Name, Value: s.Default}) != nil:
			problem = "is a secret, and its default is no reference of the form env:NAME or file:PATH"
		}
		if problem != "" {
			return &Error{Kind: ErrJobDefinition, Msg: fmt.Sprintf("parameter %s %s", Quote(s.Name), problem)}
		}
		seen[s.Name] = true
	}
	return nil
}

// Complete returns ps with the defaults of absent parameters added and the
// paths made absolute against dir. It changes nothing that is already complete.
func (ss ParameterSpecs) Complete(ps JobParameters, dir string) JobParameters {
	next := make(JobParameters, len(ps), len(ps)+len(ss))
	copy(next, ps)
	for _, s := range ss {
		if _, given := next.Lookup(s.Name); !given && s.Default != nil {
			next = append(next, JobParameter{Name: s.Name, Value: s.Default, Identifying: s.Identifying()})
		}
	}
	for i, p := range next {
		s, ok := ss.Lookup(p.Name)
		text, isString := p.Value.(string)
		if !ok || !isString {
			continue
		}
		if path, isFile := strings.CutPrefix(text, SecretFile); s.IsSecret() && isFile && path != "" && !filepath.IsAbs(path) {
			next[i].Value = SecretFile + filepath.Join(dir, path)
		}
		if s.Path && text != "" && !filepath.IsAbs(text) {
			next[i].Value = filepath.Join(dir, text)
		}
	}
	return next
}

// Validate checks ps against the declarations: required ones are present,
// nothing is undeclared, types and patterns fit. The error is an
// ErrJobParametersInvalid that names the parameter (VAL-01, VAL-02).
func (ss ParameterSpecs) Validate(ps JobParameters, _ *time.Location) error {
	var missing, add []string
	for _, s := range ss {
		if _, ok := ps.Lookup(s.Name); !ok && s.Required {
			missing, add = append(missing, s.Name), append(add, s.Name+"="+exampleOf(s))
		}
	}
	if len(missing) > 0 {
		return parameterError("", "missing required parameter "+strings.Join(missing, ", "), "add "+strings.Join(add, " "))
	}
	for _, p := range ps {
		s, ok := ss.Lookup(p.Name)
		if !ok {
			return undeclared(p.Name, ss.Names())
		}
		if p.Type() != s.ParameterType() {
			return parameterError(p.Name, fmt.Sprintf("is declared %s, not %s", s.Declared(), p.Type()), "")
		}
		if s.IsSecret() {
			if err := checkReference(p); err != nil {
				return err
			}
		}
		if text, ok := p.Value.(string); ok && s.Pattern != nil {
			if !matchesWhole(s.Pattern, text) {
				return parameterError(p.Name, fmt.Sprintf("value %s does not match %s", Quote(text), s.Pattern), "")
			}
		}
	}
	return nil
}

// matchesWhole is not a matter of the first match: a|ab matches all of "ab".
func matchesWhole(pattern *regexp.Regexp, text string) bool {
	return regexp.MustCompile(`\A(?:` + pattern.String() + `)\z`).MatchString(text)
}

func undeclared(name string, declared []string) error {
	hint := "the job declares no parameters"
	if len(declared) > 0 {
		hint = "declared are " + strings.Join(declared, ", ")
	}
	if near := Nearest(name, declared); near != "" {
		hint = "did you mean " + near + "?"
	}
	return parameterError(name, "the job declares no such parameter", hint)
}

func exampleOf(s ParameterSpec) string {
	switch s.Declared() {
	case TypeDate:
		return "2021-01-01"
	case TypeLong:
		return "1"
	case TypeDouble:
		return "1.5"
	case TypeSecret:
		return SecretEnv + "NAME"
	case TypeString:
		if s.Path {
			return "PATH"
		}
	}
	return "TEXT"
}

// JobParametersValidator decides whether a job may be launched with ps. It is
// asked before anything is written.
type JobParametersValidator interface {
	// Validate returns nil or an ErrJobParametersInvalid. Dates are local in
	// zone, the repository's.
	Validate(ps JobParameters, zone *time.Location) error
}

// CompositeValidator asks each validator in turn; the first refusal wins
// (VAL-04).
type CompositeValidator []JobParametersValidator

// Validate implements JobParametersValidator.
func (vs CompositeValidator) Validate(ps JobParameters, zone *time.Location) error {
	for _, v := range vs {
		if err := v.Validate(ps, zone); err != nil {
			return err
		}
	}
	return nil
}
