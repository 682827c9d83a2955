package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"stoker/cli/config"
	"stoker/cli/setup"
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
	// More commands, each a pointer to a struct of kong commands: those that need the inner rooms.
	More []any
}

// commands is the command table.
type commands struct {
	Demo   demoCommand   `cmd:"" help:"Show everything: a real cluster on this machine works on pictures, then proves that it did."`
	Dev    devCommand    `cmd:"" help:"Run a cluster on this machine, in ./.stoker."`
	Init   initCommand   `cmd:"" help:"Make configuration, certificates and tokens of a new cluster."`
	Serve  serveCommand  `cmd:"" help:"Run one node."`
	Worker workerCommand `cmd:"" help:"Run the sample worker; list, drain and quarantine workers."`
	Queue  queueCommand  `cmd:"" help:"Show what waits; kick, pause and purge it."`
	Job    jobCommand    `cmd:"" help:"List and show jobs, say what they wait for, cancel them, try them again."`
	Tail   tailCommand   `cmd:"" help:"Show every change as it happens; requests too."`
	Status statusCommand `cmd:"" help:"Show members, leader, lag, queue and versions."`
	User   userCommand   `cmd:"" help:"Show users, grant credits, set plans, revoke."`
	Access accessCommand `cmd:"" help:"List, make and revoke operators' and workers' tokens."`
	Key    keyCommand    `cmd:"" help:"List, make and revoke S3 clients' access keys to the object store."`
	Secret secretCommand `cmd:"" help:"Keep secrets, roll keys."`
	Cert   certCommand   `cmd:"" help:"Show nodes' certificates, replace the CA."`
	Audit  auditCommand  `cmd:"" help:"Show and export what operators did."`
	SQL    sqlCommand    `cmd:"" name:"sql" help:"Ask the replicated state in SQL, read-only."`
	Export exportCommand `cmd:"" help:"Write the replicated state's tables to an SQLite file."`

	Objects objectsCommand `cmd:"" help:"See how the pictures' files are on the nodes' disks; have them read again."`

	Deploy   deployCommand   `cmd:"" help:"Put the app's configuration, stoker.app.toml, into force."`
	Rollback rollbackCommand `cmd:"" help:"Put an older version of the app's configuration into force."`
	Versions versionsCommand `cmd:"" help:"List and show the versions of the app's configuration."`
	Config   configCommand   `cmd:"" help:"Write down the app's configuration that is in force."`

	Upgrade upgradeCommand `cmd:"" help:"Upgrade nodes one by one; turn on what is new."`
	Verify  verifyCommand  `cmd:"" help:"Hold the nodes' states against each other."`

	Members   membersCommand   `cmd:"" help:"Show the members: who leads, who has a vote, who may fail."`
	Member    memberCommand    `cmd:"" help:"Remove a member."`
	Leader    leaderCommand    `cmd:"" help:"Hand leadership to another node."`
	Node      nodeCommand      `cmd:"" help:"Have a node left alone before maintenance, and bring it back."`
	Token     tokenCommand     `cmd:"" help:"Make, list and revoke tokens by which a node joins."`
	Autopilot autopilotCommand `cmd:"" help:"Show and say what the leader may do about members by itself."`

	kong.Plugins

	Backup  backupCommand  `cmd:"" help:"Back the cluster up; list and verify backups."`
	Restore restoreCommand `cmd:"" help:"Make a new cluster out of a backup."`
	Recover recoverCommand `cmd:"" help:"Go on with the one node that is left when most are lost for good."`

	Version versionCommand `cmd:"" help:"Print this binary's version."`
}

// shell is what a command runs in.
type shell struct {
	ctx   context.Context // ends with Ctrl-C or SIGTERM
	in    io.Reader
	out   io.Writer
	err   io.Writer
	hooks Hooks
	now   func() time.Time // for the ages in tables
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
	exited := -1 // by --help, in the middle of parsing
	table := commands{Plugins: s.hooks.More}
	parser, err := kong.New(&table,
		kong.Name("stoker"),
		kong.Description("A self-hosted image job cluster in one binary. `stoker demo` shows it, `stoker dev` runs it here."),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
		kong.Bind(s),
		kong.BindTo(s.ctx, (*context.Context)(nil)),
		kong.BindTo(s.out, (*io.Writer)(nil)))
	if err != nil {
		panic(err) // the table above is wrong; every test would meet it
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	switch {
	case exited >= 0:
		return exited
	case err != nil:
		s.notef("stoker: %v\nstoker --help lists the commands, stoker COMMAND --help what one takes.\n", err)
		return exitUsage
	}
	if err := command.Run(); err != nil {
		s.notef("stoker: %v\n", err)
		return exitFailed
	}
	return 0
}

// versionCommand is `stoker version`.
type versionCommand struct{}

// Run prints the version.
func (*versionCommand) Run(s *shell) error {
	s.printf("stoker %s\n", s.hooks.Version)
	return nil
}
