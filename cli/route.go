package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"stoker/cli/route"
)

// routeCommand is `stoker route`.
type routeCommand struct {
	Config string `default:"cells.toml" env:"STOKER_CELLS" metavar:"FILE" complete:".toml" help:"The cells (${default})."`
	Listen string `metavar:"HOST:PORT" help:"Listen here instead of where the file says."`
}

// Help shows the file.
func (*routeCommand) Help() string {
	return `  stoker route --config cells.toml

  # cells.toml, the same for every router
  listen = ":8443"
  [[cells]]
  name = "east"
  cluster = "c_abc…"                  # its id: stoker status
  endpoints = ["https://e1:8443", "https://e2:8443", "https://e3:8443"]
  ca = "east.pem"                     # if its certificates are not the system's to judge

A router keeps nothing: run two or more behind one name. A new cell is added at the end of the list and takes its share of those who are
new; nobody else moves. closed = true lets nobody new in. docs/cells.md has the rest.`
}

// What the router's own port allows, as a node's does.
const (
	routeHeaderFor  = 10 * time.Second
	routeIdleFor    = 75 * time.Second
	routeMaxHeaders = 16 << 10
	routeGoodbye    = 10 * time.Second
)

// Run serves until it is told to stop.
func (c *routeCommand) Run(s *shell) error {
	conf, err := route.Load(c.Config)
	if err != nil {
		return err
	}
	if c.Listen != "" {
		conf.Listen = c.Listen
	}
	log := slog.New(slog.NewTextHandler(s.err, nil))
	r := route.New(conf, log)
	defer r.Close()
	ln, err := new(net.ListenConfig).Listen(s.ctx, "tcp", conf.Listen)
	if err != nil {
		return fmt.Errorf("route: %w", err)
	}
	server := &http.Server{
		Handler: r, ReadHeaderTimeout: routeHeaderFor, IdleTimeout: routeIdleFor, MaxHeaderBytes: routeMaxHeaders,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	log.Info("the router serves", "address", ln.Addr().String(), "cells", len(conf.Cells))
	ended := make(chan error, 1)
	go func() {
		limited := netutil.LimitListener(ln, conf.MaxConns)
		if conf.TLSCert != "" {
			ended <- server.ServeTLS(limited, conf.TLSCert, conf.TLSKey)
			return
		}
		ended <- server.Serve(limited)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("route: %w", err)
	case <-s.ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), routeGoodbye)
	defer cancel()
	if err := server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		return server.Close() // streams come back to another router
	} else if err != nil {
		return fmt.Errorf("route: %w", err)
	}
	return nil
}
