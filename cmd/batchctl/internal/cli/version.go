package cli

import (
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func newVersionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the versions of batchctl, Go and SQLite",
		Args:  exactly(0, ""),
		RunE:  func(*cobra.Command, []string) error { return runVersion(a) },
	}
}

func runVersion(a *app) error {
	commit := commitOf(debug.ReadBuildInfo())
	var properties []render.Property
	for _, v := range []struct{ title, name, value string }{
		{"batchctl", "version", buildVersion()},
		{"commit", "commit", commit},
		{"go", "goVersion", runtime.Version()},
		{"sqlite", "sqliteVersion", sqlite.LinkedVersion()},
		{"platform", "platform", runtime.GOOS + "/" + runtime.GOARCH},
	} {
		properties = append(properties, render.Property{Title: v.title, Name: v.name, Text: v.value, Value: v.value})
	}
	return a.printer(time.UTC).Properties("version", properties)
}

// buildVersion is the version of the module, "(devel)" between releases.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// commitOf is the commit that was built, marked when there was more to it.
func commitOf(info *debug.BuildInfo, ok bool) string {
	commit, dirty := "", ""
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "-dirty"
			}
		}
	}
	if commit == "" {
		return "unknown"
	}
	return commit + dirty
}
