# `nix fmt`: every Nix file of the tree.
{ writeShellApplication, nixfmt }:
writeShellApplication {
  name = "format-nix";
  runtimeInputs = [ nixfmt ];
  text = ''
    [ $# -gt 0 ] || set -- flake.nix nix/*.nix
    nixfmt "$@"
  '';
}
