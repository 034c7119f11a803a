# One platform's image as the tar that `docker load` and `podman load` read. It is in Docker's
# format, because podman takes a health check from no other.
{
  runCommand,
  gnutar,
  jq,
  release,

  platform,
}:
runCommand "${platform.name}.tar"
  {
    nativeBuildInputs = [
      gnutar
      jq
    ];
  }
  ''
    source ${./oci.sh}

    blobs=${platform}/blobs/sha256
    manifest=$blobs/$(jq -r '.digest | ltrimstr("sha256:")' ${platform}/descriptor.json)
    mkdir archive
    for digest in $(jq -r '.config.digest, .layers[].digest | ltrimstr("sha256:")' "$manifest"); do
      install -D -m 0444 -t archive/blobs/sha256 "$blobs/$digest"
    done
    jq -cjS 'def path: .digest | sub("sha256:"; "blobs/sha256/");
      [{
        Config: (.config | path),
        RepoTags: ["${release.name}:${release.version}"],
        Layers: [.layers[] | path]
      }]' "$manifest" > archive/manifest.json
    chmod -R u=rwX,go=rX archive
    pack $out archive blobs manifest.json
  ''
