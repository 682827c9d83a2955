package cli

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"time"

	"stoker/client"
)

// dialPatience is how long one node is waited for, of which there are others.
const dialPatience = 5 * time.Second

// otherNodes gives the cluster's nodes beside one, as host:port; none if that is not one of them, but an object store of somebody
// else's.
func otherNodes(host string, where client.Cluster) (others []string) {
	for _, e := range where.Endpoints {
		if u, err := url.Parse(e); err == nil && u.Host != "" {
			others = append(others, u.Host)
		}
	}
	if !slices.Contains(others, host) {
		return nil
	}
	return slices.DeleteFunc(others, func(o string) bool { return o == host })
}

// dialAny connects to whom it is asked for or, if that cannot be reached, to another: every node answers for every object, so
// that a copy goes on when one dies.
func dialAny(others []string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialPatience}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var failed []error
		for _, a := range append([]string{addr}, others...) {
			c, err := d.DialContext(ctx, network, a)
			if err == nil || ctx.Err() != nil {
				return c, err
			}
			failed = append(failed, err)
		}
		return nil, errors.Join(failed...)
	}
}
