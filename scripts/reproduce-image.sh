#!/usr/bin/env bash
# Proves the image's digest: builds the binaries and the image once more and compares every byte.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/image.sh"
cd "$root"

usage() {
    cat <<'EOF'
scripts/reproduce-image.sh [DIGEST]

Builds both binaries and the image of this tree again and fails if a byte differs. With DIGEST
(sha256:…, or a reference NAME@sha256:…, such as the one an overlay pins) it also fails if this
tree's image is another one.
EOF
}

case ${1:-} in
    --help | -h) usage; exit ;;
    -*) misused "unknown option $1" ;;
esac
[ $# -le 1 ] || misused 'more than one digest'
wanted=${1:-}
wanted=${wanted##*@}
[[ -z $wanted || $wanted =~ ^sha256:[0-9a-f]{64}$ ]] || misused "$1 has no digest sha256:…"

need jq nix
outputs=(.#static-amd64 .#static-arm64 .#image)
nix build --no-link "${outputs[@]}"
nix build --no-link --rebuild "${outputs[@]}" || fail 'a second build gave other bytes'
layout=$(layout)
digest=$(digest "$layout")
[ -z "$wanted" ] || [ "$digest" = "$wanted" ] || fail "this tree makes $digest, not $wanted"
echo "$digest"
