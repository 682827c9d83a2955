#!/usr/bin/env bash
# Checks what is in deploy/: the scripts with shellcheck, the unit with systemd's own tools. What is
# missing of these it installs from Debian. The scripts run in ./cli/acceptance (TestSlowInstall).
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v shellcheck >/dev/null || ! command -v systemd-analyze >/dev/null; then
	apt-get update -q && apt-get install -yq shellcheck systemd
fi
shellcheck ./*.sh

# verify wants the program to be there; everything else is checked as it is.
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
sed 's#^ExecStart=[^ ]*#ExecStart=/bin/true#' stoker.service >"$box/stoker.service"
said=$(systemd-analyze verify --man=no "$box/stoker.service" 2>&1) || { echo "$said" && exit 1; }
if echo "$said" | grep 'stoker.service'; then
	exit 1
fi
# 0 is sealed, 10 is open; more than 1.5 says that something was opened again.
systemd-analyze security --offline=true --threshold=15 --no-pager "$box/stoker.service" | tail -n 1
