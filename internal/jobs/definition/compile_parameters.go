package definition

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/civil"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// typePath is the type of a string that names a file.
const typePath = "path"

// parameters makes the declarations and the incrementer.
func (c *compiler) parameters() {
	c.made.Open = c.tree.Open
	if c.made.Open && c.tree.runsCommands() { // of declared ones it is known before
		c.checks = append(c.checks, func(ps core.JobParameters, _ *time.Location) error {
			return execstep.CheckParameters(nil, ps)
		})
	}
	for _, p := range c.tree.Parameters {
		spec := c.parameter(p)
		if err := (core.ParameterSpecs{spec}).Check(); err != nil {
			c.reportError(p.Name.Pos(), err)
		}
		c.made.Parameters = append(c.made.Parameters, spec)
	}
	if c.tree.Incrementer.Given() {
		c.made.Incrementer = c.incrementer(c.fixed(c.tree.Incrementer, "the incrementer"))
	}
}

// parameter makes one declaration.
func (c *compiler) parameter(p Parameter) core.ParameterSpec {
	spec := core.ParameterSpec{
		Name: p.Name.Value, Help: strings.Join(strings.Fields(p.Description.Value), " "),
		Required:       presentValue(c, p.Required, false, parseBool),
		NonIdentifying: !presentValue(c, p.Identifying, true, parseBool),
	}
	switch name := c.fixed(p.Type, "a type"); name {
	case "", string(core.TypeString):
	case typePath:
		spec.Path = true
	case string(core.TypeLong), string(core.TypeDouble), string(core.TypeDate), string(core.TypeSecret):
		spec.Type = core.ParameterType(name)
	default:
		known := []string{"string", "long", "double", "date", typePath, "secret"}
		c.report(p.Type.Pos(), didYouMean(name, known), "%s is no type of parameters, want one of %s", core.Quote(name), strings.Join(known, ", "))
	}
	if p.Pattern.Given() {
		spec.Pattern = presentValue(c, p.Pattern, nil, compilePattern)
	}
	if p.Default.Given() {
		spec.Default = c.defaultOf(spec, p)
	}
	for _, t := range p.OneOf {
		if _, err := valueOf(spec, t.Value, time.UTC); err != nil {
			c.report(t.Pos(), "", "%v", err)
		}
	}
	if d := p.Default; d.Given() && len(p.OneOf) > 0 && !slices.ContainsFunc(p.OneOf, func(t Text) bool { return t.Value == d.Value }) {
		c.report(d.Pos(), "", "the default %s is none of %s", core.Quote(d.Value), choices(p.OneOf))
	}
	return spec
}

func compilePattern(text string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not a pattern: %w", core.Quote(text), err)
	}
	return re, nil
}

// defaultOf returns the value of a default.
func (c *compiler) defaultOf(spec core.ParameterSpec, p Parameter) any {
	text := c.fixed(p.Default, "a default")
	if spec.Type == core.TypeDate {
		return c.defaultDay(p.Default, text)
	}
	v, err := valueOf(spec, text, time.UTC)
	if err != nil {
		c.report(p.Default.Pos(), "", "%v", err)
		return nil
	}
	v = c.besideFile(spec, v)
	if s, ok := v.(string); ok && spec.Pattern != nil && !regexp.MustCompile(`\A(?:`+spec.Pattern.String()+`)\z`).MatchString(s) {
		c.report(p.Default.Pos(), "", "the default %s does not match the pattern %s", core.Quote(s), spec.Pattern)
	}
	return v
}

// defaultDay returns a day as it is written. Which instant it is depends on the
// zone of the repository, and of an expression on the day of the launch.
func (c *compiler) defaultDay(at Text, text string) any {
	day := text
	if strings.HasPrefix(text, civil.Sign) {
		var err error
		if day, err = civil.Resolve(text, time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)); err != nil {
			c.report(at.Pos(), core.ShellQuote("batchctl", "help", "dates"), "default: value %s%v", core.Quote(text), err)
			return nil
		}
	}
	if _, err := core.ParseDate(day, time.UTC); err != nil {
		c.report(at.Pos(), core.Hint(err), "default: %v", err)
		return nil
	}
	return civil.Written(text)
}

// besideFile makes a default that names a file absolute: what is written in a
// definition begins at its folder, whatever folder it is launched from. So the
// same default is the same instance.
func (j *job) besideFile(spec core.ParameterSpec, v any) any {
	text, _ := v.(string)
	file, isFile := strings.CutPrefix(text, core.SecretFile)
	switch {
	case text == "":
	case spec.Path:
		return j.absolute(text)
	case spec.IsSecret() && isFile && file != "":
		return core.SecretFile + j.absolute(file)
	}
	return v
}

