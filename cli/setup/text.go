package setup

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strings"
)

// operatorTokens are the two tokens in plain.
type operatorTokens struct{ admin, worker string }

// nodeFile is a stoker.toml. It is written by hand and not by an encoder: people read it, and the comments are half of it.
// A node that joins knows no tokens. Node ids and hosts were checked to hold nothing that TOML would want escaped; %q writes what it takes.
func nodeFile(all []Node, n Node, tokens operatorTokens, sealedCA []byte) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Node %s. Every key can also be set as STOKER_<KEY> or as a flag of `stoker serve`.", n.ID)
	line("id = %q", n.ID)
	line("http = %q            # listen address of the public port", n.listen(n.HTTP))
	line("cluster = %q         # listen address of the cluster port", n.listen(n.Cluster))
	line("public_url = \"\"                # signed into presigned URLs; empty: the request's host")
	line("data = %-22q # folders and files are relative to this file", cmp.Or(n.Data, "data"))
	line("")
	line("ca = \"ca.crt\"")
	line("cert = \"node.crt\"")
	line("key = \"node.key\"")
	line("seal_key = \"seal.key\"          # the same on all nodes; secrets in the cluster are sealed with it")
	line("")
	if tokens == (operatorTokens{}) {
		line("joined = true                  # it came into a running cluster, and never begins one")
	} else {
		line("# Used once, when the cluster begins.")
		line("admin_token_hash = %q", hash(tokens.admin))
		line("worker_token_hash = %q", hash(tokens.worker))
		line("ca_key_sealed = %q", hex.EncodeToString(sealedCA))
	}
	line("")
	line("tls_cert = \"\"                  # TLS on the public port: certificate and key; or tls_acme_domains")
	line("tls_key = \"\"")
	line("cors_origins = []              # [\"https://app.example.org\"] or [\"*\"]")
	line("max_upload_mb = 25")
	line("min_free_mb = 256              # with less room on its disk a node does not lead, and takes no pictures")
	line("blobs_max_gb = 0               # what pictures may take on the disk, in GiB; 0: what it has")
	line("scrub_days = 7                 # within how many days every picture's file is read again")
	line("log_store = %-17q # or boltdb; the log is moved when this changes", cmp.Or(n.LogStore, "wal"))
	line("trusted_proxies = []           # [\"10.0.0.0/8\"]: whose X-Forwarded-For says where a request comes from")
	line("signups_per_minute = 60        # by one address; see docs/security.md for the other limits")
	line("log_format = \"text\"            # or json")
	line("log_level = \"info\"             # debug, info, warn or error")
	line("otlp_endpoint = \"\"             # where traces are sent, as in \"http://collector:4318\"")
	line("metrics_open = false           # true: /metrics takes no token")
	for _, m := range all {
		line("")
		line("[[members]]")
		line("id = %q", m.ID)
		line("cluster = %q", m.at(m.Cluster))
		line("http = %q", m.at(m.HTTP))
	}
	return []byte(b.String())
}

// operatorFile is an operator.toml.
func operatorFile(all []Node, tokens operatorTokens, caPEM []byte) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Opens the whole cluster. Workers need endpoints and worker_token only.")
	line("endpoints = [")
	for _, n := range all {
		line("  %q,", n.Endpoint())
	}
	line("]")
	line("admin_token = %q", tokens.admin)
	line("worker_token = %q", tokens.worker)
	line("ca_pem = \"\"\"\n%s\"\"\"", caPEM)
	return []byte(b.String())
}
