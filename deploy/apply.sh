#!/usr/bin/env bash
# The half of install.sh that runs on a node's machine, as root: apply.sh FOLDER, where FOLDER is
# what install.sh sent. It changes what differs and says what it changed. STOKER_PREFIX has it work
# below another root, for images and tests.
set -euo pipefail
umask 077
box=${1:?the folder that install.sh sent}
trap 'rm -rf "$box"' EXIT
root=${STOKER_PREFIX:-}
home=$root/var/lib/stoker
changed=

# place FILE TARGET MODE installs a file unless it is there as it is, in one step: a binary that runs
# must not be written to.
place() {
	if cmp -s "$1" "$2"; then
		return
	fi
	mkdir -p "$(dirname "$2")"
	install -m "$3" "$1" "$2.new"
	mv -f "$2.new" "$2"
	changed=yes
	echo "installed $2"
}

command -v systemctl >/dev/null || { echo "apply.sh: there is no systemd on this machine" >&2 && exit 1; }
if ! id stoker >/dev/null 2>&1; then
	useradd --system --home-dir /var/lib/stoker --no-create-home --shell /usr/sbin/nologin stoker
	echo "made the user stoker"
fi

place "$box/stoker" "$root/usr/local/bin/stoker" 755
place "$box/stoker.service" "$root/etc/systemd/system/stoker.service" 644
mkdir -p "$home"
while IFS= read -r -d '' file; do
	to=$home/${file#"$box/node/"}
	if [ -e "$to" ]; then
		cmp -s "$file" "$to" || echo "kept $to, which is another than the one that was sent"
		continue
	fi
	place "$file" "$to" 600
done < <(find "$box/node" -type f -print0)
chown -R stoker:stoker "$home"
chmod 700 "$home"

# A running cluster is one node short until this one is up again: wait, before the next is touched.
ran=$(systemctl is-active stoker 2>/dev/null || true)
systemctl daemon-reload
systemctl enable stoker
if [ "$ran" != active ]; then
	systemctl start stoker
	echo "started"
	exit # the first node of a new cluster waits for the others
fi
if [ -z "$changed" ]; then
	echo "runs as it should; nothing changed"
	exit
fi
systemctl restart stoker

port=$(sed -n 's/^http *= *"[^"]*:\([0-9]*\)".*/\1/p' "$home/stoker.toml" | head -n 1)
answers() { # over TLS if the node speaks it; a certificate for another name does not matter here
	if command -v curl >/dev/null; then
		curl -fsko /dev/null --max-time 3 "http://127.0.0.1:${port:-8080}/ready" || curl -fsko /dev/null --max-time 3 "https://127.0.0.1:${port:-8080}/ready"
		return
	fi
	exec 3<>"/dev/tcp/127.0.0.1/${port:-8080}" && printf 'GET /ready HTTP/1.0\r\n\r\n' >&3 && head -n 1 <&3 | grep -q ' 200 '
}
for _ in $(seq "${STOKER_WAIT:-60}"); do # seconds
	if (answers) 2>/dev/null; then
		echo "restarted, and ready"
		exit
	fi
	sleep 1
done
echo "apply.sh: the node is not ready ${STOKER_WAIT:-60} s after its restart; journalctl -u stoker says why. The other nodes were not touched." >&2
exit 1
