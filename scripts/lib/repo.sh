# shellcheck shell=bash disable=SC2034 # those that source it use them
# What the scripts work on: the repository `root` and the name `app` of its service. It is the one that
# they lie in, or the one that `ops`, which another repository has them by, was called in.
unset CDPATH # with it cd may go elsewhere
# shellcheck source=scripts/lib/cli.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli.sh"
root=${SERVICE_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
# cargo_value SECTION KEY: prints what its Cargo.toml says there.
cargo_value() {
    awk -F '"' -v section="[$1]" -v key="$2" '/^\[/ { inside = $0 == section } inside && $1 ~ "^" key " *= *$" { print $2; exit }' "$root/Cargo.toml"
}
app=$(cargo_value package name) || exit
[ -n "$app" ] || fail "$root/Cargo.toml names no package"
