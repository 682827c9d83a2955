package handlers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	"stoker/archive"
	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
	"stoker/query"
	"stoker/queue"
	"stoker/webhook"
)

// Config is what a Server needs. Zero durations and sizes mean the default.
type Config struct {
	Listener net.Listener // open already; Shutdown closes it
	TLS      TLS          // of the public port; the zero value is plain HTTP
	Node     *node.Node
	Queue    *queue.Queue
	Objects  *objects.Store
	Webhooks *webhook.Sender

	// PublicURL (scheme://host[:port]) is signed into presigned URLs and is where
	// callback URLs point. Empty: http:// or https://, as the request came, and its Host.
	PublicURL string
	// CORSOrigins may call from a browser; "*" is any. None: no CORS headers.
	CORSOrigins []string
	// MetricsOpen shows /metrics to whoever asks; otherwise it takes the admin token.
	MetricsOpen bool
	// BackupSchedule is shown to the operator; "" is none.
	BackupSchedule string
	Limits         Limits
	Version        string       // of the binary, shown by /health
	Log            *slog.Logger // nil discards

	Timeout    time.Duration // of a request, parked polls apart; 10 s
	Read       time.Duration // to receive a whole request, but for the body of an object (objects.Config.Transfer); 30 s
	Transfer   time.Duration // to send an object; 15 min
	Idle       time.Duration // of a kept connection; 2 min
	KeepAlive  time.Duration // between comments on a silent stream; 15 s
	MaxBody    int           // bytes of a JSON body; 1 MiB
	MaxHeaders int           // bytes of a request line with its headers; 16 KiB
}

