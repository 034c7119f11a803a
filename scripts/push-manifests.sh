#!/usr/bin/env bash
# Copies the manifests to a registry beside the image, pinned to it, as an OCI artifact that Flux and
# Argo CD read.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$scripts/lib/image.sh"
. "$scripts/lib/registry.sh"
cd "$root"

usage() {
    cat <<'USAGE'
scripts/push-manifests.sh [--plain-http] REGISTRY/NAME[:TAG] --image NAME@sha256:…
scripts/push-manifests.sh --layout DIRECTORY --image NAME@sha256:…

Packs k8s (what Git knows of it) with each overlay pinned to that image, which `just push` printed,
copies it and prints it by digest: NAME@sha256:…  TAG is the version in Cargo.toml if it is not given:
that one is never moved to other manifests. The same tree and image give the same digest.

  --plain-http        the registry speaks no TLS, such as one on loopback
  --layout DIRECTORY  writes the artifact there, as an OCI layout, and pushes nothing
USAGE
}

tls=true name='' image='' layout=''
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --plain-http) tls=false ;;
        --image) [ $# -ge 2 ] || misused '--image needs NAME@sha256:…'; image=$2; shift ;;
        --layout) [ $# -ge 2 ] || misused '--layout needs a directory'; layout=$2; shift ;;
        -*) misused "unknown option $1" ;;
        *) [ -z "$name" ] || misused 'more than one name'; name=$1 ;;
    esac
    shift
done
[ -n "$name" ] || [ -n "$layout" ] || misused 'no REGISTRY/NAME'
[ -z "$name" ] || [[ $name == */* && $name != *@* ]] || misused "'$name' is not a name such as example.com/platform/$app-manifests"
[[ $image =~ ^[^@]+/[^@]+@sha256:[0-9a-f]{64}$ ]] || misused "--image: '$image' is not NAME@sha256:…, as just push prints it"
[ -z "$layout" ] || [ ! -e "$layout" ] || misused "--layout: $layout is there already"

need git gzip jq sha256sum tar
[ -n "$layout" ] || need skopeo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A copy of what Git knows, with modes that do not depend on this machine.
mkdir -p "$work/tree"
cp Cargo.toml "$work/tree"
git ls-files -z --cached -- k8s | xargs -0 cp --parents -t "$work/tree"
[ -d "$work/tree/k8s/overlays" ] || fail "Git knows no k8s/overlays in $root"
# pin-image.sh looks for the digest where a built image has it.
mkdir "$work/image"
jq -n --arg digest "${image##*@}" '{manifests: [{digest: $digest}]}' >"$work/image/index.json"
for overlay in "$work"/tree/k8s/overlays/*/; do
    SERVICE_ROOT=$work/tree IMAGE=$work/image "$scripts/pin-image.sh" "$(basename "$overlay")" "${image%@*}" >/dev/null ||
        fail "$(basename "$overlay") was not pinned to $image"
done
chmod -R u=rwX,go=rX "$work/tree"

version=$(cargo_value package version)
date=$(cargo_value package.metadata.release date)
[[ -n $version && -n $date ]] || fail 'Cargo.toml lacks the version, or the date under [package.metadata.release]'

# Fills $work/layout as nix/image.nix does for the image: nothing of the time or the machine is in it.
out=$work/layout
# shellcheck source=nix/oci.sh
. "$scripts/../nix/oci.sh"
pack "$work/k8s.tar" "$work/tree/k8s" base components overlays
gzip --best --no-name "$work/k8s.tar"
printf '{}' >"$work/config"
layer=$(blob "$work/k8s.tar.gz" application/vnd.oci.image.layer.v1.tar+gzip)
config=$(blob "$work/config" application/vnd.cncf.flux.config.v1+json)
jq -cnS --argjson config "$config" --argjson layer "$layer" --arg app "$app" --arg version "$version" \
    --arg created "${date}T00:00:00Z" --arg source "$(cargo_value package repository)" --arg image "$image" '{
    schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: $config, layers: [$layer],
    annotations: {
        "org.opencontainers.image.title": "\($app)-manifests", "org.opencontainers.image.version": $version,
        "org.opencontainers.image.created": $created, "org.opencontainers.image.source": $source,
        "org.opencontainers.image.base.name": $image}}' >"$work/manifest"
manifest=$(blob "$work/manifest" application/vnd.oci.image.manifest.v1+json)
jq -cnS --argjson manifest "$manifest" --arg version "$version" '{
    schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [$manifest + {annotations: {"org.opencontainers.image.ref.name": $version}}]}' >"$out/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$out/oci-layout"
digest=$(jq -r .digest <<<"$manifest")

if [ -n "$layout" ]; then
    cp -r "$out" "$layout"
    echo "$digest"
    exit
fi
name=$(versioned "$name" "$version" "$digest") || exit
copy "$out" "$name" "$digest"
echo "${name%:*}@$digest"
