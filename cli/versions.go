package cli

import (
	"context"
	"fmt"

	"stoker/cli/appfile"
	"stoker/cli/versions"
	"stoker/client"
)

// versionsCommand is `stoker versions`.
type versionsCommand struct {
	List versionsList `cmd:"" default:"withargs" help:"List the versions of the settings (what plain \"stoker versions\" does)."`
	Show versionsShow `cmd:"" help:"Show a version."`
}

type versionsList struct {
	operatorFlags
	All  bool `help:"All of them, not only the newest 50."`
	JSON bool `name:"json" help:"Print JSON."`
}

type versionsShow struct {
	operatorFlags
	Version uint64 `arg:"" optional:"" complete:"version" help:"Its number (the one in force)."`
	Diff    bool   `help:"Show what it changed against the version before."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Help shows how to call it.
func (*versionsShow) Help() string {
	return `  stoker versions show
  stoker versions show 7 --diff`
}

// Run lists.
func (c *versionsList) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		page, err := o.SettingsVersions(ctx, "")
		for more := page.Next; err == nil && c.All && more != ""; {
			var older client.SettingsPage
			older, err = o.SettingsVersions(ctx, more)
			page.Versions, more = append(page.Versions, older.Versions...), older.Next
			page.Next = more
		}
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(page)
		}
		versions.Table(s.out, page)
		return nil
	})
}

// Run shows one.
func (c *versionsShow) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		v, err := settingsOf(ctx, o, c.Version)
		switch {
		case err != nil:
			return advise(err, knownSettings)
		case c.JSON:
			return s.printJSON(v)
		case !c.Diff:
			versions.Title(s.out, v.SettingsLine)
			s.printf("\n%s", appfile.Write(v.Settings))
			return nil
		case v.Version == 1:
			versions.Title(s.out, v.SettingsLine)
			s.printf("There is none before it.\n")
			return nil
		}
		before, err := settingsOf(ctx, o, v.Version-1)
		if err != nil {
			return advise(err, knownSettings)
		}
		versions.Title(s.out, v.SettingsLine)
		s.printf("%s", diffOf(s, before, v))
		return nil
	})
}

// settingsOf reads a version; 0 is the one in force.
func settingsOf(ctx context.Context, o *client.Operator, version uint64) (client.SettingsVersion, error) {
	if version == 0 {
		return o.Settings(ctx)
	}
	return o.SettingsOf(ctx, version)
}

func diffOf(s *shell, a, b client.SettingsVersion) string {
	return appfile.Diff(fmt.Sprintf("version %d", a.Version), fmt.Sprintf("version %d", b.Version), a.Settings, b.Settings, s.colours())
}

// rollbackCommand is `stoker rollback`.
type rollbackCommand struct {
	operatorFlags
	deploymentFlags
	Version uint64 `arg:"" optional:"" complete:"version" help:"The version to go back to (the one before the one in force)."`
	DryRun  bool   `help:"Show what would change, and change nothing."`
}

// Help says what becomes of the versions.
func (*rollbackCommand) Help() string {
	return `Makes a new version with the content of an older one: what was in force in between stays listed. Jobs keep the price, the budgets
and the limits that they were created under.

  stoker rollback -m "the new price was wrong"
  stoker rollback 3 --dry-run`
}

// Run shows the diff, asks and rolls back.
func (c *rollbackCommand) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		now, err := o.Settings(ctx)
		if err != nil {
			return advise(err, nil)
		}
		to := c.Version
		if to == 0 {
			to = now.Version - 1
		}
		if to == 0 {
			return fmt.Errorf("version 1 is in force, and there is none before it")
		}
		then, err := o.SettingsOf(ctx, to)
		if err != nil {
			return advise(err, knownSettings)
		}
		diff := diffOf(s, now, then)
		if diff == "" {
			s.printf("Nothing to roll back: version %d is the same as version %d.\n", now.Version, to)
			return nil
		}
		s.printf("%s", diff)
		if c.DryRun {
			s.printf("Nothing was changed: --dry-run.\n")
			return nil
		}
		return c.carryOut(s, o, fmt.Sprintf("Roll back to version %d?", to), func(ctx context.Context) (client.Deployed, error) {
			return o.Rollback(ctx, to, c.deployment(now.Version))
		})
	})
}
