package node

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stoker/fsm"
	"stoker/pki"
)

// filesOf are where a test's node keeps its identity.
func filesOf(c Config) IdentityFiles {
	return IdentityFiles{CA: c.Dir + "-ca.crt", Cert: c.Dir + "-node.crt", Key: c.Dir + "-node.key"}
}

// keptFor gives nodes an identity in files, at first a certificate that holds for life.
func keptFor(life time.Duration) func(*Config) {
	return func(c *Config) {
		f := filesOf(*c)
		if _, err := os.Stat(f.CA); err != nil {
			must(os.MkdirAll(filepath.Dir(f.CA), 0o700))
			cert, key := testCA().issueFor("stoker://node/"+c.ID, time.Now().Add(-time.Hour), time.Now().Add(life))
			must(write(f.CA, testCA().pem, 0o644))
			must(f.writePair(cert, key))
		}
		id, err := LoadTLS(f)
		must(err)
		c.TLS = id
		c.Timing.CertLife = life
	}
}

// startCredits are what the cluster's user begins with.
const startCredits = 10

func serial(n *Node) string { return n.cfg.TLS.show().Leaf.SerialNumber.Text(16) }

func TestCertificate_IsRenewedBeforeItRunsOutAndKept(t *testing.T) {
	inCluster(t, keptFor(3*time.Minute), three, func(t *testing.T, c *cluster) {
		time.Sleep(100 * time.Second)
		for _, n := range c.others("") {
			if serial(n) != "2" {
				t.Errorf("%s was renewed with more than a third left", n.cfg.ID)
			}
		}
		was := map[string]string{}
		for range 3 { // without renewal nothing would work after the first round
			time.Sleep(3 * time.Minute)
			c.mustGrant(c.node("n2"))
			for _, n := range c.others("") {
				now := n.cfg.TLS.show().Leaf
				if now.NotAfter.Sub(time.Now()) < 50*time.Second || serial(n) == was[n.cfg.ID] {
					t.Errorf("%s has a certificate until %s", n.cfg.ID, now.NotAfter)
				}
				was[n.cfg.ID] = serial(n)
			}
		}
		c.crash("n2") // what others reach it by afterwards is what it kept
		if err := c.start("n2"); err != nil {
			t.Fatal(err)
		}
		if got := serial(c.node("n2")); got != was["n2"] {
			t.Errorf("after a restart n2 has certificate %s, had %s", got, was["n2"])
		}
		c.mustCredits(c.node("n2"), startCredits+3)
	})
}

func TestCertificate_NotRenewedWithoutAKeyAndSaid(t *testing.T) {
	edit := func(c *Config) {
		keptFor(3 * time.Minute)(c)
		first := c.Genesis
		c.Genesis = func() fsm.Genesis { g := first(); g.SealedCA = nil; return g }
	}
	inCluster(t, edit, []string{"n1"}, func(t *testing.T, c *cluster) {
		time.Sleep(150 * time.Second)
		n := c.node("n1")
		if err := n.tend(t.Context()); err == nil || !strings.Contains(err.Error(), "no CA of its own") {
			t.Errorf("%v", err)
		}
		if s := n.Certificates(); s.CA != "" || len(s.Nodes) != 1 || s.Nodes[0].Serial != "2" {
			t.Errorf("%+v", s)
		}
	})
}

func TestCertificate_ThatRanOutStopsTheStartAndSaysWhatToDo(t *testing.T) {
	testCA()
	synctest.Test(t, func(t *testing.T) {
		c := Config{ID: "n1", Dir: filepath.Join(t.TempDir(), "n1")}
		keptFor(time.Hour)(&c)
		time.Sleep(2 * time.Hour)
		if _, err := LoadTLS(filesOf(c)); err == nil || !strings.Contains(err.Error(), "stoker cert issue n1") || !strings.Contains(err.Error(), "stoker cert sign") {
			t.Errorf("%v", err)
		}
	})
}

