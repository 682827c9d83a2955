package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
	"stoker/pki"
)

var sealKey = bytes.Repeat([]byte{7}, 32)

// member is one real node with its store and its archive.
type member struct {
	t       *testing.T
	id, dir string
	node    *node.Node
	store   *objects.Store
	archive *Archive
	stop    func()
}

// cluster is some real nodes over TCP on this machine, in which records stay an hour.
type cluster []*member

func newCluster(t *testing.T, n int) cluster {
	t.Helper()
	return startCluster(t, n, 1)
}

// startCluster has so many bytes of every disk stay free.
func startCluster(t *testing.T, n int, reserve int64) cluster {
	t.Helper()
	ca, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var conf []node.Member
	var listeners []net.Listener
	for i := range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, ln)
		conf = append(conf, node.Member{ID: fmt.Sprint("n", i+1), Addr: ln.Addr().String(), HTTP: "127.0.0.1:1"})
	}
	members := make(cluster, n)
	failures := make(chan error, n)
	for i, c := range conf {
		members[i] = &member{t: t, id: c.ID, dir: filepath.Join(t.TempDir(), c.ID)}
		identity := certify(t, ca, c.ID)
		go func() { failures <- members[i].start(conf, identity, listeners[i], reserve) }()
	}
	for range n {
		if err := <-failures; err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range members {
		t.Cleanup(m.stop)
		if err := m.node.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return members
}

func (m *member) start(conf []node.Member, identity *node.Identity, ln net.Listener, reserve int64) (err error) {
	m.node, err = node.Start(m.t.Context(), node.Config{
		ID: m.id, Dir: m.dir, Listener: ln, TLS: identity, SealKey: sealKey, Version: "test", Members: conf,
		Genesis: genesis, Exit: func(err error) { m.t.Errorf("%s ends itself: %v", m.id, err) },
	})
	if err != nil {
		return err
	}
	stopped := false
	m.stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := m.node.Stop(ctx); err != nil {
			m.t.Error(err)
		}
	}
	m.store, err = objects.New(m.node, objects.Config{Dir: filepath.Join(m.dir, "blobs"), Reserve: reserve})
	m.archive = New(m.store)
	return err
}

func certify(t *testing.T, ca *pki.Authority, id string) *node.Identity {
	t.Helper()
	cert, key, err := ca.Issue(id, nil, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := node.ParseTLS(pki.EncodeCerts(ca.Cert), pki.EncodeCerts(cert), key)
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func genesis() fsm.Genesis {
	seal := func(purpose, text string) []byte {
		sealed, err := node.Seal(sealKey, purpose, []byte(text))
		if err != nil {
			panic(err)
		}
		return sealed
	}
	s := fsm.DefaultSettings()
	hour := int64(time.Hour)
	s.Retention = &fsm.Retention{Records: fsm.Keep{Done: hour, Canceled: hour}}
	s.Plans["free"] = fsm.Plan{MaxConcurrency: 10_000, MaxRuleSlots: 1, MaxItems: 10, StartCredits: 100, Weight: 1, MaxLeased: 1}
	return fsm.Genesis{
		ClusterID: "c_test", SealedCA: seal(fsm.UseCA, "ca"), JWTKeys: []fsm.Secret{{ID: "k1", Sealed: seal(fsm.UseJWT, "jwt")}},
		ObjectKey: fsm.Secret{ID: "STOKERTEST", Sealed: seal(fsm.UseObject, "secret")}, AdminTokens: [][32]byte{sha256.Sum256([]byte("t"))},
		FirstSettings: s, Level: fsm.Level,
	}
}

// leader waits until one of the members leads that have not stopped.
func (c cluster) leader(t *testing.T) *member {
	t.Helper()
	began := make(chan *member, len(c))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, m := range c {
		m.node.WhileLeader("test", func(leading context.Context, _ uint64) {
			if ctx.Err() == nil && leading.Err() == nil {
				began <- m
			}
		})
	}
	select {
	case m := <-began:
		return m
	case <-ctx.Done():
		t.Fatal("nobody leads")
		return nil
	}
}

// apply does a command that may not be refused.
func apply[A any](m *member, c fsm.Command[A]) A {
	m.t.Helper()
	r, err := node.Apply(m.t.Context(), m.node, c)
	if err != nil {
		m.t.Fatalf("%T: %v", c, err)
	}
	return r.Answer
}

// view sees all that was acknowledged.
func (m *member) view() *fsm.View {
	m.t.Helper()
	v, err := m.node.Read(m.t.Context(), node.Linearizable)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(v.Close)
	return v
}

// keeper is one that believes it is so much later.
func (m *member) keeper(later time.Duration) *Keeper {
	return &Keeper{
		Node: m.node, Objects: m.store, Log: discard, Now: func() time.Time { return time.Now().Add(later) },
	}
}

// round has the keeper look once; it may not fail.
func (k *Keeper) mustRound(t *testing.T) {
	t.Helper()
	if _, err := k.round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// archives waits until so many jobs are in the archive.
func (m *member) archives(jobs int) {
	m.t.Helper()
	applied := make(chan struct{}, 1)
	m.node.Subscribe(func(fsm.Changes) {
		select {
		case applied <- struct{}{}:
		default:
		}
	})
	ctx, cancel := context.WithTimeout(m.t.Context(), 30*time.Second)
	defer cancel()
	for SizesOf(m.view()).Jobs < jobs {
		select {
		case <-applied:
		case <-ctx.Done():
			m.t.Fatalf("%d jobs are in the archive, not %d", SizesOf(m.view()).Jobs, jobs)
		}
	}
}

// canceled makes jobs of a user that have ended, by number.
func (m *member) canceled(user string, from, to int) {
	m.t.Helper()
	for i := from; i < to; i++ {
		id := jobName(i)
		apply(m, fsm.CreateJob{User: user, ID: id, Preset: "interior", Items: 2})
		apply(m, fsm.CancelJob{User: user, Job: id})
	}
}

func jobName(i int) string { return fmt.Sprintf("j_%04d", i) }

// whole fails unless the state adds up and every job is in exactly one place, in
// which all of it can be read.
func (m *member) whole(want int) {
	m.t.Helper()
	v := m.view()
	c, err := v.Check()
	if err != nil || len(c.Wrong) > 0 {
		m.t.Errorf("%s: the state: %q %v", m.id, c.Wrong, err)
	}
	seen := map[string]int{}
	for j := range v.JobLines() {
		seen[j.ID]++
	}
	for j, err := range m.archive.Jobs(m.t.Context(), v, "", 0) {
		if err != nil {
			m.t.Errorf("%s: %v", m.id, err)
			continue
		}
		seen[j.Job.ID]++
		if len(j.Items) != j.Job.Total || len(j.Steps) < 2 || j.Steps[len(j.Steps)-1].To != j.Job.Status {
			m.t.Errorf("%s: %s came back as %+v", m.id, j.Job.ID, j.JobRecord)
		}
	}
	m.ledgers(v)
	for id, n := range seen {
		if n != 1 {
			m.t.Errorf("%s: %s is in %d places", m.id, id, n)
		}
	}
	if len(seen) != want {
		m.t.Errorf("%s: %d jobs, want %d", m.id, len(seen), want)
	}
}
