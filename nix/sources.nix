# Which files each build reads. A file that is not named here can change without a rebuild.
{ lib }:
let
  inherit (lib) fileset;
  root = ../.;
  source =
    files:
    fileset.toSource {
      inherit root;
      fileset = fileset.unions files;
    };

  manifests = [
    ../Cargo.lock
    ../Cargo.toml
  ];
  # All that reaches the binary, and so the image.
  crate = manifests ++ [
    ../src
  ];
in
{
  binary = source crate;

  # What the compiler and its lints read.
  rust = source (
    crate
    ++ [
      ../benches
      ../clippy.toml
      ../examples
      ../rustfmt.toml
      ../tests
    ]
  );

  # What the checks of the dependencies read: the crate's files, no code of it.
  dependencies = source (
    manifests
    ++ [
      ../deny.toml
      ../src/main.rs
      ../src/lib.rs
    ]
  );
  noC = source (
    manifests
    ++ [
      ../src/main.rs
      ../src/lib.rs
      ../tests/image/no-c-crates
    ]
  );

  # What makes the bill of materials, and what checks the image.
  scripts = source [
    ../scripts/audit_info.py
    ../scripts/sbom.py
  ];
  imageCheck = source [
    ../Cargo.lock
    ../Cargo.toml
    ../scripts/audit_info.py
    ../tests/image/check
    ../tests/image/check-detects
  ];

  nix = source [
    ../flake.nix
    ../nix
  ];

  # What the tests compare with the code, and what the linters of scripts look through.
  all = source [ root ];
}
