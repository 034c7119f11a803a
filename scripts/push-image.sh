#!/usr/bin/env bash
# Copies the image to a registry as it was built: every platform, every byte, the same digest.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/image.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/registry.sh"
cd "$root"

usage() {
    cat <<'EOF'
scripts/push-image.sh [--plain-http] REGISTRY/NAME[:TAG]

Copies the image that `nix build .#image` made of this tree, both platforms, and prints the
reference by digest: NAME@sha256:…  TAG is the version in Cargo.toml if it is not given: that one is
never moved to another image, a TAG that is given is. Pushing again changes nothing. Where `oras` is
installed and `nix build .#sbom` was run, the bill of materials is attached to the image.

  --plain-http  the registry speaks no TLS, such as one on loopback

Log in first, where skopeo, oras and cosign all look:
  skopeo login --authfile ~/.docker/config.json REGISTRY
EOF
}

tls=true name=''
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --plain-http) tls=false ;;
        -*) misused "unknown option $1" ;;
        *) [ -z "$name" ] || misused 'more than one name'; name=$1 ;;
    esac
    shift
done
[ -n "$name" ] || misused 'no REGISTRY/NAME'
[[ $name == */* ]] || misused "$name names no registry"
[[ $name != *@* ]] || misused "$name has a digest; the tree decides the digest"

need jq skopeo sha256sum
layout=$(layout)
digest=$(digest "$layout")
version=$(jq -er '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$layout/index.json")
name=$(versioned "$name" "$version" "$digest") || exit
repository=${name%:*}

copy "$layout" "$name" "$digest"

# attach SBOM: makes the bill of materials findable from the image, as an OCI referrer.
attach() {
    local folder created plain=true
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of this call
    trap "rm -rf '$folder'" EXIT
    # oras records the file's name, and the time unless it is given one: each push would attach anew.
    install -m 0644 "$1" "$folder/sbom.cdx.json"
    created=$(jq -er '.metadata.timestamp' "$1")
    ! $tls || plain=false
    (cd "$folder" && oras attach --plain-http="$plain" \
        --artifact-type application/vnd.cyclonedx+json \
        --annotation "org.opencontainers.image.created=$created" \
        "$repository@$digest" sbom.cdx.json:application/vnd.cyclonedx+json) >&2
}

sbom=${SBOM:-}
[ -n "$sbom" ] || sbom=$(built sbom 2>/dev/null) || sbom=''
if [ -n "$sbom" ] && command -v oras >/dev/null; then
    attach "$sbom" || fail "$repository@$digest is pushed, but its bill of materials was not attached; the reason is above"
else
    echo "${0##*/}: no bill of materials attached; that needs oras and \`nix build .#sbom\`" >&2
fi
echo "$repository@$digest"
