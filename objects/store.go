package objects

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// Config is what a Store needs to know. The zero value of every field but Dir
// is documented beside it.
type Config struct {
	Dir       string           // this node's blobs; made if absent
	Bucket    string           // "" is "photos"
	Region    string           // signed into URLs; "" is "auto", which is accepted anyway, as is "us-east-1"
	PublicURL string           // http(s)://host[:port] clients use; "" serves whatever Host they send
	Reserve   int64            // bytes of disk that uploads leave free; 0 is 256 MiB
	MaxBytes  int64            // bytes that all blobs of this node may take; 0: what the disk has
	Transfer  time.Duration    // to receive a body whose sender has a right to send it; 0 is 15 min
	Pace      Pace             // how fast this node looks after its blobs
	Log       *slog.Logger     // nil discards
	Outside   *Outside         // where jobs' pictures are instead; nil: here
	Now       func() time.Time // the wall clock of signatures; nil is time.Now

	walked func() // after each look at all records and files; tests wait for it
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, fmt.Errorf("objects: Config.Dir is empty")
	}
	if c.Bucket == "" {
		c.Bucket = "photos"
	}
	if c.Region == "" {
		c.Region = defaultRegion
	}
	if c.Reserve == 0 {
		c.Reserve = 256 << 20
	}
	if c.Transfer == 0 {
		c.Transfer = 15 * time.Minute
	}
	c.Pace = c.Pace.withDefaults()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.PublicURL != "" {
		if _, err := parseBase(c.PublicURL); err != nil {
			return c, err
		}
	}
	return c, CheckBucket(c.Bucket)
}

// Store is one node's share of the object store.
type Store struct {
	cfg      Config
	node     *node.Node
	disk     *Disk
	peers    *peers
	tender   *tender
	ring     keyring
	verifier *Verifier
	metrics  *metrics
}

// New opens the store of a node that is started and offers its blobs to the
// other members.
func New(n *node.Node, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	disk, err := OpenDisk(dir, cfg.Reserve)
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, node: n, disk: disk, metrics: newMetrics(n.Metrics())}
	s.peers = &peers{others: s.others, call: n.Call}
	s.verifier = &Verifier{Region: cfg.Region, Keys: s.key, Aliases: s.hosts, Now: cfg.Now}
	if cfg.PublicURL != "" {
		s.verifier.Host = func(host string) bool { return slices.Contains(s.hosts(), strings.ToLower(host)) }
	}
	disk.most = cfg.MaxBytes
	s.tender = newTender(s)
	n.Handle(blobPath, blobServer{disk})
	n.Handle(diskPath, http.HandlerFunc(s.serveMember))
	s.metrics.watch(n.Metrics(), s)
	s.tender.start()
	return s, nil
}

// Outside is where the pictures of jobs are; nil when they are here.
func (s *Store) Outside() *Outside { return s.cfg.Outside }

// Bucket is the only bucket there is.
func (s *Store) Bucket() string { return s.cfg.Bucket }

// Region is what clients sign with, besides "us-east-1".
func (s *Store) Region() string { return s.cfg.Region }

// Presign makes a URL that carries its own authorization, good on every node.
// An empty bucket is the store's, a zero time is now.
func (s *Store) Presign(a Ask) (string, error) {
	signer, err := s.signer(a.Base, cmp.Or(a.Bucket, s.cfg.Bucket), a.At)
	if err != nil {
		return "", err
	}
	return signer.URL(a.Method, a.Key, a.Expires, a.Fence)
}

// Signer signs, as of now, for the store's bucket and clients who reach it at base.
func (s *Store) Signer(base string) (*Signer, error) {
	return s.signer(base, s.cfg.Bucket, time.Time{})
}

func (s *Store) signer(base, bucket string, at time.Time) (*Signer, error) {
	if at.IsZero() {
		at = s.cfg.Now()
	}
	v, err := s.node.Read(context.Background(), node.Stale)
	if err != nil {
		return nil, fmt.Errorf("objects: presign: %w", err)
	}
	defer v.Close()
	keys := v.Secrets(fsm.UseObject)
	if len(keys) == 0 {
		return nil, fmt.Errorf("objects: presign: %w: the cluster has no object key yet", node.ErrUnavailable)
	}
	newest := slices.MaxFunc(keys, func(a, b fsm.Secret) int { return cmp.Compare(a.CreatedAt, b.CreatedAt) })
	secret, err := s.node.Unseal(fsm.UseObject, newest.Sealed)
	if err != nil {
		return nil, fmt.Errorf("objects: presign: %w", err)
	}
	p := Presigner{AccessKey: newest.ID, Secret: string(secret), Region: s.cfg.Region, ring: &s.ring}
	return p.signer(base, bucket, at)
}

// keyWait is how long a request waits to learn whether the cluster knows its
// key, where this node does not.
const keyWait = 3 * time.Second

