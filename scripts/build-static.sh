#!/usr/bin/env bash
# Builds the image's static binary without Nix: by Rust's own linker, so without a C compiler.
set -euo pipefail
unset CDPATH # with it cd may go elsewhere
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/image.sh

usage() {
    cat <<'EOF'
scripts/build-static.sh [TARGET]

Builds the static binary for TARGET (default: this machine's architecture) and prints where it is:
  x86_64-unknown-linux-musl  aarch64-unknown-linux-musl

Where cargo-auditable 0.7.4 or later is installed, the list of dependencies is embedded.
EOF
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
build=(build)
command -v cargo-auditable >/dev/null && build=(auditable build)
# Panic messages name source files: not those of this machine. (RUSTFLAGS would replace the flags
# of .cargo/static.toml; this variable adds to them.)
flags=CARGO_TARGET_$(tr a-z- A-Z_ <<<"$target")_RUSTFLAGS
export "$flags=--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
cargo "${build[@]}" --release --locked --config .cargo/static.toml --target "$target" >&2
echo "${CARGO_TARGET_DIR:-target}/$target/release/pcf-api"
