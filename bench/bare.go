package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/valyala/fasthttp"

	"stoker/bench/drive"
	"stoker/cli/local"
)

// bareCall is a call to the server that does nothing.
type bareCall struct {
	method string
	body   []byte
	answer int // bytes
}

// Bare is `stoker bench bare-server`: what any handler costs on this machine.
type Bare struct {
	HTTP   string `name:"http" required:"" help:"Address to listen at."`
	Answer int    `required:"" help:"Bytes of each answer."`
}

// Run serves until it is told to end.
func (b *Bare) Run(ctx context.Context, _ io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	answer := make([]byte, b.Answer)
	for i := range answer {
		answer[i] = 'x'
	}
	server := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) {
		c.SetContentType("application/json")
		c.SetBody(answer)
	}, NoDefaultServerHeader: true}
	ln, err := net.Listen("tcp", b.HTTP)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Shutdown()
	}
}

// bareName is what it is called.
const bareName = "bare"

// bareServer is one, with a client.
type bareServer struct {
	rig     *rig
	call    bareCall
	wire    *wire
	process *local.Process
}

func (r *rig) startBare(ctx context.Context, call bareCall) (system, error) {
	free, err := local.Anywhere(1)
	if err != nil {
		return nil, err
	}
	host := net.JoinHostPort("127.0.0.1", strconv.Itoa(free[0].HTTP))
	p, err := local.Launch(local.Command{
		Name: "bare server", Path: r.Binary, Log: r.file("bare.log"),
		Args: []string{"bench", "bare-server", "--http", host, "--answer", strconv.Itoa(call.answer)},
	})
	if err != nil {
		return nil, err
	}
	if err := listens(ctx, host, p); err != nil {
		p.Kill()
		return nil, err
	}
	return &bareServer{r, call, newWire(host), p}, nil
}

func (b *bareServer) name() string { return bareName }
func (b *bareServer) stop()        { b.process.Kill() }

func (b *bareServer) drive(ctx context.Context, clients int, s *Speed) (SpeedRun, error) {
	none := func(context.Context) (float64, error) { return 0, nil }
	return b.rig.watch(ctx, pidsOf(b.process), none, func() (drive.Row, error) {
		return s.loop(ctx, clients, 0, func(context.Context, int) error {
			answer, err := b.wire.exchange(0, b.call.method, "/", "", b.call.body)
			if err == nil && len(answer) != b.call.answer {
				err = fmt.Errorf("the bare server answered %d bytes, not %d", len(answer), b.call.answer)
			}
			return err
		})
	})
}
