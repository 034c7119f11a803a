# The daily commands. `just` alone lists them; each calls one script or one tool, so that reading
# it tells how to do without `just`.

set shell := ["bash", "-euo", "pipefail", "-c"]

_default:
    @just --list --unsorted

# Run the service on port 8080
[group('develop')]
run *ARGS:
    cargo run --release -- {{ ARGS }}

# Run every test that needs nothing but Rust (others say that they are skipped)
[group('develop')]
test *ARGS:
    cargo test {{ ARGS }}

# Format, lint and document with warnings denied
[group('develop')]
lint:
    cargo fmt --all --check
    cargo clippy --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

# Write again what is generated: docs/configuration.md, docs/metrics.md, the status page's policy
[group('develop')]
docs:
    UPDATE_DOCS=1 cargo test --lib documentation

# Compare with bare hyper and nginx under the same load, and measure start-up, health check and memory
[group('develop')]
bench *ARGS:
    benches/compare {{ ARGS }}
    cargo run --release --example costs

# Look at the status page with Chromium: contents, states, accessibility, security policy
[group('page')]
test-page *ARGS:
    tests/page/run {{ ARGS }}

# Take the README's picture of the status page again: five minutes
[group('page')]
screenshot:
    tests/page/run --screenshot
