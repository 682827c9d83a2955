package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"stoker/cli/config"
	"stoker/cli/setup"
	"stoker/cli/table"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// Hooks are what the command line cannot do by itself.
type Hooks struct {
	// Serve runs a node until ctx ends.
	Serve func(ctx context.Context, c config.Config) error
	// Sign replaces a node's certificate on its own machine, and says until when it holds.
	Sign func(config.Config) (until time.Time, err error)
	// Archives are backups, offline.
	Archives Archives
	// Join has a running cluster let this node in.
	Join func(ctx context.Context, j setup.Join) (setup.Joined, error)
	// Version of this binary, for `stoker version`.
	Version string
	// More commands, each a pointer to a struct of commands for package table: those that need the inner rooms.
	More []any
}

// commands is the command table. A command without a group is in that of the one before.
type commands struct {
	Demo  demoCommand  `cmd:"" group:"Start" help:"Show everything: a real cluster on this machine works on pictures, then proves that it did."`
	Dev   devCommand   `cmd:"" help:"Run a cluster on this machine, in ./.stoker."`
	Init  initCommand  `cmd:"" help:"Make configuration, certificates and tokens of a new cluster."`
	Serve serveCommand `cmd:"" help:"Run one node."`
	Route routeCommand `cmd:"" help:"Stand in front of several clusters, and send each user to its own."`

	Job    jobCommand    `cmd:"" group:"Jobs and users" help:"List and show jobs, say what they wait for, cancel them, try them again."`
	User   userCommand   `cmd:"" help:"Show users, grant credits, set plans, revoke."`
	Tail   tailCommand   `cmd:"" help:"Show every change as it happens; requests too."`
	Queue  queueCommand  `cmd:"" help:"Show what waits; kick, pause and purge it."`
	Worker workerCommand `cmd:"" help:"Run the sample worker; list, drain and quarantine workers."`

	Deploy   deployCommand   `cmd:"" group:"The app's configuration" help:"Put the app's configuration, stoker.app.toml, into force."`
	Rollback rollbackCommand `cmd:"" help:"Put an older version of the app's configuration into force."`
	Versions versionsCommand `cmd:"" help:"List and show the versions of the app's configuration."`
	Webhook  webhookCommand  `cmd:"" help:"See how webhooks are told; have deliveries tried again; send a ping."`
	Config   configCommand   `cmd:"" help:"Write down the app's configuration that is in force."`

	SQL     sqlCommand     `cmd:"" name:"sql" group:"Data" help:"Ask the replicated state in SQL, read-only."`
	Export  exportCommand  `cmd:"" help:"Write the replicated state's tables to an SQLite file."`
	Import  importCommand  `cmd:"" help:"Bring users, jobs, ledgers and objects over from the stack that Stoker replaces."`
	Objects objectsCommand `cmd:"" help:"See how the pictures' files are on the nodes' disks; have them read again."`
	Verify  verifyCommand  `cmd:"" help:"Hold the nodes' states against each other."`

	Status    statusCommand    `cmd:"" group:"The cluster" help:"Show members, leader, lag, queue and versions."`
	Members   membersCommand   `cmd:"" help:"Show the members: who leads, who has a vote, who may fail."`
	Member    memberCommand    `cmd:"" help:"Remove a member."`
	Leader    leaderCommand    `cmd:"" help:"Hand leadership to another node."`
	Node      nodeCommand      `cmd:"" help:"Have a node left alone before maintenance, and bring it back."`
	Token     tokenCommand     `cmd:"" help:"Make, list and revoke tokens by which a node joins."`
	Autopilot autopilotCommand `cmd:"" help:"Show and say what the leader may do about members by itself."`
	Upgrade   upgradeCommand   `cmd:"" help:"Upgrade nodes one by one; turn on what is new."`

	Access accessCommand `cmd:"" group:"Tokens, keys and secrets" help:"List, make and revoke operators' and workers' tokens."`
	Key    keyCommand    `cmd:"" help:"List, make and revoke S3 clients' access keys to the object store."`
	Secret secretCommand `cmd:"" help:"Keep secrets, roll keys."`
	Cert   certCommand   `cmd:"" help:"Show nodes' certificates, replace the CA."`
	Audit  auditCommand  `cmd:"" help:"Show and export what operators did."`

	Backup  backupCommand  `cmd:"" group:"Backup and recovery" help:"Back the cluster up; list and verify backups."`
	Restore restoreCommand `cmd:"" help:"Make a new cluster out of a backup."`
	Recover recoverCommand `cmd:"" help:"Go on with the one node that is left when most are lost for good."`
}

// lastCommands end the table, below what [Hooks] have.
type lastCommands struct {
	Completion completionCommand `cmd:"" group:"This program" help:"Print what makes a shell complete stoker's commands."`
	Version    versionCommand    `cmd:"" help:"Print this binary's version."`
}

// shell is what a command runs in.
type shell struct {
	ctx   context.Context // ends with Ctrl-C or SIGTERM
	in    io.Reader
	out   io.Writer
	err   io.Writer
	hooks Hooks
	now   func() time.Time // for the ages in tables
	line  *table.Table     // all commands
}

func (s *shell) printf(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

// printJSON is what --json prints: the wire's names, indented.
func (s *shell) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	s.printf("%s\n", text)
	return nil
}

func (s *shell) notef(format string, args ...any) { fmt.Fprintf(s.err, format, args...) }

// Run carries out one command line (without the program's name) and returns the process's exit code.
func Run(args []string, hooks Hooks) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the next signal has its default effect
	return run(&shell{ctx: ctx, in: os.Stdin, out: os.Stdout, err: os.Stderr, hooks: hooks, now: time.Now}, args)
}

func run(s *shell, args []string) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	s.line = &table.Table{
		Name:     "stoker",
		About:    "A self-hosted image job cluster in one binary. `stoker demo` shows it, `stoker dev` runs it here.",
		Commands: slices.Concat([]any{&commands{}}, s.hooks.More, []any{&lastCommands{}}),
		Run:      s.run,
		Offer:    s.offer,
		Out:      s.out,
		Err:      s.err,
	}
	err := s.line.Execute(s.ctx, args)
	var usage *table.Usage
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		s.notef("stoker: %v\n%s --help says more.\n", err, usage.Command)
		return exitUsage
	}
	s.notef("stoker: %v\n", err)
	return exitFailed
}

// run runs a command, ours or one of [Hooks].
func (s *shell) run(command any) error {
	switch c := command.(type) {
	case interface{ Run(*shell) error }:
		return c.Run(s)
	case interface {
		Run(context.Context, io.Writer) error
	}:
		return c.Run(s.ctx, s.out)
	}
	return fmt.Errorf("%T runs nothing", command)
}

// versionCommand is `stoker version`.
type versionCommand struct{}

// Run prints the version.
func (*versionCommand) Run(s *shell) error {
	s.printf("stoker %s\n", s.hooks.Version)
	return nil
}
