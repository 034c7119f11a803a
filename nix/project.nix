# What services take from this repository besides its Nix files.
{ lib }:
let
  inherit (lib) fileset;
  source =
    files:
    fileset.toSource {
      root = ../.;
      fileset = fileset.unions files;
    };
in
{
  # How static binaries are built.
  static = source [ ../scripts/static ];

  # The scripts that work on another repository, what they make one from, and the facts that
  # `verify` holds its manifests against.
  ops = source [
    ../Cargo.toml
    ../deny.toml
    ../docs/configuration.md
    ../docs/tracing.md
    ../docs/troubleshooting.md
    ../k8s
    ../nix/platform.nix
    ../rust-toolchain.toml
    ../rustfmt.toml
    ../scripts
    ../src/config.rs
    ../src/health/settings.rs
    ../src/metrics/table.rs
    ../src/routes.rs
    ../src/server/settings.rs
    ../src/telemetry/settings.rs
    ../template
    ../tests/monitoring/external.prom
  ];

  # What makes the bill of materials, and what checks the image.
  sbom = source [
    ../scripts/audit_info.py
    ../scripts/sbom.py
  ];
  imageCheck = source [
    ../scripts/audit_info.py
    ../tests/image/check
    ../tests/image/check-detects
  ];
}
