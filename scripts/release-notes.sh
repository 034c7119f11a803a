#!/usr/bin/env bash
# Prints the changelog's section of a version: the notes of its release.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/image.sh"
cd "$root"

usage() {
    cat <<'USAGE'
scripts/release-notes.sh [--check] VERSION

Prints what CHANGELOG.md says of VERSION, 1.2.3 or v1.2.3.

  --check  fails where VERSION is not the one in Cargo.toml: a tag must be that of its tree
USAGE
}

is_check=false version=''
for argument in "$@"; do
    case $argument in
        --help | -h) usage; exit ;;
        --check) is_check=true ;;
        -*) misused "unknown option $argument" ;;
        *) [ -z "$version" ] || misused 'more than one version'; version=${argument#v} ;;
    esac
done
[ -n "$version" ] || misused 'no VERSION'
if $is_check; then
    present=$(cargo_value package version)
    [ "$present" = "$version" ] || fail "this is to be $version, and Cargo.toml has $present"
fi
notes=$(awk -v version="$version" '
    /^## / { inside = ($2 == version || $2 == "[" version "]"); next }
    inside { print }' CHANGELOG.md)
[ -n "${notes//[[:space:]]/}" ] || fail "CHANGELOG.md has nothing about $version"
printf '%s\n' "$notes" | sed '1{/^$/d}'
