package main

import (
	"context"
	"path/filepath"
	"strings"

	"stoker/cli/config"
	"stoker/cli/setup"
	"stoker/node"
)

// join has a running cluster let this node in.
func join(ctx context.Context, j setup.Join) (setup.Joined, error) {
	dir, err := filepath.Abs(j.Folder())
	if err != nil {
		return setup.Joined{}, err
	}
	got, err := node.Join(ctx, node.JoinRequest{
		Token: j.Token, Endpoints: j.Endpoints, ID: j.Node.ID, Host: strings.Trim(j.Node.Host, "[]"),
		HTTP: j.Node.HTTP, Cluster: j.Node.Cluster, Dir: dir, Version: version(),
	})
	if err != nil {
		return setup.Joined{}, err
	}
	out := setup.Joined{ID: got.ID, CA: got.CA, Cert: got.Cert, Key: got.Key, SealKeys: got.SealKeys}
	for _, m := range got.Members {
		out.Members = append(out.Members, config.Member{ID: m.ID, Cluster: m.Addr, HTTP: m.HTTP})
	}
	return out, nil
}
