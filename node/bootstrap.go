package node

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// A node whose folder is empty may be one of a new cluster, or one of an old
// cluster that has lost its disk. The second must not vote: it has forgotten what
// it confirmed, and with its vote a quorum could forget it too (design rule 9).
//
// So every empty folder has an incarnation, a random number kept in it, and a
// node bootstraps only after it has asked each other member, and each was empty
// too or had seen this very incarnation before it bootstrapped. A folder that was
// wiped has a new incarnation, which the others have never seen.

// birthFile lies beside the log.
const birthFile = "incarnation.json"

// birth is the file that remembers it.
type birth struct {
	Incarnation string            `json:"incarnation"`
	Saw         map[string]string `json:"saw"`               // the others' incarnations as of this node's bootstrap
	Joined      bool              `json:"joined,omitempty"`  // it came into a running cluster by a join token
	Seated      bool              `json:"seated,omitempty"`  // it has had a seat, so its log is not empty
	Removed     bool              `json:"removed,omitempty"` // its seat was taken
}

// standing is a member's answer to the question.
type standing struct {
	Empty bool   `json:"empty"`
	Level uint64 `json:"level"` // the feature level that its binary understands; 0 is 1
	birth
}

// nursery answers the question, also while this node waits for the others.
type nursery struct {
	path  string
	level uint64

	mu     sync.Mutex
	birth  birth
	empty  bool
	levels map[string]uint64 // what the others said when they consented
}

// openNursery reads the birth file; an empty folder without one gets one.
func openNursery(dir string, empty bool, level uint64) (*nursery, error) {
	n := &nursery{path: filepath.Join(dir, birthFile), empty: empty, level: level, levels: map[string]uint64{}}
	b, err := os.ReadFile(n.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		n.birth = birth{Incarnation: rand.Text(), Saw: map[string]string{}}
		return n, n.write()
	case err != nil:
		return nil, fmt.Errorf("read the incarnation: %w", err)
	}
	if err := json.Unmarshal(b, &n.birth); err != nil {
		return nil, fmt.Errorf("read %s: %w", n.path, err)
	}
	n.empty = n.empty && !n.birth.Joined
	return n, nil
}

// write replaces the file; it is durable when it returns.
func (n *nursery) write() error {
	b, err := json.Marshal(n.birth)
	if err != nil {
		return err
	}
	tmp := n.path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the incarnation: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, n.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(n.path))
	}
	if err != nil {
		return fmt.Errorf("write the incarnation: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (n *nursery) standing() standing {
	n.mu.Lock()
	defer n.mu.Unlock()
	return standing{Empty: n.empty, Level: n.level, birth: n.birth}
}

func (n *nursery) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(n.standing())
}

// leave records what the others were, and that this folder is empty no more.
func (n *nursery) leave(saw map[string]string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.birth.Saw, n.empty = saw, false
	return n.write()
}

// bury records that this node was removed.
func (n *nursery) bury() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.birth.Removed = true
	return n.write()
}

// seat records that this node has a seat: from now on an empty log is a lost one.
func (n *nursery) seat() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.birth.Seated {
		return nil
	}
	n.birth.Seated = true
	return n.write()
}

// heard keeps a member's level for the cluster's first command.
func (n *nursery) heard(member string, level uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.levels[member] = max(level, 1)
}

// said is the level a member named when it consented; 0 when it was not asked in this life.
func (n *nursery) said(member string) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.levels[member]
}

const (
	askEvery  = 300 * time.Millisecond
	tellEvery = 5 * time.Second
)

