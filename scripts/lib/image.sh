# shellcheck shell=bash
# Shared by the scripts that handle the image: where it is and what its digest is.
# IMAGE, SBOM and ARCHIVE name files that were built elsewhere; without them it is what
# `nix build` made of this tree.
# shellcheck source=scripts/lib/repo.sh
. "$(dirname "${BASH_SOURCE[0]}")/repo.sh"

# built NAME: prints where this tree's output is, if it is built. It never builds: what is pushed
# or pinned should have been checked before.
built() {
    command -v nix >/dev/null || fail "there is no nix here; $(tr "[:lower:]" "[:upper:]" <<<"$1")=… names what it built elsewhere"
    nix path-info ".#$1" 2>/dev/null ||
        fail "this tree's $1 is not built; run: nix build .#$1"
}

# layout: prints the folder of the image, an OCI layout.
layout() {
    local folder=${IMAGE:-}
    [ -n "$folder" ] || folder=$(built image) || exit
    [ -f "$folder/index.json" ] || fail "$folder is not an OCI layout"
    echo "$folder"
}

# digest LAYOUT: prints the digest of the index, by which the image is known everywhere.
digest() {
    jq -er '.manifests | if length == 1 then .[0].digest else error("not one entry") end' \
        "$1/index.json"
}
