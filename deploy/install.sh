#!/usr/bin/env bash
# Installs the nodes of a cluster on their machines over ssh, or brings them up to date, one after
# the other. It may be run again at any time: what is there already is left alone.
#
#   stoker init --out cluster --node n1=10.0.0.1 --node n2=10.0.0.2 --node n3=10.0.0.3
#   deploy/install.sh --cluster cluster n1=root@10.0.0.1 n2=root@10.0.0.2 n3=root@10.0.0.3
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() {
	cat <<'TEXT'
install.sh [--dry-run] [--binary FILE] [--sudo] --cluster DIR ID=SSH-TARGET…

  --cluster DIR   the folder that `stoker init` wrote, with a folder for each node
  --binary FILE   stoker for the machines; without it, it is built here for linux/amd64
  --sudo          the ssh user is not root and may use sudo without a password
  --dry-run       say what would be done, and change nothing

Each machine needs systemd, bash and tar. A machine's /var/lib/stoker keeps what it has: files that
are there are not replaced, so keys that were renewed and data stay.
TEXT
}

die() {
	echo "install.sh: $*" >&2
	exit 1
}

dry='' binary='' sudo='' cluster='' nodes=()
while [ $# -gt 0 ]; do
	case $1 in
	--dry-run) dry=yes ;;
	--sudo) sudo=sudo ;;
	--binary) binary=${2:?--binary takes a file} && shift ;;
	--cluster) cluster=${2:?--cluster takes a folder} && shift ;;
	-h | --help) usage && exit ;;
	-*) die "unknown option $1; --help lists them" ;;
	*=?*) nodes+=("$1") ;;
	*) die "$1: write ID=SSH-TARGET, as in n1=root@10.0.0.1" ;;
	esac
	shift
done
[ -n "$cluster" ] || die "which cluster? --cluster names the folder that stoker init wrote"
[ ${#nodes[@]} -gt 0 ] || die "no nodes; write ID=SSH-TARGET for each"
for node in "${nodes[@]}"; do
	[ -f "$cluster/${node%%=*}/stoker.toml" ] || die "$cluster/${node%%=*}/stoker.toml is missing; stoker init writes it"
done

# step says what is done; run does it unless this is a dry run.
step() { printf '%s%s\n' "${dry:+would }" "$*"; }

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

if [ -n "$binary" ]; then
	[ -f "$binary" ] || die "$binary is missing"
else
	binary=$stage/built
	step "build stoker for linux/amd64"
	if [ -z "$dry" ]; then
		(cd "$here/.." && CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -ldflags='-s -w' -o "$binary" .)
	fi
fi

# pack puts what a node needs into its own folder below stage.
pack() {
	local id=$1
	mkdir -m 700 "$stage/$id" "$stage/$id/node"
	# Data that a run here left behind belongs to no machine.
	(cd "$cluster/$id" && tar -cf - --exclude=./data .) | tar -xf - -C "$stage/$id/node"
	cp "$here/stoker.service" "$here/apply.sh" "$stage/$id/"
	cp "$binary" "$stage/$id/stoker"
}

install_node() {
	local id=$1 target=$2 box
	step "copy stoker, its unit and $cluster/$id to $target"
	step "on $target: make the user stoker, put /usr/local/bin/stoker, the unit and what /var/lib/stoker lacks in place"
	step "on $target: start the unit, or restart it if something changed, and wait until the node is up again"
	if [ -n "$dry" ]; then
		return
	fi
	pack "$id"
	# One folder that only its owner can read; apply.sh removes it.
	# shellcheck disable=SC2016 # it is the machine that expands it
	box=$(tar -cf - -C "$stage/$id" . | ssh "$target" 'umask 077 && box=$(mktemp -d) && tar -xf - -C "$box" && echo "$box"')
	[ -n "$box" ] || die "$target did not say where it put the files"
	# shellcheck disable=SC2029 # the folder's name came from there
	ssh "$target" "$sudo bash '$box/apply.sh' '$box'"
	rm -rf "${stage:?}/$id"
}

for node in "${nodes[@]}"; do
	echo "== ${node%%=*} on ${node#*=}"
	install_node "${node%%=*}" "${node#*=}"
done
if [ -n "$dry" ]; then
	echo "Nothing was changed."
else
	echo "All nodes are installed. stoker status --operator $cluster/operator.toml shows them."
fi