func TestLoadTLS_SaysWhichFile(t *testing.T) {
	dir := t.TempDir()
	f := IdentityFiles{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "node.crt"), Key: filepath.Join(dir, "node.key")}
	for key, path := range map[string]string{"ca": f.CA, "cert": f.Cert, "key": f.Key} {
		cert, private := testCA().issue("stoker://node/n1")
		must(write(f.CA, testCA().pem, 0o644))
		must(f.writePair(cert, private))
		must(os.Remove(path))
		if _, err := LoadTLS(f); err == nil || !strings.HasPrefix(err.Error(), key+": ") || !strings.Contains(err.Error(), path) {
			t.Errorf("without %s: %v", path, err)
		}
	}
}

// TestIdentityFiles_CrashAtAnyMoment: after each step of the replacement the
// folder holds a pair that fits, the old one or the new.
func TestIdentityFiles_CrashAtAnyMoment(t *testing.T) {
	oldCert, oldKey := testCA().issue("stoker://node/n1")
	newCert, newKey := testCA().issue("stoker://node/n1")
	for step, want := range [][]byte{oldCert, oldCert, oldCert, newCert, newCert} {
		dir := t.TempDir()
		f := IdentityFiles{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "node.crt"), Key: filepath.Join(dir, "node.key")}
		must(write(f.CA, testCA().pem, 0o644))
		must(f.writePair(oldCert, oldKey))
		for i, do := range []func() error{
			func() error { return prepare(f.Cert, newCert, 0o644) },
			func() error { return prepare(f.Key, newKey, 0o600) },
			func() error { return rename(f.Key) },
			func() error { return rename(f.Cert) },
		} {
			if i < step {
				must(do())
			}
		}
		for range 2 { // the second start finds what the first one left
			id, err := LoadTLS(f)
			if err != nil {
				t.Fatalf("after step %d: %v", step, err)
			}
			if got := pki.EncodeCerts(id.show().Leaf); string(got) != string(want) {
				t.Errorf("after step %d: another certificate", step)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*"+waiting)); len(left) > 0 {
			t.Errorf("after step %d: left behind: %v", step, left)
		}
	}
}

// settled waits until a new CA has taken over everywhere.
func (c *cluster) settled(ca string) {
	c.t.Helper()
	for range 600 {
		done := true
		for _, n := range c.others("") {
			cas := n.cfg.TLS.trusted()
			done = done && len(cas) == 1 && pki.Fingerprint(cas[0]) == ca && n.cfg.TLS.now.Load().from(cas[0])
		}
		if done {
			return
		}
		time.Sleep(time.Second)
	}
	c.t.Fatalf("%s has not taken over in 10 minutes: %+v", ca, c.leader().Certificates())
}

func TestRotateCA_UnderLoadWithARestartInEachPhase(t *testing.T) {
	for _, phase := range []fsm.Phase{fsm.Trusting, fsm.Signing, fsm.Settled} {
		t.Run(string(phase), func(t *testing.T) {
			inCluster(t, keptFor(pki.NodeLife), three, func(t *testing.T, c *cluster) {
				var granted atomic.Int64
				load, stop := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					for load.Err() == nil {
						n := c.others("n2")[0] // n2 is the one that is restarted
						if _, err := grant(t.Context(), n); err != nil {
							t.Errorf("a write failed: %v", err)
							return
						}
						granted.Add(1)
						time.Sleep(20 * time.Millisecond)
					}
				}()
				c.leader().transferTo(t.Context(), "n1")
				restarted := c.crashAt("n2", phase)
				time.Sleep(time.Second)
				old := c.node("n1").Certificates().CA
				r, err := c.node("n3").RotateCA(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if again, err := c.node("n1").RotateCA(t.Context(), nil); err != nil || string(again.CA) != string(r.CA) {
					t.Errorf("a second call is the same rotation: %v", err)
				}
				<-restarted
				c.settled(fsm.AuthorityID(r.CA))
				stop()
				<-done
				for _, n := range c.others("") {
					c.mustCredits(n, startCredits+granted.Load())
					if s := n.Certificates(); s.CA == old || s.Phase != fsm.Settled || len(s.WaitingFor) > 0 {
						t.Errorf("%s: %+v", n.cfg.ID, s)
					}
				}
				stale, _ := testCA().issue("stoker://node/n9")
				cert, err := pki.ParseCerts(stale)
				must(err)
				if _, err := c.node("n1").cfg.TLS.believe(cert, x509.ExtKeyUsageClientAuth); err == nil {
					t.Error("the old CA still opens the door")
				}
			})
		})
	}
}

