#!/usr/bin/env bash
# Looks the dependencies up in the databases of known vulnerabilities.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/image.sh"
cd "$root"

usage() {
    cat <<'EOF'
scripts/scan.sh

Asks every scanner that is installed, and fails if one finds a known vulnerability or cannot reach
its database: cargo-deny for what Cargo.lock names, grype for what is embedded in the binaries (by
the bill of materials of `nix build .#sbom`).
EOF
}

case ${1:-} in
    --help | -h) usage; exit ;;
    '') ;;
    *) misused "unknown argument $1" ;;
esac

scanned=false
if command -v cargo-deny >/dev/null; then
    cargo deny check advisories || fail 'cargo-deny: see above'
    scanned=true
fi
if command -v grype >/dev/null; then
    sbom=${SBOM:-}
    [ -n "$sbom" ] || sbom=$(built sbom) || exit
    grype --fail-on negligible "sbom:$sbom" || fail 'grype: see above'
    scanned=true
fi
$scanned || fail "neither cargo-deny nor grype is here; \`nix develop\` has both"
