{
  description = "pcf-api: a lean HTTP service and its container image, the same bytes on every machine";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    crane.url = "github:ipetkov/crane";
    rust-overlay = {
      url = "github:oxalica/rust-overlay";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      nixpkgs,
      crane,
      rust-overlay,
      ...
    }:
    let
      service = import ./nix/service.nix { inherit nixpkgs crane rust-overlay; };
    in
    service ./.
    // {
      # Another repository's flake: `outputs = { pcf-api, ... }: pcf-api.lib.service ./.;`
      lib = { inherit service; };
    };
}
