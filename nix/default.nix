# Puts the parts together for one system. Each part is a file of its own beside this one.
{ pkgs, crane }:
let
  inherit (pkgs) lib;

  # What the image holds, by OCI architecture.
  targets = {
    amd64 = "x86_64-unknown-linux-musl";
    arm64 = "aarch64-unknown-linux-musl";
  };

  scope = pkgs // {
    craneLib = (crane.mkLib pkgs).overrideToolchain (call ./toolchain.nix { });
    release = call ./release.nix { };
    sources = call ./sources.nix { };
  };
  # Gives a file's function what it names. (callPackage would add `override` to the outputs.)
  call =
    file: arguments:
    let
      function = import file;
    in
    function (builtins.intersectAttrs (lib.functionArgs function) scope // arguments);

  binary = call ./binary.nix { };
  static = lib.mapAttrs (_architecture: target: binary { inherit target; }) targets;
  platforms = lib.mapAttrs (
    architecture: executable: call ./platform.nix { inherit architecture executable; }
  ) static;
  image = call ./image.nix { inherit platforms; };
  archives = lib.mapAttrs (_architecture: platform: call ./archive.nix { inherit platform; }) platforms;
  sbom = call ./sbom.nix { inherit static; };

  # On Linux the native binary is the very one that the image holds.
  host = pkgs.stdenv.hostPlatform;
  native = if host.isLinux then static.${host.go.GOARCH} else binary { };

  named = prefix: lib.mapAttrs' (architecture: lib.nameValuePair "${prefix}-${architecture}");
in
{
  packages = {
    default = native;
    inherit image sbom;
  }
  // named "static" static
  // named "image" archives;

  apps.default = {
    type = "app";
    program = lib.getExe native;
    meta.description = "Runs the service";
  };

  checks = call ./checks.nix { inherit image archives sbom; };
  devShells.default = call ./shell.nix { };
  formatter = call ./formatter.nix { };
}
