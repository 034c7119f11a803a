#!/usr/bin/env bash
# Builds the image's static binary without Nix, by the same compiler, linker and flags: scripts/static.
set -euo pipefail
unset CDPATH # with it cd may go elsewhere
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/image.sh
. "$scripts/lib/image.sh"
cd "$root"

usage() {
    cat <<'USAGE'
scripts/build-static.sh [TARGET]

Builds the static binary for TARGET (default: this machine's architecture) and prints where it is:
  x86_64-unknown-linux-musl  aarch64-unknown-linux-musl

Where cargo-auditable 0.6.7 or later is installed, the list of dependencies is embedded. Crates that
compile C need zig: pip install ziglang.
USAGE
}

target=${1:-$(uname -m | sed 's/arm64/aarch64/')-unknown-linux-musl}
case $target in
    --help | -h) usage; exit ;;
    x86_64-unknown-linux-musl | aarch64-unknown-linux-musl) ;;
    *) misused "there is no static binary for $target" ;;
esac
[ $# -le 1 ] || misused 'more than one target'
need cargo rustc

if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
    need rustup
    rustup target add "$target" >&2 || fail "rustup cannot add $target"
fi
build=("$scripts/static/cargo")
! command -v cargo-auditable >/dev/null || build=(env "CARGO=$scripts/static/cargo" cargo-auditable auditable)
"${build[@]}" build --release --locked --target "$target" >&2
echo "${CARGO_TARGET_DIR:-target}/$target/release/$app"