func (c Config) withDefaults() Config {
	orDuration := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	orDuration(&c.Timeout, 10*time.Second)
	orDuration(&c.Read, 30*time.Second)
	orDuration(&c.Transfer, 15*time.Minute)
	orDuration(&c.Idle, 2*time.Minute)
	orDuration(&c.KeepAlive, 15*time.Second)
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	if c.MaxHeaders == 0 {
		c.MaxHeaders = 16 << 10
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Server holds the public port.
type Server struct {
	cfg       Config
	node      *node.Node
	log       *slog.Logger
	jwt       *tokens
	signing   *signing
	doors     *doors
	live      atomic.Pointer[live]
	watch     *watchers
	guests    *guests
	onlookers onlookers
	crowd     crowd
	turned    atomic.Int64 // away, since the log last told of it
	desk      *query.Desk
	archive   *archive.Archive
	count     *metrics
	began     time.Time

	http   *fasthttp.Server
	served chan error

	work      context.Context // ends after the last answer
	endWork   context.CancelFunc
	polls     polls           // parked, and ended when the node is to be left alone
	parked    context.Context // ends when a shutdown begins
	endParked context.CancelFunc
	sockets   sockets

	leaving atomic.Bool
	leave   sync.Once
	left    error
}

// Start serves the port until Shutdown.
func Start(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if cfg.Listener == nil || cfg.Node == nil || cfg.Queue == nil || cfg.Objects == nil || cfg.Webhooks == nil {
		return nil, errors.New("handlers: start: a listener, a node, a queue, an object store and a sender of webhooks are needed")
	}
	secured, err := cfg.TLS.secure(cfg.Node, cfg.Log)
	if err != nil {
		return nil, err
	}
	cfg.Listener = gate{cfg.Listener, cfg.Log}
	if secured != nil {
		cfg.Listener = tls.NewListener(cfg.Listener, secured)
	}
	keys := &keyring{node: cfg.Node}
	s := &Server{
		cfg: cfg, node: cfg.Node, log: cfg.Log,
		jwt:     &tokens{keys: keys, known: newVerified()},
		signing: newSigning(),
		doors:   newDoors(cfg.Node),
		watch:   newWatchers(),
		guests:  newGuests(),
		desk:    query.NewDesk(),
		archive: archive.New(cfg.Objects),
		count:   newMetrics(cfg.Node.Metrics()),
		began:   time.Now(),
		served:  make(chan error, 1),
	}
	s.work, s.endWork = context.WithCancel(context.Background())
	s.parked, s.endParked = context.WithCancel(s.work)
	s.polls.begin(s.parked)
	s.refreshLive()
	cfg.Node.Subscribe(s.settingsChanged)
	s.refreshLive() // what was deployed between the two
	go s.watchDraining()
	cfg.Node.Subscribe(s.watch.changed)
	cfg.Node.Subscribe(s.guests.changed)
	cfg.Node.Handle("POST "+pathUses, http.HandlerFunc(s.serveUses))
	s.http = &fasthttp.Server{
		Handler:      s.router(),
		ErrorHandler: s.malformed,
		Logger:       printer{cfg.Log},
		Name:         "stoker",

		ReadTimeout:    cfg.Read,
		WriteTimeout:   cfg.Read,
		IdleTimeout:    cfg.Idle,
		ReadBufferSize: cfg.MaxHeaders,
		HeaderReceived: s.slower,
		Concurrency:    roomFor(descriptors()),

		// Objects stream through; JSON routes read what readBody allows. With
		// streaming this size bounds nothing but what is read ahead.
		StreamRequestBody:            true,
		MaxRequestBodySize:           cfg.MaxBody,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true, // a request's head holds tokens
	}
	go func() { s.served <- s.http.Serve(cfg.Listener) }()
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() string { return s.cfg.Listener.Addr().String() }

// Leave prepares a Shutdown: the node is not ready any more, so that balancers
// send nothing new, and each answer closes its connection, so that few kept ones
// are left to be closed under a request that is just being sent. All is served
// as before.
func (s *Server) Leave() { s.leaving.Store(true) }

// Shutdown stops accepting, answers parked polls and ends streams, waits for
// the requests that are under way and leaves. When ctx ends first it cuts them
// off. Called again, it gives the same answer.
func (s *Server) Shutdown(ctx context.Context) error {
	s.leave.Do(func() { s.left = s.shutdown(ctx) })
	return s.left
}

func (s *Server) shutdown(ctx context.Context) error {
	s.Leave()
	defer s.endWork()
	s.endParked()
	err := s.http.ShutdownWithContext(ctx)
	if waited := s.sockets.drain(ctx); err == nil {
		err = waited
	}
	if err != nil {
		return fmt.Errorf("handlers: shutdown: requests were cut off: %w", err)
	}
	// A server that has not begun to serve has closed nothing, and would begin now.
	if err := s.cfg.Listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("handlers: shutdown: %w", err)
	}
	if err := <-s.served; err != nil {
		return fmt.Errorf("handlers: serve: %w", err)
	}
	return nil
}

// router is the table, the objects and the two ways to miss.
func (s *Server) router() fasthttp.RequestHandler {
	r := router.New()
	r.RedirectTrailingSlash, r.RedirectFixedPath, r.HandleOPTIONS = false, false, false
	for _, line := range routes {
		r.Handle(line.method, line.path, s.serve(line))
	}
	for path := range sheets() {
		r.GET(path, s.sheet)
		r.HEAD(path, s.sheet)
	}
	bucket := "/" + s.cfg.Objects.Bucket()
	for _, path := range []string{bucket, bucket + "/{key:*}"} {
		r.ANY(path, s.object)
	}
	nothing := s.serve(route{method: "-", path: "-", handle: func(*Server, *call) (any, error) {
		return nil, fsm.Refuse(fsm.NotFound, "there is nothing under this path; /openapi.json lists what there is")
	}})
	r.NotFound = func(http *fasthttp.RequestCtx) {
		// An S3 client that lists buckets, or names another one, reads only S3's answers.
		if objects.Speaks(http) {
			s.object(http)
			return
		}
		nothing(http)
	}
	r.MethodNotAllowed = s.serve(route{method: "-", path: "-", handle: func(*Server, *call) (any, error) {
		return nil, fsm.Refuse(methodNotAllowed, "this path takes another method; see the header Allow")
	}})
	return func(http *fasthttp.RequestCtx) {
		harden(http)
		if !s.cors(http) && !redirected(http) {
			r.Handler(http)
		}
		if s.leaving.Load() {
			http.SetConnectionClose()
		}
	}
}

// serve turns a line of the table into what fasthttp calls.
func (s *Server) serve(line route) fasthttp.RequestHandler {
	waits := waits[line.method+" "+line.path]
	return func(http *fasthttp.RequestCtx) {
		if waits && s.crowd.full() {
			s.turnAway(http, line)
			return
		}
		c := s.newCall(http)
		c.waits = waits
		ctx, cancel := context.WithTimeout(s.work, s.cfg.Timeout)
		defer cancel()
		c.Context, c.route = node.WithRequest(ctx, c.id), line.path
		c.trace(line.method, line.who == worker || line.who == anyone && line.method == "GET")
		defer c.access(line.method, time.Now())
		defer c.close()
		defer c.survive()
		answer, err := c.run(line)
		c.reply(line.status, answer, err)
	}
}

func (c *call) run(line route) (any, error) {
	if err := c.limitAddress(line); err != nil {
		return nil, err
	}
	if err := c.authenticate(line.who); err != nil {
		return nil, err
	}
	if err := c.limitUser(); err != nil {
		return nil, err
	}
	if err := c.readBody(); err != nil {
		return nil, err
	}
	answer, err := line.handle(c.s, c)
	if err == nil {
		c.note(line)
	}
	return answer, err
}

// survive keeps one request's panic from taking the node along.
func (c *call) survive() {
	if p := recover(); p != nil {
		c.s.log.Error("request panicked", keyRequest, c.id, keyRoute, c.route, keyError, p, keyStack, string(debug.Stack()))
		c.http.Response.Reset()
		harden(c.http)
		c.stamp()
		c.reject(statusOf[internalError], fsm.Refuse(internalError, "something went wrong here; quote the request id to the operator"))
	}
}

// object hands a request to the object store, which answers as S3 does.
func (s *Server) object(http *fasthttp.RequestCtx) {
	c := s.newCall(http)
	c.route, c.Context = "/{bucket}/{key}", node.WithRequest(c.Context, c.id)
	c.trace(methodOf(c.method()), true)
	c.stamp()
	defer c.access(methodOf(c.method()), time.Now())
	defer c.survive()
	s.cfg.Objects.Serve(c.Context, http)
}

// slower gives those who fetch objects the time that an answer in JSON does not get.
func (s *Server) slower(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	prefix := "/" + s.cfg.Objects.Bucket() + "/"
	if uri := h.RequestURI(); len(uri) > len(prefix) && string(uri[:len(prefix)]) == prefix {
		return fasthttp.RequestConfig{WriteTimeout: s.cfg.Transfer}
	}
	return fasthttp.RequestConfig{}
}

// malformed answers what never became a request.
func (s *Server) malformed(http *fasthttp.RequestCtx, err error) {
	c := s.newCall(http)
	defer s.count.inFlight.Dec()
	harden(http)
	c.stamp()
	reason := "is not a well-formed HTTP request"
	var small *fasthttp.ErrSmallBuffer
	var slow net.Error
	switch {
	case errors.As(err, &small):
		reason = fmt.Sprintf("request line and headers may have %d bytes", s.cfg.MaxHeaders)
	case errors.As(err, &slow) && slow.Timeout():
		reason = "did not arrive in time"
	}
	c.refuse(invalid("request", "%s", reason))
	if slow != nil && slow.Timeout() {
		// Clients take a 408 on a connection that they have opened and not used for what it is, its end; a 400 they would
		// take for the answer to the request that they send at that moment.
		http.SetStatusCode(fasthttp.StatusRequestTimeout)
	}
}
