package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"stoker/cli/backup"
	"stoker/client"
)

// Archives are what the inner rooms do with backups, for commands that need no running cluster.
type Archives struct {
	// Save puts what comes into a folder or s3://bucket/prefix under a name, if it is a whole backup; else nothing is left.
	Save func(ctx context.Context, to Place, name string, from io.Reader) (backup.Archive, error)
	// Verify reads a backup to its end, restores its state beside everything else, and looks at every row of it.
	Verify func(file io.Reader) (backup.Archive, error)
	// Restore makes data folders out of a backup.
	Restore func(file io.Reader, o RestoreOrder) (Reborn, error)
	// Survive opens the data folder of the one node that is left.
	Survive func(data string) (Survivor, error)
}

// Place is where a backup goes.
type Place struct {
	To           string // folder or s3://bucket/prefix
	S3Endpoint   string
	S3Region     string
	S3Access, S3 string // the two keys
}

// backupCommand is `stoker backup`.
type backupCommand struct {
	Create backupCreate `cmd:"" default:"withargs" help:"Make a backup now (what plain \"stoker backup\" does)."`
	List   backupList   `cmd:"" help:"List what the schedule made, and its failures."`
	Verify backupVerify `cmd:"" help:"Read a backup to its last byte, restore its state aside and check every row."`
}

// Help shows how to call it.
func (*backupCommand) Help() string {
	return `  stoker backup --out /var/backups/stoker/
  stoker backup --out before-upgrade.tar --blobs reference
  stoker backup --to s3://backups/stoker --s3-endpoint https://s3.example.org
  stoker backup verify before-upgrade.tar
  stoker backup list`
}

type backupCreate struct {
	operatorFlags
	Out   string  `metavar:"FILE|DIR" xor:"where" required:"" help:"File to write; in a folder it gets a name by its time."`
	To    string  `metavar:"s3://BUCKET/PREFIX" xor:"where" required:"" help:"Bucket to upload to."`
	Blobs string  `default:"include" enum:"include,reference" help:"Put the pictures in (include), or only their names and hashes (reference)."`
	Node  string  `metavar:"ID" help:"Take it from this node; any has the whole of it."`
	JSON  bool    `name:"json" help:"Print JSON."`
	S3    s3Flags `embed:"" prefix:"s3-"`
}

// s3Flags reach a bucket. The keys are no flags: a process list shows those.
type s3Flags struct {
	Endpoint string `env:"STOKER_BACKUP_S3_ENDPOINT" metavar:"URL" help:"Endpoint of the bucket; Amazon's if not given. The keys are read from STOKER_BACKUP_S3_ACCESS_KEY and STOKER_BACKUP_S3_SECRET_KEY."`
	Region   string `env:"STOKER_BACKUP_S3_REGION" metavar:"NAME" help:"Region of the bucket (us-east-1)."`
}

// place says where the backup goes and what it is called there.
func (c *backupCreate) place(now time.Time) (Place, string) {
	name := "stoker-" + now.UTC().Format("20060102T150405Z") + ".tar"
	if c.To != "" {
		return Place{
			To: c.To, S3Endpoint: c.S3.Endpoint, S3Region: c.S3.Region,
			S3Access: os.Getenv("STOKER_BACKUP_S3_ACCESS_KEY"), S3: os.Getenv("STOKER_BACKUP_S3_SECRET_KEY"),
		}, name
	}
	if info, err := os.Stat(c.Out); err == nil && info.IsDir() || strings.HasSuffix(c.Out, string(filepath.Separator)) {
		return Place{To: c.Out}, name
	}
	return Place{To: filepath.Dir(c.Out)}, filepath.Base(c.Out)
}

// Run streams it, checks it while it comes, and says what it holds.
func (c *backupCreate) Run(s *shell) error {
	if c.To != "" && !strings.HasPrefix(c.To, "s3://") {
		return fmt.Errorf("--to %s: write s3://bucket/prefix; --out is for files and folders", c.To)
	}
	cluster, err := c.dial()
	if err != nil {
		return err
	}
	defer cluster.Close()
	stream, err := cluster.Operator().Backup(s.ctx, client.BackupRequest{Blobs: c.Blobs, Node: c.Node})
	if err != nil {
		return advise(err, nil)
	}
	defer stream.Close()
	f, ok := s.err.(*os.File)
	watched, stop := backup.Watch(s.err, ok && term.IsTerminal(int(f.Fd())), stream, stream.Bytes)
	to, name := c.place(s.now())
	made, err := s.hooks.Archives.Save(s.ctx, to, name, watched)
	stop()
	if err != nil {
		return err
	}
	if made.File = to.To + "/" + name; c.To == "" {
		made.File = filepath.Join(to.To, name)
	}
	if c.JSON {
		return s.printJSON(made)
	}
	s.printf("%s: %s\n", made.File, backup.Size(made.Bytes))
	backup.Describe(s.out, made)
	s.printf("It holds no key: keep a copy of a node's seal.key elsewhere, without it no restore opens the secrets.\n")
	return nil
}

type backupList struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints the table.
func (c *backupList) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		all, err := o.Backups(ctx)
		if err != nil {
			return advise(err, nil)
		}
		if c.JSON {
			return s.printJSON(all)
		}
		backup.Table(s.out, all, s.now())
		return nil
	})
}

type backupVerify struct {
	File string `arg:"" type:"existingfile" help:"The backup."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Help says what it does not need.
func (*backupVerify) Help() string {
	return `Needs no cluster and no key, and as much room in the temporary folder as the state takes.`
}

// Run says what is in it, or what is wrong with it.
func (c *backupVerify) Run(s *shell) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	a, err := s.hooks.Archives.Verify(f)
	if err != nil {
		return fmt.Errorf("%s is not good: %w", c.File, err)
	}
	a.File = c.File
	if c.JSON {
		return s.printJSON(a)
	}
	s.printf("%s is good: every byte of its %s is what was written, and the state adds up.\n", c.File, backup.Size(a.Bytes))
	backup.Describe(s.out, a)
	return nil
}
