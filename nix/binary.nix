# The service's binary: for the host, or static for a musl target from any host. The toolchain
# brings musl, its start files and its linker (.cargo/static.toml), so no C compiler for the
# target is built; the check `no-c-crates` keeps it possible.
{
  lib,
  craneLib,
  writeShellScriptBin,
  cargo-auditable,
  release,
  sources,
}:
{
  target ? null,
}:
let
  src = sources.binary;
  cargoVendorDir = craneLib.vendorCargoDeps { inherit src; };
  isStatic = target != null;
  # What Cargo reads beside .cargo/static.toml; plain RUSTFLAGS would be read instead of it.
  cargo =
    if isStatic then
      "CARGO_TARGET_${lib.toUpper (lib.replaceStrings [ "-" ] [ "_" ] target)}"
    else
      "CARGO_BUILD";
  # Before 0.7.4 cargo-auditable takes every linker for a C compiler and says `-Wl,` to it.
  linker = writeShellScriptBin "rust-lld" ''exec rust-lld "''${@/#-Wl,/}"'';

  arguments = {
    inherit src cargoVendorDir;
    pname = release.name;
    inherit (release) version;
    strictDeps = true;
    doCheck = false; # the tests are checks of their own
    env = {
      # Panic messages name source files; their store paths differ between build hosts.
      "${cargo}_RUSTFLAGS" = "--remap-path-prefix=${cargoVendorDir}=/cargo";
    }
    // lib.optionalAttrs isStatic {
      CARGO_BUILD_TARGET = target;
      "${cargo}_LINKER" = lib.getExe linker;
    };
  }
  // lib.optionalAttrs isStatic { cargoExtraArgs = "--locked --config ${../.cargo/static.toml}"; };
in
craneLib.buildPackage (
  arguments
  // {
    cargoArtifacts = craneLib.buildDepsOnly (arguments // { cargoCheckCommand = "true"; });
    # Embeds the list of dependencies, which scanners read back from the binary.
    nativeBuildInputs = [ cargo-auditable ];
    cargoBuildCommand = "cargo auditable build --release";
    meta.mainProgram = release.name;
  }
  // lib.optionalAttrs isStatic {
    # It needs nothing of the store; anything left in it fails the build.
    allowedReferences = [ ];
    # Cargo has stripped it, and the host's tools may not know the target.
    dontPatchELF = true;
    dontStrip = true;
    doNotSign = true;
  }
)
