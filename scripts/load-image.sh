#!/usr/bin/env bash
# Gives this machine's container engine the image of its own architecture.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/image.sh"
cd "$root"

usage() {
    cat <<'EOF'
scripts/load-image.sh [--run] [ENGINE]

Builds the archive for this machine's architecture and loads it into ENGINE, docker or podman;
without one, into the first of the two that is installed. Prints the image's name.

  --run  then runs it on port 8080, read-only and without capabilities, until Ctrl-C
EOF
}

run=false engine=''
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --run) run=true ;;
        docker | podman) engine=$1 ;;
        *) misused "$1 is neither docker nor podman" ;;
    esac
    shift
done
if [ -z "$engine" ]; then
    engine=$(command -v docker || command -v podman) || fail 'neither docker nor podman is here'
fi
need "$engine"

case $(uname -m) in
    x86_64 | amd64) architecture=amd64 ;;
    aarch64 | arm64) architecture=arm64 ;;
    *) fail "there is no image for $(uname -m)" ;;
esac
archive=${ARCHIVE:-}
if [ -z "$archive" ]; then
    command -v nix >/dev/null || fail 'there is no nix here; ARCHIVE=… names what it built elsewhere'
    archive=$(nix build --no-link --print-out-paths ".#image-$architecture")
fi
loaded=$("$engine" load --input "$archive") || fail "${engine##*/} did not load $archive"
name=${loaded##*: }
echo "$name"
if $run; then
    exec "$engine" run --rm --read-only --cap-drop all --publish 8080:8080 "$name"
fi
