# Puts the parts together for one system. Each part is a file of its own beside this one.
{
  pkgs,
  crane,
  root,
  member,
  advisory-db,
}:
let
  inherit (pkgs) lib;

  # What the image holds, by OCI architecture.
  targets = {
    amd64 = "x86_64-unknown-linux-musl";
    arm64 = "aarch64-unknown-linux-musl";
  };

  scope = pkgs // {
    inherit root member advisory-db;
    craneLib = (crane.mkLib pkgs).overrideToolchain (call ./toolchain.nix { });
    project = call ./project.nix { };
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
  ops = call ./ops.nix { };
  shell = call ./shell.nix { inherit ops; };

  # On Linux the native binary is the very one that the image holds.
  host = pkgs.stdenv.hostPlatform;
  native = if host.isLinux then static.${host.go.GOARCH} else binary { };

  named = prefix: lib.mapAttrs' (architecture: lib.nameValuePair "${prefix}-${architecture}");
in
{
  packages = {
    default = native;
    inherit image sbom ops;
  }
  // named "static" static
  // named "image" archives;

  apps = {
    default = {
      type = "app";
      program = lib.getExe native;
      meta.description = "Runs the service";
    };
    new = {
      type = "app";
      program = "${ops}/bin/new";
      meta.description = "Makes the repository of a service of one's own";
    };
  };

  checks = call ./checks.nix { inherit image archives sbom; } // {
    inherit shell;
  };
  devShells.default = shell;
  formatter = call ./formatter.nix { };
}
