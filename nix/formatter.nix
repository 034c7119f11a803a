# `nix fmt`: every Nix file of the tree.
{ lib, writeShellScriptBin, nixfmt }:
writeShellScriptBin "format-nix" ''
  [ $# -gt 0 ] || set -- flake.nix nix/*.nix
  exec ${lib.getExe nixfmt} "$@"
''
