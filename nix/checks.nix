# `nix flake check`.
{ image, archives, sbom, static, ... }: { inherit image; }
