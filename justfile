# The daily commands. `just` alone lists them; each calls one script or one tool, so that reading
# it tells how to do without `just`.

set shell := ["bash", "-euo", "pipefail", "-c"]
# Arguments reach the scripts as they were given, with their spaces.
set positional-arguments

_default:
    @just --list --unsorted

# Run the service on port 8080
[group('develop')]
run *ARGS:
    cargo run --release -- "$@"

# Run every test that needs nothing but Rust (others say that they are skipped)
[group('develop')]
test *ARGS:
    cargo test "$@"

# Format, lint and document with warnings denied
[group('develop')]
lint:
    cargo fmt --all --check
    cargo clippy --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

# Check that the project agrees with itself: numbers, names, paths, metrics, settings, digests
[group('develop')]
verify:
    scripts/verify.sh

# Write again what is generated: docs/configuration.md, docs/metrics.md, the status page's policy
[group('develop')]
docs:
    UPDATE_DOCS=1 cargo test --lib documentation

# Compare with bare hyper and nginx under the same load, and measure start-up, health check and memory
[group('develop')]
bench *ARGS:
    benches/compare "$@"
    cargo build --quiet --release --example costs
    cargo build --quiet --release
    target/release/examples/costs

# Build the image for every platform and print its digest
[group('image')]
image:
    nix build .#image
    @jq -r '.manifests[0].digest' result/index.json

# Copy the image of this tree to REGISTRY/NAME[:TAG], every platform, and print it by digest
[group('image')]
push *ARGS:
    scripts/push-image.sh "$@"

# Load this machine's image into docker or podman
[group('image')]
load *ENGINE:
    scripts/load-image.sh "$@"

# Load the image and run it on port 8080
[group('image')]
run-image *ENGINE:
    scripts/load-image.sh --run "$@"

# Prove the image's digest by building everything again; fail if it is not DIGEST
[group('image')]
reproduce *DIGEST:
    scripts/reproduce-image.sh "$@"

# Write the image's digest, and REGISTRY/NAME, into the overlay ENV
[group('image')]
pin ENV *NAME:
    scripts/pin-image.sh "$@"

# Sign what `just push` printed, NAME@sha256:…
[group('image')]
sign REFERENCE *ARGS:
    cosign sign --recursive "${@:2}" "$1"

# Look up the image's dependencies among the known vulnerabilities
[group('image')]
scan:
    scripts/scan.sh

# Write the bill of materials (CycloneDX) to pcf-api.cdx.json
[group('image')]
sbom:
    nix build --out-link result-sbom .#sbom
    install -m 0644 result-sbom pcf-api.cdx.json

# Build the static binary without Nix, by rustup's targets; TARGET as rustup names it
[group('image')]
static TARGET=(arch() + "-unknown-linux-musl"):
    scripts/build-static.sh "$1"

# Start the service and a Prometheus beside it, with links to charts and alerts; Ctrl-C ends both
[group('monitor')]
monitor *ARGS:
    scripts/monitor.sh "$@"

# Deploy dev, staging or prod: diff, dry run, apply, wait, check each pod, roll back if that fails
[group('deploy')]
deploy ENV *ARGS:
    scripts/deploy.sh "$@"

# Go back to the release before, or `just rollback prod --to-revision 3`
[group('deploy')]
rollback ENV *ARGS:
    scripts/rollback-deployment.sh pcf-api "pcf-api-$1" "${@:2}"

# Show what runs in an environment
[group('deploy')]
status ENV:
    scripts/status.sh "$1"

# Follow the logs of all pods of an environment
[group('deploy')]
logs ENV *ARGS:
    [ $# -gt 1 ] || set -- "$1" --follow --tail=100; \
    kubectl -n "pcf-api-$1" logs -l app.kubernetes.io/name=pcf-api --prefix --max-log-requests=20 "${@:2}"

# Make or rotate the Secret of an environment from a file of KEY=VALUE lines
[group('deploy')]
secrets ENV FILE *ARGS:
    scripts/create-secrets.sh "$2" --namespace "pcf-api-$1" "${@:3}"

# Check the manifests without a cluster: golden files, schemas, linters
[group('deploy')]
manifests *ARGS:
    tests/manifests "$@"

# Run the deployment's scenarios on a kind cluster
[group('deploy')]
e2e *ARGS:
    tests/e2e/kind "$@"

# Look at the status page with Chromium: contents, states, accessibility, security policy
[group('page')]
test-page *ARGS:
    tests/page/run "$@"

# Take the README's picture of the status page again: five minutes
[group('page')]
screenshot:
    tests/page/run --screenshot
