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

# Make the repository of a service of one's own: NAME [DIR] [--from URL]
[group('develop')]
new *ARGS:
    scripts/new.sh "$@"

# Format, lint and document with warnings denied
[group('develop')]
lint:
    cargo fmt --all --check
    cargo fmt --manifest-path benches/axum/Cargo.toml --check
    cargo clippy --all-targets -- -D warnings
    cargo clippy --all-targets --features otlp -- -D warnings
    cargo clippy --all-targets --features tls -- -D warnings
    cargo clippy --all-targets --all-features -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --all-features

# Format, lint and test examples/links, and do what docs/your-service.md says
[group('develop')]
test-links *ARGS:
    cargo fmt --manifest-path examples/links/Cargo.toml --check
    cargo clippy --locked --manifest-path examples/links/Cargo.toml --all-targets -- -D warnings
    cargo test --locked --manifest-path examples/links/Cargo.toml "$@"

# Test what the Cargo features bring, against their real peers (Go builds OpenTelemetry's collector)
[group('develop')]
test-features:
    cargo test --features otlp --lib
    cargo test --features tls --lib
    cargo build --all-features --bins --examples
    cargo test --all-features --lib --test otlp
    cargo test --all-features --test service -- tls:: healthcheck:: configuration::

# Check that the project agrees with itself: numbers, names, paths, metrics, settings, digests
[group('develop')]
verify:
    scripts/verify.sh

# Write again what is generated: docs/configuration.md, docs/metrics.md, docs/tracing.md, the status page's policy
[group('develop')]
docs:
    UPDATE_DOCS=1 cargo test --lib documentation
    UPDATE_DOCS=1 cargo test --features otlp --lib documentation

# Write the list of the public API again, docs/api.txt; --check: what has changed
[group('develop')]
api *ARGS:
    scripts/api.py "$@"

# Attack the service in 36 ways, and see that every bound of docs/limits.md holds: four minutes
[group('develop')]
attack *ARGS:
    cargo build --quiet --release --example attacks --example faults
    target/release/examples/attacks "$@"

# Measure start-up, health check and memory, and compare with bare hyper, nginx, axum and podinfo
[group('develop')]
bench *ARGS:
    cargo build --quiet --release --example costs
    cargo build --quiet --release
    target/release/examples/costs
    benches/compare "$@"

# Ask for up to ten times what the service can carry, and axum for the same
[group('develop')]
bench-overload *ARGS:
    benches/overload "$@"

# Make the release VERSION: version, date, changelog, lock file, tag; nothing is pushed
[group('develop')]
release VERSION *ARGS:
    scripts/release.sh "$@"

# Print what the changelog says of VERSION; --check: and that this tree is that version
[group('develop')]
release-notes *ARGS:
    scripts/release-notes.sh "$@"

# Check the workflows: syntax, rights, pins, and that what they call is here
[group('develop')]
workflows:
    tests/workflows

# Build the image for every platform and print its digest
[group('image')]
image:
    nix build .#image
    @jq -r '.manifests[0].digest' result/index.json

# Copy the image of this tree to REGISTRY/NAME[:TAG], every platform, and print it by digest
[group('image')]
push *ARGS:
    scripts/push-image.sh "$@"

# Copy the manifests, pinned to NAME@sha256:…, beside the image: REGISTRY/NAME[:TAG] --image IMAGE
[group('image')]
push-manifests *ARGS:
    scripts/push-manifests.sh "$@"

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
    scripts/rollback-deployment.sh "$@"

# Show what runs in an environment
[group('deploy')]
status ENV *ARGS:
    scripts/status.sh "$@"

# Follow the logs of all pods of an environment
[group('deploy')]
logs ENV *ARGS:
    scripts/logs.sh "$@"

# Make or rotate the Secret of an environment from a file of KEY=VALUE lines
[group('deploy')]
secrets ENV FILE *ARGS:
    scripts/create-secrets.sh "$@"

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