// key finds an access key in this node's own state, since one is checked with
// every request. What this node has not heard of it asks the cluster about:
// a key holds everywhere from the moment it was made, and strangers who make up
// keys share one round to the leader. The error says that this node does not
// know, and could not ask: it may have its state yet to catch up with.
func (s *Store) key(accessKey string) (k Key, ok bool, err error) {
	if k, ok, err = s.keyAt(context.Background(), node.Stale, accessKey); ok {
		return k, true, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), keyWait)
	defer cancel()
	return s.keyAt(ctx, node.Linearizable, accessKey)
}

func (s *Store) keyAt(ctx context.Context, c node.Consistency, accessKey string) (k Key, ok bool, err error) {
	v, err := s.node.Read(ctx, c)
	if err != nil {
		return Key{}, false, err
	}
	defer v.Close()
	if k, ok := v.AccessKey(accessKey); ok {
		k, ok := s.operators(k)
		return k, ok, nil
	}
	for _, k := range v.Secrets(fsm.UseObject) {
		if k.ID != accessKey {
			continue
		}
		plain, err := s.node.Unseal(fsm.UseObject, k.Sealed)
		if err != nil {
			s.cfg.Log.Error("an object key cannot be used", "access_key", accessKey, "err", err)
			return Key{}, false, nil
		}
		return Key{Secret: string(plain), Scope: Scope{Read: true, Write: true, ours: true}}, true, nil
	}
	return Key{}, false, nil
}

// operators opens an operator's access key, unless it has expired.
func (s *Store) operators(k fsm.Secret) (Key, bool) {
	if k.Key.Expired(s.cfg.Now()) {
		return Key{}, false
	}
	plain, err := s.node.Unseal(node.KeyPurpose(k.ID), k.Sealed)
	if err != nil {
		s.cfg.Log.Error("an access key cannot be used", "access_key", k.ID, "err", err)
		return Key{}, false
	}
	return Key{Secret: string(plain), Scope: Scope{Read: k.Key.Reads(), Write: k.Key.Writes(), Prefix: k.Key.Prefix}}, true
}

// begun says whether this node has heard of the cluster's Genesis.
func (s *Store) begun() bool {
	v, err := s.node.Read(context.Background(), node.Stale)
	if err != nil {
		return false
	}
	defer v.Close()
	return v.Epoch() != 0
}

// encrypted says whether a client that dialled host came in over TLS, which
// ends at a proxy before this node.
func (s *Store) encrypted(host string) bool {
	u, err := parseBase(s.cfg.PublicURL)
	return err == nil && u.Scheme == "https" && u.Host == strings.ToLower(host)
}

// hosts are the names of this cluster: what is configured, and what its members
// advertise.
func (s *Store) hosts() []string {
	var hosts []string
	if s.cfg.PublicURL != "" {
		if u, err := parseBase(s.cfg.PublicURL); err == nil {
			hosts = append(hosts, u.Host)
		}
	}
	for _, m := range s.node.Members() {
		if u, err := parseBase("http://" + m.HTTP); err == nil {
			hosts = append(hosts, u.Host)
		}
	}
	return hosts
}

func (s *Store) others() []string {
	var ids []string
	for _, m := range s.node.Members() {
		if m.ID != s.node.ID() {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// seats are the ids of all members.
func (s *Store) seats() []string { return append(s.others(), s.node.ID()) }

// holds says whether all files of a record are here. One of a wrong size is set
// aside: it never was this record's, or is no more.
func (s *Store) holds(o fsm.Object) bool {
	all := true
	for _, f := range o.Files() {
		b := blobOf(f)
		if s.disk.Has(b, f.Size) {
			continue
		}
		all = false
		if s.disk.exists(b) && s.disk.SetAside(b) == nil {
			s.cfg.Log.Error("a blob's file has the wrong size and was set aside", "key", o.Key, "blob", string(b))
		}
	}
	return all
}

// read opens a linearizable view: a job that another node has just created
// must be known to the node that its pictures are sent to.
func (s *Store) read(ctx context.Context) (*fsm.View, error) {
	return s.node.Read(ctx, node.Linearizable)
}

// NewKey makes the access key that Genesis brings along. The secret is sealed
// with the cluster's seal key and known to nobody.
func NewKey(sealKey []byte) (fsm.Secret, error) {
	sealed, err := node.Seal(sealKey, fsm.UseObject, []byte(random(40)))
	if err != nil {
		return fsm.Secret{}, fmt.Errorf("objects: %w", err)
	}
	return fsm.Secret{ID: "STOKER" + strings.ToUpper(random(14)), Sealed: sealed}, nil
}

// random gives n lower-case base32 characters, 5 bits each.
func random(n int) string {
	raw := make([]byte, (n*5+7)/8)
	rand.Read(raw) // never fails: it ends the process instead
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))[:n]
}
