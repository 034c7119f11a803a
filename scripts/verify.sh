#!/usr/bin/env bash
# Checks that the project agrees with itself: what is written in several places is the same in all
# of them, and what one file names exists in another.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/repo.sh"
# Where the facts are that a service has from this project: settings, routes, metrics.
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

usage() {
    cat <<'USAGE'
scripts/verify.sh

Reads the tree and prints one line per check, and each disagreement with its file and line. It
builds nothing and needs no cluster. Exit status 1 if anything disagrees.

With kubectl it also looks at what the overlays render to; with CI=true a missing kubectl is a
failure. The built image is looked at where IMAGE, or the link `result` that `just image` leaves,
is its folder.
USAGE
}

case ${1:-} in
    '') ;;
    --help | -h) usage; exit ;;
    *) misused "there is no argument $1" ;;
esac

[ "$root" = "$home" ] && is_own=yes || is_own=''
export is_own
for part in lib facts rendered health names release drain settings metrics forbidden; do
    # shellcheck source=/dev/null
    . "$home/scripts/verify/$part.sh"
done

# Each line is a check: its function, in scripts/verify/, and what it holds.
check timeouts    'every health check waits 5 s'
check paths       'probes and scrapes ask routes that exist'
check ports       'the port and its name'
check names       'names, labels and selectors'
check users       'user and group'
check release     'version and release date'
check pins        'the images that the overlays deploy'
check built       'the built image'
check grace       'pods have time to drain'
check replicas    'one owner of the replicas'
check settings    'settings that are named exist'
check metrics     'metrics that are named exist'
check alerts      'alerts and their runbooks'
check forbidden   'no Dockerfile, no preStop hook, no $ for Flux'
finish
