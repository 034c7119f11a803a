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

  # All that reaches the binary, and so the image.
  crate = [
    ../.cargo
    ../Cargo.lock
    ../Cargo.toml
    ../src
  ];
in
{
  binary = source crate;

  # The tests compare documentation with code.
  rust = source (
    crate
    ++ [
      ../benches
      ../clippy.toml
      ../docs
      ../examples
      ../rustfmt.toml
      ../tests/service
    ]
  );

  # What cargo-deny reads.
  dependencies = source [
    ../Cargo.lock
    ../Cargo.toml
    ../deny.toml
  ];

  nix = source [
    ../flake.nix
    ../nix
  ];

  # For the checks of scripts: everything that git knows, the interpreter line decides.
  all = source [ (fileset.fromSource (lib.cleanSource root)) ];
}
