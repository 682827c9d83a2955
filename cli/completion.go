package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"stoker/client"
)

// completionCommand is `stoker completion`.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish,powershell" help:"bash, zsh, fish or powershell."`
}

// Help says where it goes.
func (*completionCommand) Help() string {
	return `Commands, flags and their values, files, and what the cluster knows: jobs, users, workers, nodes, presets, versions. Those are asked
of the cluster that the line, STOKER_OPERATOR or ./operator.toml names, for a second at most; without one there are none.

  source <(stoker completion bash)                           # this bash; needs the package bash-completion
  stoker completion bash > /etc/bash_completion.d/stoker     # every bash from now on
  stoker completion zsh > "${fpath[1]}/_stoker"              # with compinit in ~/.zshrc
  stoker completion fish > ~/.config/fish/completions/stoker.fish
  stoker completion powershell | Out-String | Invoke-Expression`
}

// Run prints the script.
func (c *completionCommand) Run(s *shell) error { return s.line.Script(s.out, c.Shell) }

// completionPatience bounds what a person waits for between two keys.
const completionPatience = time.Second

// offers is what the cluster knows, by the kind that the tag complete names. Each is one question for one page: completion shows the
// newest, not everything.
var offers = map[string]func(context.Context, *client.Operator) ([]string, error){
	"job": func(ctx context.Context, o *client.Operator) ([]string, error) {
		page, err := o.Jobs(ctx, client.JobQuery{})
		return offered(page.Jobs, func(j client.JobLine) (string, string) {
			return j.JobID, fmt.Sprintf("%s, %s, %d of %d done", j.Preset, j.Status, j.Progress.Done, j.Progress.Total)
		}), err
	},
	"dead": func(ctx context.Context, o *client.Operator) (jobs []string, err error) {
		page, err := o.Dead(ctx, "")
		seen := map[string]bool{}
		for _, d := range page.Dead {
			if !seen[d.JobID] {
				jobs = append(jobs, d.JobID)
			}
			seen[d.JobID] = true
		}
		return jobs, err
	},
	"user": func(ctx context.Context, o *client.Operator) ([]string, error) {
		page, err := o.Users(ctx, client.UserQuery{})
		return offered(page.Users, func(u client.UserLine) (string, string) {
			return u.UserID, fmt.Sprintf("%s, %d credits", u.Plan, u.Credits)
		}), err
	},
	"worker": func(ctx context.Context, o *client.Operator) ([]string, error) {
		all, err := o.Workers(ctx)
		return offered(all, func(w client.KnownWorker) (string, string) {
			return w.WorkerID, fmt.Sprintf("%s, %d items", w.State, w.Items)
		}), err
	},
	"node": func(ctx context.Context, o *client.Operator) ([]string, error) {
		all, err := o.Members(ctx)
		return offered(all.Members, func(m client.Member) (string, string) { return m.ID, m.Role }), err
	},
	"preset": func(ctx context.Context, o *client.Operator) ([]string, error) {
		v, err := o.Settings(ctx)
		return keysOf(v.Settings.Presets), err
	},
	"plan": func(ctx context.Context, o *client.Operator) ([]string, error) {
		v, err := o.Settings(ctx)
		return keysOf(v.Settings.Plans), err
	},
	"version": func(ctx context.Context, o *client.Operator) ([]string, error) {
		page, err := o.SettingsVersions(ctx, "")
		return offered(page.Versions, func(v client.SettingsLine) (string, string) {
			return strconv.FormatUint(v.Version, 10), v.Message
		}), err
	},
	"access": func(ctx context.Context, o *client.Operator) ([]string, error) {
		all, err := o.Tokens(ctx)
		return offered(all, func(t client.AccessToken) (string, string) { return t.Name, string(t.Kind) + " " + t.Scope }), err
	},
	"key": func(ctx context.Context, o *client.Operator) ([]string, error) {
		all, _, err := o.Keys(ctx)
		return offered(all, func(k client.AccessKey) (string, string) { return k.Name, k.Access + " " + k.Prefix }), err
	},
	"token": func(ctx context.Context, o *client.Operator) ([]string, error) {
		all, err := o.JoinTokens(ctx)
		return offered(all, func(t client.JoinToken) (string, string) { return t.ID, t.Note }), err
	},
	"webhook": func(ctx context.Context, o *client.Operator) ([]string, error) {
		all, err := o.Webhooks(ctx)
		return offered(all, func(h client.Webhook) (string, string) { return h.Name, h.State }), err
	},
	"secret": func(ctx context.Context, o *client.Operator) ([]string, error) {
		all, err := o.Secrets(ctx)
		return offered(all.Secrets, func(k client.KnownSecret) (string, string) { return k.Name, k.Use }), err
	},
}

// offer asks the cluster that a line names. Whatever goes wrong, nothing is offered: nobody asked a question who could read an answer.
func (s *shell) offer(kind string, command any) []string {
	of, ok := command.(interface {
		dial() (*client.Client, error)
	})
	if !ok {
		return nil
	}
	cluster, err := of.dial()
	if err != nil {
		return nil
	}
	defer cluster.Close()
	ctx, cancel := context.WithTimeout(s.ctx, completionPatience)
	defer cancel()
	some, _ := offers[kind](ctx, cluster.Operator())
	return some
}

// offered writes each as the shell takes it: a word, and behind a tab what it is.
func offered[T any](all []T, say func(T) (word, is string)) (some []string) {
	for _, one := range all {
		word, is := say(one)
		some = append(some, word+"\t"+is)
	}
	return some
}

// keysOf are a map's, in order.
func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
