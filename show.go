package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"

	"stoker/cli/config"
	"stoker/cli/otlp"
	"stoker/node"
)

// shown is how a node lets others see what it does: a log, numbers and traces.
type shown struct {
	log     *slog.Logger
	numbers *prometheus.Registry
	traces  trace.TracerProvider        // nil: none are recorded
	close   func(context.Context) error // sends what is not sent yet
}

func newShown(c config.Config) (shown, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return shown{}, fmt.Errorf("log_level: %w", err)
	}
	form := slog.Handler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if c.LogFormat == "json" {
		form = slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})
	}
	s := shown{log: slog.New(form).With("node", c.ID), numbers: prometheus.NewRegistry(), close: func(context.Context) error { return nil }}
	s.numbers.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := node.RaftMetrics(s.numbers); err != nil {
		return shown{}, err
	}
	provider, err := otlp.Start(c.OTLPEndpoint, c.ID, version(), s.log)
	if err != nil {
		return shown{}, err
	}
	if provider != nil {
		s.traces, s.close = provider, provider.Shutdown
	}
	return s, nil
}
