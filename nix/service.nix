# The outputs of a service's flake. `root` is its repository: the name, the image and the sources are
# those of the Cargo.toml there, the toolchain that of its rust-toolchain.toml. For a service that is a
# member of a workspace, it is { root, member }, with the member's folder; `advisory-db` there, a flake
# input, adds a check for known vulnerabilities. This project's own flake is made by it, too.
{
  nixpkgs,
  crane,
  rust-overlay,
}:
service:
let
  arguments = {
    member = ".";
    advisory-db = null;
  }
  // (if service ? root then service else { root = service; });
  inherit (nixpkgs) lib;
  systems = [
    "x86_64-linux"
    "aarch64-linux"
    "aarch64-darwin"
  ];
  forSystem =
    system:
    import ./system.nix {
      inherit crane;
      inherit (arguments) root member advisory-db;
      pkgs = import nixpkgs {
        inherit system;
        overlays = [ rust-overlay.overlays.default ];
      };
    };
  outputs = lib.genAttrs systems forSystem;
in
lib.genAttrs [ "packages" "apps" "checks" "devShells" "formatter" ] (
  name: lib.mapAttrs (_system: parts: parts.${name}) outputs
)
