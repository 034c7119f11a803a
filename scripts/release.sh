#!/usr/bin/env bash
# Makes a release of this tree: one commit that says so everywhere, and its tag.
# shellcheck disable=SC2016 # awk's variables
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/image.sh"
cd "$root"

usage() {
    cat <<'USAGE'
scripts/release.sh VERSION [--date YYYY-MM-DD]

Writes VERSION and the date into Cargo.toml and Cargo.lock, the overlays' tags and the pages, makes
what is `Unreleased` in CHANGELOG.md the section of VERSION, commits that and tags it vVERSION.
Nothing is pushed. VERSION is higher than the present one; the tree has no changes that are not
committed. Nothing is changed where one of that does not hold.

  --date  the day of the release, today (UTC) where not given

Then: git push --follow-tags
USAGE
}

version='' today=$(date -u +%F)
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --date) [ $# -ge 2 ] || misused '--date needs a day'; today=$2; shift ;;
        -*) misused "unknown option $1" ;;
        *) [ -z "$version" ] || misused 'more than one version'; version=$1 ;;
    esac
    shift
done
[ -n "$version" ] || misused 'no VERSION'
number='(0|[1-9][0-9]*)'
[[ $version =~ ^$number\.$number\.$number(-[0-9A-Za-z.-]+)?$ ]] || misused "'$version' is no version such as 1.2.3"
[[ $today =~ ^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$ ]] || misused "--date: '$today' is not YYYY-MM-DD"

need awk git sed sort
old=$(cargo_value package version)
[ -n "$old" ] || fail 'Cargo.toml has no version under [package]'
git rev-parse --quiet --verify HEAD >/dev/null || fail 'there is no commit here'
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed; nothing was changed: $(git status --porcelain | head -n 3 | tr '\n' ' ')"
! git rev-parse --quiet --verify "refs/tags/v$version" >/dev/null || fail "the tag v$version is there already; nothing was changed"
! grep -qE "^## \[?${version//./\\.}\]?( |$)" CHANGELOG.md || fail "CHANGELOG.md has $version already; nothing was changed"
# `~` sorts before the end of a line: a pre-release before its release.
highest=$(printf '%s\n' "${version/-/\~}" "${old/-/\~}" | sort -V | tail -n 1)
[[ $old != "$version" && $highest == "${version/-/\~}" ]] ||
    fail "$version is not higher than the present $old; nothing was changed"
awk '/^## / { inside = /^## \[Unreleased\]/ } inside && /^- / { found = 1 } END { exit !found }' CHANGELOG.md ||
    fail 'CHANGELOG.md has nothing under [Unreleased]; nothing was changed'

# change FILE FILTER…: what the filter makes of the file, which it must change.
change() {
    local file=$1
    shift
    "$@" <"$file" >"$new"
    ! cmp -s "$file" "$new" || fail "$file: found no $old to change"
    cat "$new" >"$file" # its mode stays
}
new=$(mktemp)
# Until the commit is made and tagged, a failure leaves the tree as it was.
undo() {
    local status=$?
    rm -f "$new"
    if [ $status != 0 ]; then
        git reset --quiet --hard "$before"
        git tag --delete "v$version" >/dev/null 2>&1 || true
        echo "${0##*/}: the tree is as it was before" >&2
    fi
}
before=$(git rev-parse HEAD)
trap undo EXIT

escaped=${old//./\\.}
change Cargo.toml awk -v version="$version" -v date="$today" '
    /^\[/ { section = $0 }
    section == "[package]" && /^version *=/ { $0 = "version = \"" version "\"" }
    section == "[package.metadata.release]" && /^date *=/ { $0 = "date = \"" date "\"" }
    { print }'
# Those of examples that depend on it by its path, too.
for file in $(git grep -l "^name = \"$app\"\$" -- 'Cargo.lock' '*/Cargo.lock'); do
    change "$file" awk -v name="name = \"$app\"" -v version="$version" '
        ours && /^version = / { $0 = "version = \"" version "\"" }
        { ours = $0 == name; print }'
done
change CHANGELOG.md awk -v heading="## $version - $today" '
    { print }
    /^## \[Unreleased\]/ { print ""; print heading }'
# What a pinned overlay runs is another matter; a tag is the tree's.
for file in k8s/overlays/*/kustomization.yaml; do
    sed -i -E "s/^( *(- )?newTag: )$escaped( .*)?$/\1$version\3/" "$file"
done
# The page about rollbacks shows two releases, and one page another service.
for file in README.md docs/*.md; do
    [ ! -f "$file" ] || [[ $file == docs/@(rollback|your-service).md ]] ||
        sed -i -E "s/(\b$app:|\"version\":\"|\?ref=v)$escaped\b/\1$version/g" "$file"
done

git commit --quiet --all --message "Release $version"
git tag --annotate --message "$app $version" "v$version"
echo "$app $version of $today is committed and tagged v$version; then: git push --follow-tags"