// crashAt restarts a node as soon as its machine is in a phase.
func (c *cluster) crashAt(id string, phase fsm.Phase) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			v := c.node(id).machine.View()
			t, ok := v.Trust()
			v.Close()
			if ok && t.Phase == phase {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		c.crash(id)
		time.Sleep(3 * time.Second)
		if err := c.start(id); err != nil {
			c.t.Error(err)
		}
	}()
	return done
}

func TestRotateCA_WaitsForANodeThatIsDownOrGoesWithoutIt(t *testing.T) {
	inCluster(t, keptFor(pki.NodeLife), three, func(t *testing.T, c *cluster) {
		c.leader().transferTo(t.Context(), "n1")
		c.crash("n3")
		n := c.node("n1")
		for names, want := range map[string]string{"n4": "no member", "n2 n3": "no majority"} {
			if _, err := n.RotateCA(t.Context(), strings.Fields(names)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("without %s: %v", names, err)
			}
		}
		r, err := n.RotateCA(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s := n.Certificates(); s.Phase != fsm.Trusting || !slices.Equal(s.WaitingFor, []string{"n3"}) {
			t.Errorf("it should wait for n3: %+v", s)
		}
		if _, err := n.RotateCA(t.Context(), []string{"n3"}); err != nil {
			t.Fatal(err)
		}
		c.settled(fsm.AuthorityID(r.CA))

		// n3 is locked out, and let in again with what the others sign for it.
		if err := c.start("n3"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if _, err := credits(ctx, c.node("n3"), Linearizable); err == nil {
			t.Error("n3 is in, with a certificate of the old CA")
		}
		cancel()
		c.crash("n3")
		key, err := pki.NewKey()
		must(err)
		request, err := pki.Request(key, "n3")
		must(err)
		if _, _, err := n.IssueCertificate(t.Context(), request, "n9"); err == nil || !strings.Contains(err.Error(), "no member") {
			t.Errorf("n9: %v", err)
		}
		cert, ca, err := n.IssueCertificate(t.Context(), request, "n3", By("admin test"))
		if err != nil {
			t.Fatal(err)
		}
		f := filesOf(c.config("n3"))
		keyPEM, err := pki.EncodeKey(key)
		must(err)
		must(write(f.CA, ca, 0o644))
		must(f.writePair(cert, keyPEM))
		if err := c.start("n3"); err != nil {
			t.Fatal(err)
		}
		if err := c.node("n3").applied.wait(t.Context(), n.machine.Index()); err != nil { // the leader tries it every 10 s
			t.Fatal(err)
		}
		c.mustCredits(c.node("n3"), startCredits)
	})
}

func TestRotateCA_BeginsByItselfBeforeTheCARunsOut(t *testing.T) {
	life := 130 * 365 * 24 * time.Hour // the test's CA lasts until 2242
	inCluster(t, keptFor(life), []string{"n1"}, func(t *testing.T, c *cluster) {
		n := c.node("n1")
		for range 90 { // it looks once an hour
			if s := n.Certificates(); s.Since != nil && s.Phase == fsm.Settled {
				return
			}
			time.Sleep(time.Minute)
		}
		t.Errorf("%+v", n.Certificates())
	})
}
