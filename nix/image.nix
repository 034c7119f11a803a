# The image: an OCI layout whose one entry is an index over every platform. The digest of that
# index is the image's digest, in this folder and in any registry it is copied to.
{
  lib,
  runCommand,
  writeText,
  jq,
  release,

  platforms,
}:
let
  annotations = writeText "annotations.json" (builtins.toJSON release.labels);
  folders = lib.attrValues platforms; # sorted by architecture
in
runCommand "${release.name}-image" { nativeBuildInputs = [ jq ]; } ''
  source ${./oci.sh}

  for platform in ${toString folders}; do
    install -D -m 0444 -t $out/blobs/sha256 "$platform"/blobs/sha256/*
  done
  jq -cjS --slurp --slurpfile annotations ${annotations} '{
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: .,
      annotations: $annotations[0]
    }' ${lib.concatMapStringsSep " " (folder: "${folder}/descriptor.json") folders} > image.json

  blob image.json application/vnd.oci.image.index.v1+json |
    jq -cjS '{
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [.annotations = {"org.opencontainers.image.ref.name": "${release.version}"}]
    }' > $out/index.json
  printf '{"imageLayoutVersion":"1.0.0"}' > $out/oci-layout
''
