#!/usr/bin/env bash
# Makes the repository of a service of one's own: the template, this project's manifests under its
# name, and the toolchain that both are built with.
set -euo pipefail
unset CDPATH # with it cd may go elsewhere
home=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.." && pwd)
# shellcheck source=scripts/lib/cli.sh
. "$home/scripts/lib/cli.sh"

usage() {
    cat <<'USAGE'
scripts/new.sh NAME [DIRECTORY] [--from URL]

Makes DIRECTORY (default: NAME, in the present folder), which must not be there or be empty: a crate
with a route and tests, its flake, justfile, manifests and workflows. NAME becomes the name of the
crate, the image, the objects in the cluster and their namespaces NAME-dev, NAME-staging, NAME-prod:
at most 40 small letters, digits and hyphens, a letter first.

  --from URL  the git repository of the crate and the flake, where it is not the `repository` in
              Cargo.toml
USAGE
}

name='' directory='' from=''
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --from) [ $# -ge 2 ] || misused '--from needs a URL'; from=$2; shift ;;
        -*) misused "unknown option $1" ;;
        *)
            if [ -z "$name" ]; then name=$1
            elif [ -z "$directory" ]; then directory=$1
            else misused "too many arguments: $1"; fi
            ;;
    esac
    shift
done
[ -n "$name" ] || misused 'no NAME'
[[ $name =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ ]] || misused "'$name' is no name: small letters, digits and hyphens, a letter first"
[ ${#name} -le 40 ] || misused "'$name' has more than 40 characters, and names made of it would be too long for Kubernetes"
# The crate cannot be called as what it depends on, nor as what Rust keeps for itself or cargo's folders are.
case $name in
    pcf-api | test | core | std | alloc | proc-macro | build | deps | examples | incremental) misused "a crate cannot be called $name here" ;;
esac
[ -n "$from" ] || from=$(awk -F '"' '/^repository = / { print $2; exit }' "$home/Cargo.toml")
[[ $from =~ ^[a-z]+://[^[:space:]\"\'|\&\\]+$ ]] || misused "--from: '$from' is no URL such as https://example.com/platform/pcf-api"
directory=${directory:-$name}
[ ! -e "$directory" ] || { [ -d "$directory" ] && [ -z "$(ls -A "$directory")" ]; } ||
    fail "$directory is there and not empty; nothing was made"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$home/template" "$work/new"
chmod -R u+w "$work/new"
mv "$work/new/gitignore" "$work/new/.gitignore"
cp -r "$home/k8s" "$work/new/k8s"
cp "$home"/{rust-toolchain.toml,rustfmt.toml,deny.toml} "$work/new"
chmod -R u+w "$work/new"
mv "$work/new/k8s/components/dashboard/pcf-api.json" "$work/new/k8s/components/dashboard/$name.json"

# shellcheck disable=SC2016 # Markdown's
secrets='s|`?scripts/create-secrets\.sh`?|`just secrets`|g'
camel=$(sed -E 's/(^|-)([a-z0-9])/\U\2/g' <<<"$name")
snake=${name//-/_}
home_page=https://example.com/platform/pcf-api
# What stays the dependency's: its pages, their anchors. The rest is the service's.
find "$work/new/k8s" -type f -exec sed -E -i \
    -e "s|$home_page/|@PAGES@/|g; s|(\.\./)?\bdocs/([a-z-]+\.md)|@PAGES@/docs/\2|g; s|@PAGES@/@PAGES@|@PAGES@|g" \
    -e "s|#pcfapi|@ANCHOR@|g" -e "$secrets" \
    -e "s|pcf-api|$name|g; s|pcf_api|$snake|g; s|PcfApi|$camel|g" \
    -e "s|@PAGES@|$from|g; s|@ANCHOR@|#pcfapi|g" {} +
find "$work/new" -path "$work/new/k8s" -prune -o -type f -exec sed -i \
    -e "s|$home_page|$from|g; s|my-service|$name|g" {} +
# How the manifests are checked here is not how a service's are: `just verify`.
sed -i -e '/^## Checks$/,$d' "$work/new/k8s/README.md"
sed -i -e '${/^$/d}' "$work/new/k8s/README.md"
# What sqlx and others bring in two versions is theirs to mend.
sed -i -e 's/^multiple-versions = .*/multiple-versions = "warn"/' -e '/^skip = \[$/,/^\]$/d' "$work/new/deny.toml"
# The first release is the service's own.
sed -i -e "s|newTag: .*|newTag: 0.1.0|" "$work/new"/k8s/overlays/*/kustomization.yaml

mkdir -p "$directory"
cp -r "$work/new/." "$directory"
cat <<EOF2
$directory is made. Then:

  cd $directory && git init -b main && git add . && cargo test && git add Cargo.lock
  nix flake lock && git add flake.lock && just image
EOF2
[[ $from != https://example.com/* ]] ||
    echo "${0##*/}: warning: $from is a placeholder that nobody can fetch; make it again with --from and a URL that your machines reach" >&2
