package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strings"

	"golang.org/x/term"

	"stoker/cli/appfile"
	"stoker/client"
)

// deployCommand is `stoker deploy`.
type deployCommand struct {
	operatorFlags
	deploymentFlags
	File   string `arg:"" optional:"" default:"stoker.app.toml" complete:".toml" help:"The app's configuration (${default})."`
	DryRun bool   `help:"Show what would change, and change nothing. A token with scope read suffices."`
	Base   uint64 `metavar:"N" complete:"version" help:"Refuse unless version N is in force, so that nobody's deploy in between is undone."`
	Force  bool   `help:"Deploy also if somebody else deploys at the same time."`
}

// deploymentFlags say who deploys and why.
type deploymentFlags struct {
	Message string `short:"m" help:"Why, for those who read the versions."`
	Author  string `help:"Who (USER@HOST)."`
	Yes     bool   `short:"y" help:"Do not ask."`
}

// Help shows how to call it.
func (*deployCommand) Help() string {
	return `Plans and presets are those that the file names; what else it leaves out is as in a new cluster. Jobs keep the price, the
budgets and the limits that they were created under. On a terminal you are asked before anything changes.

  stoker config pull                          # begin with what is running
  stoker deploy --dry-run                     # in a pull request: validate, show the diff
  stoker deploy -m "seller costs 2 from May"
  stoker deploy --yes --base 7                # refused if 7 is not in force any more`
}

// knownSettings is what to do about refused deploys.
var knownSettings = hints{
	client.CodeSettingsMoved: "`stoker versions list` shows who deployed, --force deploys all the same",
	client.CodePlanInUse:     "`stoker user list --plan PLAN` lists them, `stoker user plan USER PLAN` moves one",
	codeNotFound:             "`stoker versions list` lists them",
}

// Run shows the diff, asks and deploys.
func (c *deployCommand) Run(s *shell) error {
	if c.Force && c.Base != 0 {
		return errors.New("--base asks for a version and --force for none")
	}
	want, text, err := appfile.Read(c.File)
	if err != nil {
		return err
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		check, err := o.CheckSettings(ctx, want, c.Base)
		switch {
		case err != nil:
			return advise(appfile.Locate(c.File, text, err), knownSettings)
		case !check.Changes:
			s.printf("Nothing to deploy: version %d is this.\n", check.Version)
			return nil
		}
		s.printf("%s", appfile.Diff(fmt.Sprintf("version %d", check.Version), c.File, check.Before, check.After, s.colours()))
		if c.DryRun {
			s.printf("Nothing was changed: --dry-run.\n")
			return nil
		}
		d := c.deployment(check.Version)
		if c.Force {
			d.Base = 0
		}
		return c.carryOut(s, o, "Deploy this?", func(ctx context.Context) (client.Deployed, error) {
			return o.Deploy(ctx, want, d)
		})
	})
}

// deployment is what the flags say, over a version.
func (f deploymentFlags) deployment(base uint64) client.Deployment {
	d := client.Deployment{Base: base, Author: f.Author, Message: f.Message}
	if d.Author == "" {
		d.Author = whoami()
	}
	return d
}

// carryOut asks, unless told not to, and deploys. A person may think for longer than a request waits.
func (f deploymentFlags) carryOut(s *shell, o *client.Operator, question string, do func(context.Context) (client.Deployed, error)) error {
	if !f.Yes && term.IsTerminal(int(os.Stdin.Fd())) {
		s.notef("%s [y/N] ", question)
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if answer := strings.ToLower(strings.TrimSpace(line)); err != nil || answer != "y" && answer != "yes" {
			return errors.New("nothing was changed")
		}
	}
	ctx, cancel := context.WithTimeout(s.ctx, adminPatience)
	defer cancel()
	done, err := do(ctx)
	switch {
	case err != nil:
		return advise(err, knownSettings)
	case !done.Changed:
		s.printf("Version %d is this already.\n", done.Version)
	default:
		s.printf("Version %d is in force on all nodes. `stoker rollback` takes it back.\n", done.Version)
	}
	return nil
}

// whoami is who sits here.
func whoami() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

// colours says whether to print in colour: on a terminal, unless NO_COLOR (no-color.org) is set.
func (s *shell) colours() bool {
	f, ok := s.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""
}

// configCommand is `stoker config`.
type configCommand struct {
	Pull configPull `cmd:"" help:"Write the settings in force into a file, to be edited and deployed."`
}

type configPull struct {
	operatorFlags
	File  string `arg:"" optional:"" default:"stoker.app.toml" complete:".toml" help:"Where to (${default}); - is the standard output."`
	Force bool   `help:"Replace the file."`
}

// Help shows how to call it.
func (*configPull) Help() string {
	return `  stoker config pull
  stoker config pull - | diff stoker.app.toml -`
}

// Run writes the file.
func (c *configPull) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		v, err := o.Settings(ctx)
		if err != nil {
			return advise(err, nil)
		}
		text := pulled(v)
		if c.File == "-" {
			s.printf("%s", text)
			return nil
		}
		if err := writeNew(c.File, text, c.Force); err != nil {
			return err
		}
		s.printf("%s is version %d. Edit it; `stoker deploy` shows what changes and puts it into force.\n", c.File, v.Version)
		return nil
	})
}

// pulled is a version as a file.
func pulled(v client.SettingsVersion) string {
	return fmt.Sprintf("# The app's configuration: `stoker deploy` puts it into force on all nodes. Pulled from version %d.\n\n%s", v.Version, appfile.Write(v.Settings))
}

// writeNew writes a file that is not there yet, or with force one that is.
func writeNew(path, text string, force bool) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, how, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: --force replaces it", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
