package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"stoker/cli/config"
)

// recoverCommand is `stoker recover`.
type recoverCommand struct {
	Config string `default:"stoker.toml" env:"STOKER_CONFIG" metavar:"FILE" complete:".toml" help:"Configuration of the node that is left (${default})."`
	Data   string `metavar:"DIR" help:"Its data folder, if it is not where the configuration says."`
	Yes    bool   `help:"Do not ask."`
}

// Help says when it is right.
func (*recoverCommand) Help() string {
	return `For the day when most nodes are lost for good and one folder is left: it makes that one a cluster of its own, from which new
nodes join. What only the lost nodes had is gone. If a majority can be brought back, bring it back instead. Copy the data folder
first; the node must be stopped.

  stoker recover --config n1/stoker.toml`
}

// Survivor is what is left of a cluster.
type Survivor interface {
	// Found says what is there. Nothing has been changed yet.
	Found() Left
	// Recover makes it a cluster of one and gives the new epoch.
	Recover(id string) (epoch uint64, err error)
	Close() error
}

// Left is the state of the node that is left.
type Left struct {
	ClusterID string
	Epoch     uint64
	Voters    []string // of the cluster that was
	LastLog   uint64
	Wall      time.Time // of its last command
	Users     int
	Jobs      int
	Missing   int // pictures of records that are not in its blob folder
	Objects   int
}

// Run shows what is left, asks, and recovers it.
func (c *recoverCommand) Run(s *shell) (err error) {
	conf, err := config.Load(config.Source{File: c.Config, Env: os.LookupEnv})
	if err != nil {
		return err
	}
	if c.Data != "" {
		conf.Data = c.Data
	}
	left, err := s.hooks.Archives.Survive(conf.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, left.Close()) }()
	f := left.Found()
	s.printf("%s holds cluster %s, epoch %d, to entry %d, of %s: %d users, %d jobs.\n",
		conf.Data, f.ClusterID, f.Epoch, f.LastLog, f.Wall.UTC().Format(time.RFC3339), f.Users, f.Jobs)
	s.printf("Its voters were %s. What may be lost: everything that the others acknowledged after entry %d without %s, which nobody can count\n"+
		"from here; and the entries at its end may be ones that were never acknowledged to anybody. Both are settled by going on from it.\n",
		strings.Join(f.Voters, ", "), f.LastLog, conf.ID)
	if f.Missing > 0 {
		s.printf("Of %d pictures on record %d are not in its folder: they are lost with the other nodes.\n", f.Objects, f.Missing)
	}
	s.printf("None of the other nodes may ever start again with its old folder.\n")
	if !c.Yes {
		if err := confirm(s, "Make "+conf.ID+" a cluster of its own?"); err != nil {
			return err
		}
	}
	epoch, err := left.Recover(conf.ID)
	if err != nil {
		return err
	}
	s.printf("Done: epoch %d begins, with %s as its only voter. Next:\n"+
		"     stoker serve --config %s\n"+
		"then let new nodes join, under ids that were never used (docs/members.md), and make a backup.\n", epoch, conf.ID, c.Config)
	return nil
}

// confirm asks on a terminal; elsewhere it refuses.
func confirm(s *shell, question string) error {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return errors.New("nothing was changed: --yes goes on without asking")
	}
	s.notef("%s Type yes: ", question)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "yes" {
		return fmt.Errorf("nothing was changed")
	}
	return nil
}