// consent waits until every other member has answered, and gives their
// incarnations, or an error if one of them has data and does not know this folder.
func (n *Node) consent(ctx context.Context, me birth) (map[string]string, error) {
	saw := map[string]string{}
	told := time.Now()
	for {
		var silent []string
		for _, m := range n.cfg.Members {
			if m.ID == n.cfg.ID || saw[m.ID] != "" {
				continue
			}
			s, err := n.askStanding(ctx, m.ID)
			switch {
			case err != nil:
				silent = append(silent, m.ID)
			case !s.Empty && s.Saw[n.cfg.ID] != me.Incarnation:
				return nil, fmt.Errorf("node: the data folder %s is empty, but %s has data of a cluster in which this node %q took part with another folder. "+
					"A node that lost its data has no vote. Either restore the folder as it was, or remove %q from the cluster and join this node under a new id",
					n.cfg.Dir, m.ID, n.cfg.ID, n.cfg.ID)
			default:
				saw[m.ID] = s.Incarnation
				n.nursery.heard(m.ID, s.Level)
			}
		}
		if len(silent) == 0 {
			return saw, nil
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			n.log.Info("a new cluster begins when all its members are there", "waiting_for", strings.Join(silent, ", "))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("node: wait for %s to begin a new cluster: %w", strings.Join(silent, ", "), ctx.Err())
		case <-time.After(askEvery):
		}
	}
}

func (n *Node) askStanding(ctx context.Context, member string) (standing, error) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timing.RPC)
	defer cancel()
	var s standing
	b, err := n.ask(ctx, member, pathBootstrap, nil)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err == nil && s.Incarnation == "" {
		err = errors.New("an answer without an incarnation")
	}
	return s, err
}

// bootstrap makes the first configuration, the same on every member, in an empty
// log, once the others consent.
func (n *Node) bootstrap(ctx context.Context, conf *raft.Config, db *diskLog, snaps raft.SnapshotStore) error {
	saw, err := n.consent(ctx, n.nursery.standing().birth)
	if err != nil {
		return err
	}
	if err := n.nursery.leave(saw); err != nil {
		return err
	}
	var servers []raft.Server
	for _, m := range n.cfg.Members {
		servers = append(servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.ID)})
	}
	slices.SortFunc(servers, func(a, b raft.Server) int { return strings.Compare(string(a.ID), string(b.ID)) })
	if err := db.SetUint64([]byte(keyTerm), 0); err != nil { // see isEmpty
		return err
	}
	if err := raft.BootstrapCluster(conf, db, db, snaps, n.transport, raft.Configuration{Servers: servers}); err != nil {
		return fmt.Errorf("node: bootstrap: %w", err)
	}
	n.log.Info("the folder is new; a cluster is begun", "members", len(servers))
	return nil
}

// mayStart says whether this node may found a cluster, or may not start at all.
func (n *Node) mayStart(empty bool) (found bool, err error) {
	b := n.nursery.standing().birth
	switch {
	case b.Removed:
		return false, ErrRemoved
	case empty && (b.Seated || n.cfg.Joined && !b.Joined):
		return false, fmt.Errorf("node: the data folder %s has lost its log. A node that lost its data has no vote. "+
			"Either restore the folder as it was, or remove %q from the cluster and join this machine under a new id (`stoker member remove`, `stoker token create`)",
			n.cfg.Dir, n.cfg.ID)
	}
	return empty && !b.Joined, nil
}

// isEmpty says whether the folder has taken part in nothing. BootstrapCluster
// writes term 1 and then the log, and may be killed in between: a folder in term
// 1 that has neither a log nor voted is empty all the same.
func isEmpty(db *diskLog, snaps raft.SnapshotStore) (bool, error) {
	last, err := db.LastIndex()
	if err != nil {
		return false, err
	}
	all, err := snaps.List()
	if err != nil {
		return false, err
	}
	term, err := number(db, keyTerm)
	if err != nil {
		return false, err
	}
	voted, err := number(db, "LastVoteTerm")
	return last == 0 && len(all) == 0 && term <= 1 && voted == 0, err
}

// keyTerm is where Raft keeps its term.
const keyTerm = "CurrentTerm"

func number(db *diskLog, key string) (uint64, error) {
	v, err := db.GetUint64([]byte(key))
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return 0, nil
	}
	return v, err
}
