# The service's binary: for the host, or static for a musl target from any host. The toolchain brings
# musl, its start files and its linker; zig compiles the C of crates that have some: scripts/static.
{
  lib,
  craneLib,
  cargo-auditable,
  zig,
  member,
  project,
  release,
  sources,
}:
{
  target ? null,
}:
let
  src = sources.binary;
  isStatic = target != null;
  # Scripts alone, so it is the same path on every host.
  cargo = "${project.static}/scripts/static/cargo";
  features = lib.concatMapStrings (feature: " --features ${feature}") release.image.features;

  arguments = {
    inherit src;
    pname = release.name;
    inherit (release) version;
    strictDeps = true;
    doCheck = false; # the tests are checks of their own
    cargoExtraArgs = "--locked${lib.optionalString (member != ".") " --package ${release.name}"}${features}";
  }
  // lib.optionalAttrs isStatic {
    CARGO_BUILD_TARGET = target;
    cargoBuildCommand = "${cargo} build --release";
    nativeBuildInputs = lib.optional release.image.c zig;
    preBuild = ''export ZIG_GLOBAL_CACHE_DIR="$TMPDIR/zig" ZIG_LOCAL_CACHE_DIR="$TMPDIR/zig"'';
  };
in
craneLib.buildPackage (
  arguments
  // {
    cargoArtifacts = craneLib.buildDepsOnly (arguments // { cargoCheckCommand = "true"; });
    # Embeds the list of dependencies, which scanners read back from the binary.
    nativeBuildInputs = arguments.nativeBuildInputs or [ ] ++ [ cargo-auditable ];
    cargoBuildCommand =
      lib.optionalString isStatic "CARGO=${cargo} " + "cargo-auditable auditable build --release";
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
