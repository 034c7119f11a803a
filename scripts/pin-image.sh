#!/usr/bin/env bash
# Writes the image's digest into an overlay, so that what is deployed is what this tree builds.
set -euo pipefail
unset CDPATH # with it cd may go elsewhere
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/image.sh

usage() {
    cat <<'EOF'
scripts/pin-image.sh ENV [REGISTRY/NAME]

Writes the digest of the image that `nix build .#image` made of this tree into the `images:` of
k8s/overlays/ENV/kustomization.yaml, and REGISTRY/NAME where it is given. Push it first: a cluster
can run only what the registry has. Commit the change; that is the deployment.
EOF
}

case ${1:-} in
    --help | -h) usage; exit ;;
    '' | -*) misused 'no ENV' ;;
esac
[ $# -le 2 ] || misused 'too many arguments'
file=k8s/overlays/$1/kustomization.yaml name=${2:-}
[ -f "$file" ] || misused "there is no $file; overlays: $(cd k8s/overlays 2>/dev/null && echo *)"
[[ $name != *@* && ${name##*/} != *:* ]] || misused "$name has a tag or digest; the tree decides"
valid='^([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9._-]+(/[a-z0-9._-]+)*$'
[[ -z $name || $name =~ $valid ]] || misused "'$name' is not a name such as example.com/platform/pcf-api"

need jq
layout=$(layout)
digest=$(digest "$layout")
new=$(mktemp)
trap 'rm -f "$new"' EXIT
# Only the entry of our image changes, comments and order stay.
awk -v name="$name" -v digest="$digest" '
    /^[^[:space:]#-]/ { images = /^images:/; entry = 0 }
    images && /^[[:space:]]*-/ { entry = /name:[[:space:]]*"?pcf-api"?[[:space:]]*$/ }
    images && entry && /^[[:space:]]*newName:/ && name != "" { next }
    images && entry && /^[[:space:]]*(newTag|digest):/ {
        if (done++) next
        if (name != "") print substr($0, 1, match($0, /[^ ]/) - 1) "newName: " name
        sub(/(newTag|digest):.*/, "digest: " digest)
    }
    { print }
    END { exit !done }
' "$file" >"$new" || fail "$file has no entry for pcf-api with a newTag or digest under images:"
cat "$new" >"$file"
echo "$file: $digest"
