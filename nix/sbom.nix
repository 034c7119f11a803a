# The bill of materials of both binaries, in CycloneDX.
{
  lib,
  craneLib,
  runCommand,
  python3,
  member,
  project,
  release,
  sources,

  static,
}:
let
  binaries = map lib.getExe (lib.attrValues static);
  source = sources.binary;
  vendor = craneLib.vendorCargoDeps { src = source; };
in
runCommand "${release.name}-sbom.cdx.json" { nativeBuildInputs = [ python3 ]; } ''
  python3 ${project.sbom}/scripts/sbom.py ${toString binaries} \
    --lock ${source}/Cargo.lock --manifest ${source}/${member}/Cargo.toml --vendor ${vendor} > $out
''
