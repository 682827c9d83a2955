package campaign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stoker/bench/switchboard"
	"stoker/cli/local"
	"stoker/client"
)

var memberFaults = []fault{
	{"replace-member", ofMembers, "a node is lost with its data; another one joins by a token, under a new id, and the lost one is removed", always, replaceMember},
}

// newcomer is an id that no node ever had.
func (f *fleet) newcomer() string {
	n := 1
	for _, names := range f.names {
		n += len(names)
	}
	return fmt.Sprintf("n%d", n)
}

// replaceTime is what all of it may take: a new node gets its vote when it has kept up for ten seconds.
const replaceTime = 3 * time.Minute

func replaceMember(ctx context.Context, b *blow) error {
	ctx, cancel := context.WithTimeoutCause(ctx, replaceTime, errors.New("the new node is no voter yet"))
	defer cancel()
	place := b.someone()
	b.hits(place)
	old := b.at(place).node
	id := b.newcomer()
	b.event.Note = id + " takes its place"
	old.Kill()
	if err := os.RemoveAll(filepath.Join(b.data(old.ID), "raft")); err != nil {
		return err
	}
	if err := b.joins(ctx, place, id); err != nil {
		return err
	}
	return b.removes(ctx, old.ID, id)
}

// cli runs a command of the program as an operator does.
func (f *fleet) cli(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, f.binary, append(args, "--operator", f.operator())...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("stoker %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// insist tries again what the cluster may be in no state to do: a leader is missing for some seconds after another node has died.
func insist(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		if pause(ctx, 300*time.Millisecond) != nil {
			return err
		}
	}
}

// joins has a new node come into the cluster and sit at a place: it joins, and starts once more from what was written, behind the
// switchboard.
func (b *blow) joins(ctx context.Context, place int, id string) error {
	var token string
	if err := insist(ctx, func() error {
		out, err := b.cli(ctx, "token", "create", "--for", id, "--json")
		if err == nil {
			_, rest, _ := strings.Cut(out, `"token": "`)
			token, _, _ = strings.Cut(rest, `"`)
		}
		return err
	}); err != nil {
		return err
	}
	at, err := local.Anywhere(1)
	if err != nil {
		return err
	}
	public, private := fmt.Sprintf("127.0.0.1:%d", at[0].HTTP), fmt.Sprintf("127.0.0.1:%d", at[0].Cluster)
	if place == b.tmpfs {
		if err := b.mount(id); err != nil {
			return err
		}
	}
	p, err := local.Launch(local.Command{
		Name: "join " + id, Path: b.binary, Log: filepath.Join(b.logs(), "join-"+id+".log"),
		Args: []string{"serve", "--token", token, "--id", id, "--config", b.config(id), "--http", public, "--cluster", private, "--min-free-mb", "64"},
	})
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := b.member(ctx, func(m client.Member) bool { return m.ID == id && m.Alive }); err != nil {
		return err
	}
	leaving, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := p.Stop(leaving); err != nil {
		return err
	}
	return b.sit(ctx, place, id, public, private)
}

// sit starts a node that has joined behind doors of the switchboard, and gives it the place.
func (b *blow) sit(ctx context.Context, place int, id, public, private string) error {
	inner, err := b.board.Door(place, private)
	if err != nil {
		return err
	}
	outer, err := b.board.ClientDoor(place, public)
	if err != nil {
		return err
	}
	if err := errors.Join(switchboard.Reroute(b.config(id), map[string]string{private: inner, public: outer}), b.spare(id)); err != nil {
		return err
	}
	opened, err := local.Open(b.dir, b.binary)
	if err != nil {
		return err
	}
	n, known := opened.Node(id)
	if !known {
		return fmt.Errorf("%s has no folder", id)
	}
	if err := b.take(place, n, public); err != nil {
		return err
	}
	return b.start(ctx, n)
}

// member waits until there is such a one.
func (b *blow) member(ctx context.Context, is func(client.Member) bool) error {
	return insist(ctx, func() error {
		m, err := b.members(ctx)
		if err == nil && !slices.ContainsFunc(m, is) {
			err = errors.New("it is not a member yet")
		}
		return err
	})
}

func (b *blow) members(ctx context.Context) ([]client.Member, error) {
	api, err := b.patient()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	m, err := api.Operator().Members(ctx)
	return m.Members, err
}

// removes waits for the vote of the new node, and takes the seat of the old one.
func (b *blow) removes(ctx context.Context, old, id string) error {
	if err := b.member(ctx, func(m client.Member) bool { return m.ID == id && m.Voter }); err != nil {
		return err
	}
	return insist(ctx, func() error {
		_, err := b.cli(ctx, "member", "remove", old, "--yes", "--force")
		if err != nil && strings.Contains(err.Error(), "was removed") {
			return nil
		}
		return err
	})
}
