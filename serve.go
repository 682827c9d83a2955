package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime/debug"
	"time"

	"stoker/archive"
	"stoker/cli/config"
	"stoker/fsm"
	"stoker/handlers"
	"stoker/node"
	"stoker/objects"
	"stoker/queue"
	"stoker/webhook"
)

// goodbye bounds a graceful shutdown.
const goodbye = 10 * time.Second

// serve wires the rooms together and runs one node until ctx ends.
func serve(ctx context.Context, c config.Config) error {
	boundGarbage()
	show, err := newShown(c)
	if err != nil {
		return err
	}
	log := show.log
	secrets, err := c.Secrets()
	if err != nil {
		return err
	}
	tlsConfig, err := node.LoadTLS(identityOf(c))
	if err != nil {
		return err
	}
	backups, err := keeper(c, log)
	if err != nil {
		return err
	}
	public, err := net.Listen("tcp", c.HTTP)
	if err != nil {
		return fmt.Errorf("the public port: %w: is another process on it? --http or STOKER_HTTP names another one", err)
	}
	cluster, err := net.Listen("tcp", c.Cluster)
	if err != nil {
		return errors.Join(fmt.Errorf("the cluster port: %w", err), public.Close())
	}
	n, err := node.Start(ctx, node.Config{
		ID: c.ID, Dir: c.Data, Members: membersOf(c), TLS: tlsConfig, Listener: cluster,
		Genesis: func() fsm.Genesis { return genesis(c, secrets) },
		Joined:  c.Joined, SealKey: secrets.SealKey, OldSealKeys: secrets.OldSealKeys, Version: version(),
		Log: log, Metrics: show.numbers, Tracing: show.traces, MinFree: int64(c.MinFreeMB) << 20,
		LogStore: node.LogStore(c.LogStore),
	})
	if err != nil {
		return errors.Join(err, public.Close())
	}
	outside, err := outsideOf(c, n)
	if err != nil {
		return errors.Join(err, public.Close(), stop(n))
	}
	blobs, err := objects.New(n, objects.Config{
		Dir: filepath.Join(c.Data, "blobs"), PublicURL: c.PublicURL, Reserve: int64(c.MinFreeMB) << 20, Log: log,
		MaxBytes: int64(c.BlobsMaxGB) << 30, Pace: objects.Pace{Scrub: time.Duration(c.ScrubDays) * 24 * time.Hour},
		Outside: outside,
	})
	if err != nil {
		return errors.Join(err, public.Close(), stop(n))
	}
	server, err := handlers.Start(handlers.Config{
		Listener: public, TLS: tlsOf(c), Node: n, Queue: queue.New(n, log), Objects: blobs, Webhooks: webhook.Start(n, version(), log),
		BackupSchedule: backups.Schedule.String(), PublicURL: c.PublicURL, CORSOrigins: c.CORSOrigins, Limits: limitsOf(c), MetricsOpen: c.MetricsOpen, Version: version(), Log: log,
	})
	if err != nil {
		return errors.Join(err, public.Close(), stop(n))
	}
	backups.Node, backups.Objects = n, blobs
	backups.Start()
	(&archive.Keeper{Node: n, Objects: blobs, Log: log}).Start()
	log.Info("serving", "id", c.ID, "http", public.Addr().String(), "cluster", cluster.Addr().String(), "version", version())

	var ended error
	select {
	case <-ctx.Done():
	case <-n.Removed():
		ended = node.ErrRemoved
	}
	log.Info("leaving: the leadership is handed over, what is under way is answered")
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	return errors.Join(ended, leave(bye, server, n), show.close(bye))
}

// linger is how long a node goes on serving after it has handed its leadership
// over, while each answer closes its connection: a client that is at work has
// gone elsewhere by then, of its own accord.
const linger = 500 * time.Millisecond

// leave ends a node such that no client meets an error: first the leadership
// goes, while the port still answers, then the clients, then the node.
func leave(ctx context.Context, server *handlers.Server, n *node.Node) error {
	server.Leave()
	n.Yield(ctx)
	if len(n.Members()) > 1 {
		select {
		case <-time.After(linger):
		case <-ctx.Done():
		}
	}
	return errors.Join(server.Shutdown(ctx), n.Stop(ctx))
}

func stop(n *node.Node) error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	return n.Stop(ctx)
}

func membersOf(c config.Config) []node.Member {
	out := make([]node.Member, len(c.Members))
	for i, m := range c.Members {
		out[i] = node.Member{ID: m.ID, Addr: m.Cluster, HTTP: m.HTTP}
	}
	return out
}

// outsideOf is the S3 outside that the configuration names, nil if it names none.
func outsideOf(c config.Config, n *node.Node) (*objects.Outside, error) {
	o := c.Objects
	if !o.Outside() {
		return nil, nil
	}
	return objects.NewOutside(objects.OutsideConfig{
		Endpoint: o.Endpoint, Bucket: o.Bucket, Region: o.Region, AccessKey: o.AccessKey,
		Secret: func(ctx context.Context) (string, error) {
			name := o.SecretName()
			if name == "" {
				return o.LocalSecret()
			}
			value, err := n.Secret(ctx, name)
			return string(value), err
		},
	})
}

// limitsOf reads the limits; the networks were checked when they were loaded.
func limitsOf(c config.Config) handlers.Limits {
	l := handlers.Limits{
		SignUps: c.SignUpsPerMinute, Address: c.RequestsPerSecond, User: c.UserRequestsPerSecond, WrongTokens: c.WrongTokensPerMinute,
	}
	for _, text := range c.TrustedProxies {
		if network, err := config.ParseNetwork(text); err == nil {
			l.TrustedProxies = append(l.TrustedProxies, network)
		}
	}
	return l
}

// genesis is the first command of a new cluster: its name, keys nobody else
// knows, the tokens that `stoker init` made, and today's defaults.
func genesis(c config.Config, s config.Secrets) fsm.Genesis {
	settings := fsm.DefaultSettings()
	settings.MaxUpload = int64(c.MaxUploadMB) << 20
	objectKey, err := objects.NewKey(s.SealKey)
	if err != nil {
		panic(err) // the seal key's length was checked when it was read
	}
	jwtKey, err := node.Seal(s.SealKey, fsm.UseJWT, []byte(rand.Text()+rand.Text()))
	if err != nil {
		panic(err)
	}
	return fsm.Genesis{
		ClusterID:     "c_" + rand.Text(),
		SealedCA:      s.SealedCA,
		JWTKeys:       []fsm.Secret{{ID: "k_" + rand.Text()[:12], Sealed: jwtKey}},
		ObjectKey:     objectKey,
		AdminTokens:   [][32]byte{s.AdminToken},
		WorkerTokens:  [][32]byte{s.WorkerToken},
		FirstSettings: settings,
	}
}

// version is what the build knows of itself: the module's version, which Go makes
// of tag or commit and of whether files were changed since; or the commit, from
// whoever built it; or that it is not known.
func version() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	return versionOf(b)
}

func versionOf(b *debug.BuildInfo) string {
	if v := b.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	known := map[string]string{}
	for _, s := range b.Settings {
		known[s.Key] = s.Value
	}
	commit := known["vcs.revision"]
	switch {
	case commit == "":
		return "devel"
	case known["vcs.modified"] == "true":
		return "devel-" + commit[:min(12, len(commit))] + "+dirty"
	}
	return "devel-" + commit[:min(12, len(commit))]
}
