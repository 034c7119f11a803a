#!/usr/bin/env bash
# Writes the image's digest into an overlay, so that what is deployed is what this tree builds.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/image.sh"
cd "$root"

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
[[ -z $name || $name =~ $valid ]] || misused "'$name' is not a name such as example.com/platform/$app"

need jq
entry=$app # as k8s/base calls the image
layout=$(layout)
digest=$(digest "$layout")
new=$(mktemp)
trap 'rm -f "$new"' EXIT
# Only the entry of our image changes; its keys may stand in any order, as `kustomize edit` writes them, and
# comments stay.
awk -v entry="$entry" -v name="$name" -v digest="$digest" '
    function key_of(line) { sub(/^[[:space:]]*(-[[:space:]]+)?/, "", line); sub(/:.*/, "", line); return line }
    function set(line, key, value) { # a key and its value, whatever stands around them
        match(line, /[A-Za-z]+:[[:space:]]*[^[:space:]#]*/)
        return substr(line, 1, RSTART - 1) key ": " value substr(line, RSTART + RLENGTH)
    }
    function flush(i, key, is_ours, has_name, place) {
        for (i = 1; i <= count; i++) {
            key = key_of(lines[i])
            if (lines[i] ~ "^[[:space:]]*(-[[:space:]]+)?name:[[:space:]]*[\"\047]?" entry "[\"\047]?[[:space:]]*(#.*)?$") is_ours = 1
            if (key == "newName") has_name = 1
            if (!place && (key == "newTag" || key == "digest")) place = i
        }
        for (i = 1; i <= count; i++) {
            key = key_of(lines[i])
            if (!is_ours || !place) { print lines[i]; continue }
            if (key == "newName" && name != "") lines[i] = set(lines[i], "newName", name)
            if (i == place) {
                if (name != "" && !has_name) {
                    print set(lines[i], "newName", name)
                    sub(/-/, " ", lines[i])
                }
                lines[i] = set(lines[i], "digest", digest)
                done++
            } else if (key == "newTag" || key == "digest") continue
            print lines[i]
        }
        count = 0
    }
    /^[^[:space:]#-]/ { flush(); images = /^images:/ }
    images && /^[[:space:]]*-[[:space:]]/ { flush() }
    images { lines[++count] = $0; next }
    { print }
    END { flush(); exit !done }
' "$file" >"$new" || fail "$file has no entry for $entry with a newTag or digest under images:"
cat "$new" >"$file"
echo "$file: $digest"
