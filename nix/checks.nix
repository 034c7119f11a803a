# `nix flake check`: what the code, the image and the files of this tree have to be.
{
  lib,
  craneLib,
  runCommand,
  writeShellScriptBin,
  cargo-deny,
  deadnix,
  nixfmt,
  prometheus,
  python3,
  shellcheck,
  statix,
  project,
  root,
  member,
  release,
  sources,
  advisory-db,

  image,
  archives,
  sbom,
}:
let
  rust = {
    src = sources.rust;
    pname = release.name;
    inherit (release) version;
    strictDeps = true;
    env.CARGO_PROFILE = "dev";
  };
  withDependencies = rust // {
    cargoArtifacts = craneLib.buildDepsOnly rust;
  };

  # check NAME TOOLS SCRIPT, in a copy of the sources that the script reads.
  check =
    name: source: tools: script:
    runCommand "${release.name}-${name}" { nativeBuildInputs = tools; } ''
      cp -r --no-preserve=mode ${source} tree
      cd tree
      ${script}
      touch $out
    '';

  # The manifest that states the image.
  ofMember = lib.optionalString (member != ".") "cp ${member}/Cargo.toml Cargo.toml";

  # A linter that is not at hand (the program says 127) is told and passed over.
  linter =
    name: source: tool: command:
    check name source [ tool ] ''
      code=0
      ${lib.getExe tool} --version || code=$?
      if [ $code = 127 ]; then
        echo "skipped: ${name} is not here"
      else
        ${command}
      fi
    '';
in
{
  inherit image sbom;

  clippy = craneLib.cargoClippy (
    withDependencies // { cargoClippyExtraArgs = "--all-targets -- --deny warnings"; }
  );
  fmt = craneLib.cargoFmt rust;
  doc = craneLib.cargoDoc (
    withDependencies
    // {
      cargoDocExtraArgs = "--no-deps --document-private-items";
      env = rust.env // {
        RUSTDOCFLAGS = "--deny warnings";
      };
    }
  );
  # Tests of databases need those; the gate runs them, here they say that they are skipped.
  test = craneLib.cargoTest (
    withDependencies
    // {
      src = sources.all;
      postPatch = "for folder in scripts tests; do if [ -d $folder ]; then patchShebangs $folder; fi; done";
      __darwinAllowLocalNetworking = true;
      nativeBuildInputs = [
        prometheus.cli
        (writeShellScriptBin "kill" ''kill "$@"'') # the shell's own; there is no other in a build
      ];
    }
  );

  image-contents = check "image-contents" sources.manifests [ python3 ] ''
    ${ofMember}
    python3 ${project.imageCheck}/tests/image/check ${image} ${
      lib.concatStringsSep " " (
        lib.mapAttrsToList (architecture: archive: "--archive ${architecture}=${archive}") archives
      )
    }
  '';
  image-check-detects = check "image-check-detects" sources.manifests [ python3 ] ''
    ${ofMember}
    python3 ${project.imageCheck}/tests/image/check-detects ${image}
  '';

  shellcheck = linter "shellcheck" sources.all shellcheck ''
    mapfile -t scripts < <(grep -rlE '^#!(/usr/bin/env bash|/bin/sh)|^# shellcheck shell=' . | sort)
    [ ''${#scripts[@]} = 0 ] || shellcheck "''${scripts[@]}"
  '';
  nixfmt = linter "nixfmt" sources.nix nixfmt "find . -name '*.nix' -exec nixfmt --check {} +";
  statix = linter "statix" sources.nix statix "statix check";
  deadnix = linter "deadnix" sources.nix deadnix "deadnix --fail";
}
// lib.optionalAttrs (lib.pathExists (root + "/deny.toml")) {
  licences = craneLib.mkCargoDerivation {
    inherit (rust) pname version;
    src = sources.dependencies;
    pnameSuffix = "-licences";
    cargoArtifacts = null;
    doInstallCargoArtifacts = false;
    nativeBuildInputs = [ cargo-deny ];
    buildPhaseCargoCommand = ''
      code=0
      cargo-deny --version || code=$?
      if [ $code = 127 ]; then
        echo "skipped: cargo-deny is not here"
      else
        cargo deny --offline --all-features check bans licenses sources
      fi
    '';
  };
}
// lib.optionalAttrs (advisory-db != null) {
  # What was known when the database was pinned; `just scan` asks the current one.
  audit = craneLib.cargoAudit {
    inherit (rust) pname version;
    inherit advisory-db;
    src = sources.dependencies;
  };
}
