package acceptance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stoker/cli"
	"stoker/cli/config"
	"stoker/fsm"
	"stoker/handlers"
	"stoker/node"
	"stoker/objects"
	"stoker/queue"
	"stoker/webhook"
)

// jwtSecret signs the tokens of clusters with settings of their own, so that a test can make one that has expired.
const (
	jwtKeyID  = "k_acceptance"
	jwtSecret = "a secret that only tests know, 32+ bytes"
)

// settingsFile lies beside the nodes' folders and is read by those that are processes of the test binary.
const settingsFile = "settings.json"

// limitsFile likewise has limits of the public port; none: as the product has them.
const limitsFile = "limits.json"

// portLimits are how long a request, and the next one, may take to come.
type portLimits struct{ Read, Idle time.Duration }

// startWith is a cluster whose settings are the defaults with some changes. Its nodes are processes of the test binary.
func startWith(t *testing.T, n int, change func(*fsm.Settings)) *cluster {
	t.Helper()
	c := foundWith(t, n, change)
	c.begin(t)
	return c
}

// startLimited is a node with the product's settings and other limits.
func startLimited(t *testing.T, l portLimits) *cluster {
	t.Helper()
	c := foundWith(t, 1, func(*fsm.Settings) {})
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, limitsFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	c.begin(t)
	return c
}

// foundWith is startWith without the start.
func foundWith(t *testing.T, n int, change func(*fsm.Settings)) *cluster {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, n, self)
	s := fsm.DefaultSettings()
	change(&s)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, settingsFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// serveRole is `stoker serve` as the product's main wires it, but for the settings in Genesis.
func serveRole(args []string) int {
	return cli.Run(args, cli.Hooks{Version: "acceptance", Serve: serve})
}

func serve(ctx context.Context, c config.Config) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	secrets, err := c.Secrets()
	if err != nil {
		return err
	}
	g, err := genesis(c, secrets)
	if err != nil {
		return err
	}
	tlsConfig, err := node.LoadTLS(node.IdentityFiles{CA: c.CA, Cert: c.Cert, Key: c.Key})
	if err != nil {
		return err
	}
	public, err := net.Listen("tcp", c.HTTP)
	if err != nil {
		return err
	}
	private, err := net.Listen("tcp", c.Cluster)
	if err != nil {
		return err
	}
	var members []node.Member
	for _, m := range c.Members {
		members = append(members, node.Member{ID: m.ID, Addr: m.Cluster, HTTP: m.HTTP})
	}
	n, err := node.Start(ctx, node.Config{
		ID: c.ID, Dir: c.Data, Members: members, TLS: tlsConfig, Listener: private, MinFree: int64(c.MinFreeMB) << 20, SealKey: secrets.SealKey, Log: log,
		Genesis: func() fsm.Genesis { return g },
	})
	if err != nil {
		return err
	}
	blobs, err := objects.New(n, objects.Config{Dir: filepath.Join(c.Data, "blobs"), Log: log})
	if err != nil {
		return err
	}
	limits, err := limitsOf(c)
	if err != nil {
		return err
	}
	server, err := handlers.Start(handlers.Config{Listener: public, Node: n, Queue: queue.New(n, log), Objects: blobs, Webhooks: webhook.Start(n, "test", log), Log: log, Read: limits.Read, Idle: limits.Idle})
	if err != nil {
		return err
	}
	<-ctx.Done()
	bye, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	server.Leave()
	n.Yield(bye)
	return errors.Join(server.Shutdown(bye), n.Stop(bye))
}

func limitsOf(c config.Config) (l portLimits, err error) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(c.Data), "..", limitsFile))
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	return l, err
}

func genesis(c config.Config, s config.Secrets) (fsm.Genesis, error) {
	var settings fsm.Settings
	text, err := os.ReadFile(filepath.Join(filepath.Dir(c.Data), "..", settingsFile))
	if err == nil {
		err = json.Unmarshal(text, &settings)
	}
	if err != nil {
		return fsm.Genesis{}, err
	}
	objectKey, err := objects.NewKey(s.SealKey)
	if err != nil {
		return fsm.Genesis{}, err
	}
	sealed, err := node.Seal(s.SealKey, fsm.UseJWT, []byte(jwtSecret))
	return fsm.Genesis{
		ClusterID: "c_" + rand.Text(), SealedCA: s.SealedCA, ObjectKey: objectKey,
		JWTKeys:     []fsm.Secret{{ID: jwtKeyID, Sealed: sealed}},
		AdminTokens: [][32]byte{s.AdminToken}, WorkerTokens: [][32]byte{s.WorkerToken},
		FirstSettings: settings,
	}, err
}
