package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a container may have no zones of its own

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
)

// settings are what every command may be told.
type settings struct {
	DB        string
	Output    string
	Color     string
	TZ        string
	UTC       bool
	Verbose   bool
	ExitCodes string
	Strict    bool // of run, next and restart only

	// OutputGiven is set when somebody asked for a format.
	OutputGiven bool
}

const exitCodesSpring = "spring"

// setting is one row of the table of settings: a flag, a variable of the
// environment, a default, and where the value goes.
type setting struct {
	name, short string
	byDefault   string
	choices     []string
	help        string
	text        func(*settings) *string
	flag        func(*settings) *bool
	// launching marks a setting of run, next and restart; the others are of
	// every command.
	launching bool
}

func (s setting) variable() string {
	return "BATCHCTL_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

func settingsTable() []setting {
	formats := make([]string, len(render.Formats()))
	for i, f := range render.Formats() {
		formats[i] = string(f)
	}
	return []setting{
		{
			name: "db", help: "SQLite `file` of the repository (default $XDG_STATE_HOME/batchctl/batchctl.db)",
			text: func(s *settings) *string { return &s.DB },
		},
		{
			name: "output", short: "o", byDefault: "table", choices: formats,
			help: "`format` of the result: table, json, jsonl, csv (lists only)",
			text: func(s *settings) *string { return &s.Output },
		},
		{
			name: "color", byDefault: "auto", choices: []string{"auto", "always", "never"},
			help: "colour `when`: auto, always, never", text: func(s *settings) *string { return &s.Color },
		},
		{
			name: "tz", help: "show times in this `zone` instead of the repository's",
			text: func(s *settings) *string { return &s.TZ },
		},
		{name: "utc", help: "show times in UTC", flag: func(s *settings) *bool { return &s.UTC }},
		{name: "verbose", short: "v", help: "say what is going on", flag: func(s *settings) *bool { return &s.Verbose }},
		{
			name: "exit-codes", byDefault: "default", choices: []string{"default", exitCodesSpring},
			help: "exit code `scheme`: default, spring", text: func(s *settings) *string { return &s.ExitCodes },
		},
		{
			name: "strict", help: "exit with 4 when the job has completed, but skipped records or a hook failed", launching: true,
			flag: func(s *settings) *bool { return &s.Strict },
		},
	}
}

// addFlags declares the settings of every command as flags.
func (a *app) addFlags(flags *pflag.FlagSet) { a.declare(flags, false) }

// addLaunchSettings declares those of run, next and restart.
func (a *app) addLaunchSettings(flags *pflag.FlagSet) { a.declare(flags, true) }

func (a *app) declare(flags *pflag.FlagSet, launching bool) {
	for _, s := range settingsTable() {
		switch {
		case s.launching != launching:
		case s.flag != nil:
			flags.BoolVarP(s.flag(&a.settings), s.name, s.short, false, s.help)
		default:
			flags.StringVarP(s.text(&a.settings), s.name, s.short, s.byDefault, s.help)
		}
	}
}

// configure takes what was not given as a flag from the environment, and checks
// all of it.
func (a *app) configure(cmd *cobra.Command) error {
	for _, s := range settingsTable() {
		flag := cmd.Flags().Lookup(s.name)
		if flag == nil { // it is not for this command
			continue
		}
		source := "--" + s.name
		given := flag.Changed
		if value := a.env.Get(s.variable()); !given && value != "" {
			source, given = s.variable(), true
			if err := flag.Value.Set(value); err != nil {
				return usageError("give true or false", "%s: value %s is neither true nor false", source, core.Quote(value))
			}
		}
		if s.name == "output" {
			a.settings.OutputGiven = given
		}
		if s.name == "db" && flag.Changed && a.settings.DB == "" {
			return usageError("give the file, or leave --db away", "--db is empty")
		}
		if s.choices == nil {
			continue
		}
		if value := *s.text(&a.settings); !slices.Contains(s.choices, value) {
			return usageError(nearestChoice(source, value, s.choices), "%s: value %s is none of %s", source, core.Quote(value), strings.Join(s.choices, ", "))
		}
	}
	if a.settings.Output == string(render.FormatCSV) && !isList(cmd) {
		return usageError("write --output table or --output json", "%s: format csv is for lists", verbOf(cmd))
	}
	return a.configureZone()
}

// isList reports whether the result of cmd is a list, which can be rows of CSV.
func isList(cmd *cobra.Command) bool {
	switch cmd.Name() {
	case "executions", "instances", "jobs":
		return true
	}
	return false
}

// nearestChoice is how to write a setting whose value is none of choices.
func nearestChoice(source, value string, choices []string) string {
	if near := core.Nearest(value, choices); near != "" {
		return "did you mean " + near + "?"
	}
	if flag, ok := strings.CutPrefix(source, "--"); ok {
		return "write --" + flag + " " + choices[0]
	}
	return "write " + source + "=" + choices[0]
}

func (a *app) configureZone() error {
	switch {
	case a.settings.UTC && a.settings.TZ != "":
		return usageError("give one of them", "--utc and --tz contradict each other")
	case a.settings.UTC:
		a.display = time.UTC
	case a.settings.TZ != "":
		zone, err := loadZone("--tz", a.settings.TZ)
		if err != nil {
			return err
		}
		a.display = zone
	}
	return nil
}

// loadZone reads the name of a zone. "Local" would mean another zone on every
// host, so it is none.
func loadZone(flag, name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" || name == "" {
		return nil, usageError("write it as in Asia/Seoul or UTC", "%s: there is no time zone %s", flag, core.Quote(name))
	}
	return zone, nil
}

// environmentHelp is the help topic on variables.
func environmentHelp() string {
	var b strings.Builder
	b.WriteString("A flag wins over a variable, a variable over the default.\n\n")
	for _, s := range settingsTable() {
		fmt.Fprintf(&b, "  %-20s %s\n", s.variable(), strings.ReplaceAll(s.help, "`", ""))
	}
	b.WriteString("  BATCHCTL_JOBS        folders of job definitions, separated as in PATH\n" +
		"  BATCHCTL_LOG_DIR     folder of what commands print, JOB/EXECUTION-STEP.log (default\n" +
		"                       $XDG_STATE_HOME/batchctl/logs, whichever repository --db names)\n" +
		"  NO_COLOR             when not empty, no colour\n" +
		"  XDG_STATE_HOME       where the default repository is; else ~/.local/state\n" +
		"  XDG_CONFIG_HOME      where definitions are looked for; else ~/.config\n\n" +
		"Parameters of jobs never come from the environment.\n")
	return b.String()
}