// valueOf reads the text of a value as spec is declared.
func valueOf(spec core.ParameterSpec, text string, zone *time.Location) (any, error) {
	declared := core.ParameterSpec{Name: "value", Type: spec.Type}
	ps, err := core.Notation{Declared: core.ParameterSpecs{declared}, Zone: zone}.Parse([]string{"value=" + text})
	if err != nil {
		return nil, fmt.Errorf("%s is not a %s: %w", core.Quote(text), spec.Declared(), err)
	}
	return ps[0].Value, nil
}

// incrementer moves the parameter of that name by its declared type.
func (c *compiler) incrementer(name string) core.JobParametersIncrementer {
	at := c.tree.Incrementer.Pos()
	spec, ok := c.made.Parameters.Lookup(name)
	if !ok {
		names := c.made.Parameters.Names()
		c.report(at, didYouMean(name, names), "the incrementer %s is no parameter of the job", core.Quote(name))
		return nil
	}
	if !spec.Identifying() {
		c.report(at, "", "the incrementer %s identifies nothing, so the next run would be no new one", core.Quote(name))
	}
	switch spec.ParameterType() {
	case core.TypeLong:
		return core.RunIDIncrementer{Name: name}
	case core.TypeDate:
		return core.DateIncrementer{Name: name}
	case core.TypeString, core.TypeDouble, core.TypeSecret:
	}
	c.report(at, "", "the incrementer %s is a %s; only a long or a date can be counted up", core.Quote(name), spec.Declared())
	return nil
}

// validator asks what declarations cannot say, before an execution is created.
type validator struct {
	j      *job
	checks []func(ps core.JobParameters, zone *time.Location) error
}

// Validate implements core.JobParametersValidator.
func (v validator) Validate(ps core.JobParameters, zone *time.Location) error {
	var wrong []error
	for _, p := range v.j.tree.Parameters {
		given, ok := ps.Lookup(p.Name.Value)
		if err := v.declared(p, given, ok, zone); err != nil {
			wrong = append(wrong, err)
		}
	}
	if len(wrong) > 0 {
		return joinedErrors(wrong)
	}
	for _, check := range v.checks {
		if err := check(ps, zone); err != nil {
			return err
		}
	}
	return nil
}

// joinedErrors makes one error of several about parameters, in one line.
func joinedErrors(all []error) error {
	if len(all) == 1 {
		return all[0]
	}
	var texts, hints []string
	for _, err := range all {
		texts = append(texts, err.Error())
		if hint := core.Hint(err); hint != "" && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	return &core.Error{Kind: core.ErrJobParametersInvalid, Msg: strings.Join(texts, "; "), Hint: strings.Join(hints, "; ")}
}

// Choices returns the only values of a parameter, and the folder in which it has
// to lie.
func (v validator) Choices(parameter string) (only []string, within string) {
	for _, p := range v.j.tree.Parameters {
		if p.Name.Value != parameter {
			continue
		}
		if p.Within.Given() {
			within = v.j.absolute(p.Within.Value)
		}
		return plainTexts(p.OneOf), within
	}
	return nil, ""
}

// declared asks what the declaration of one parameter says.
func (v validator) declared(p Parameter, given core.JobParameter, ok bool, zone *time.Location) error {
	spec, _ := v.j.made.Parameters.Lookup(p.Name.Value)
	if spec.Path && spec.Required && given.Value == "" {
		return &core.Error{
			Kind: core.ErrJobParametersInvalid, Hint: "write " + core.ShellQuote(spec.Name+"=FILE"),
			Msg: "parameter " + spec.Name + ": it is empty, and names no file",
		}
	}
	if path, isText := given.Value.(string); isText && p.Within.Given() {
		if err := inside(spec.Name, path, v.j.absolute(p.Within.Value)); err != nil {
			return err
		}
	}
	same := func(t Text) bool {
		want, err := valueOf(spec, t.Value, zone)
		want = v.j.besideFile(spec, want)
		return err == nil && (core.JobParameter{Value: want}).Equal(core.JobParameter{Value: given.Value})
	}
	if !ok || len(p.OneOf) == 0 || slices.ContainsFunc(p.OneOf, same) {
		return nil
	}
	return &core.Error{
		Kind: core.ErrJobParametersInvalid,
		Msg: fmt.Sprintf("parameter %s: value %s is none of %s", p.Name.Value,
			core.Quote(core.FormatValue(given, zone)), choices(p.OneOf)),
		Hint: "write " + core.ShellQuote(p.Name.Value+"="+p.OneOf[0].Value),
	}
}

func choices(ts []Text) string {
	values := make([]string, len(ts))
	for i, t := range ts {
		values[i] = t.Value
	}
	return strings.Join(values, ", ")
}
