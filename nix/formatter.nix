# `nix fmt`: every file of the tree that a formatter here knows.
{
  lib,
  craneLib,
  writeShellScriptBin,
  writeText,
  nixfmt,
  treefmt,
}:
let
  configuration = writeText "treefmt.toml" ''
    [formatter.nix]
    command = "nixfmt"
    includes = ["*.nix"]

    [formatter.rust]
    command = "rustfmt"
    options = ["--edition", "2024"]
    includes = ["*.rs"]
  '';
in
writeShellScriptBin "format" ''
  export PATH="${
    lib.makeBinPath [
      craneLib.rustfmt
      nixfmt
    ]
  }:$PATH"
  exec ${lib.getExe treefmt} --config-file ${configuration} --tree-root . "$@"
''
