# One platform's image: a layer, its configuration and its manifest as blobs, and
# `descriptor.json`, by which the index names the manifest.
{
  runCommand,
  writeText,
  gnutar,
  gzip,
  jq,
  release,

  architecture,
  executable,
}:
let
  seconds = n: n * 1000000000;
  user = "65532";

  configuration = writeText "config.json" (
    builtins.toJSON {
      inherit architecture;
      os = "linux";
      inherit (release) created;
      config = {
        User = "${user}:${user}";
        Entrypoint = [ "/${release.name}" ];
        Env = [
          "RUST_LOG=info"
          "LOG_FORMAT=json"
          "LOG_TIMESTAMP_FORMAT=rfc3339"
        ];
        ExposedPorts."8080/tcp" = { };
        Labels = release.labels;
        Healthcheck = {
          Test = [
            "CMD"
            "/${release.name}"
            "healthcheck"
          ];
          Interval = seconds 30;
          Timeout = seconds 5;
          StartPeriod = seconds 5;
          Retries = 3;
        };
      };
      history = [
        {
          inherit (release) created;
          created_by = "nix build .#image";
        }
      ];
    }
  );
  passwd = writeText "passwd" "nonroot:x:${user}:${user}:nonroot:/:/sbin/nologin\n";
  group = writeText "group" "nonroot:x:${user}:\n";
in
runCommand "${release.name}-${architecture}"
  {
    nativeBuildInputs = [
      gnutar
      gzip
      jq
    ];
    passthru = { inherit architecture; };
  }
  ''
    source ${./oci.sh}

    install -D -m 0555 ${executable}/bin/${release.name} rootfs/${release.name}
    install -D -m 0444 ${passwd} rootfs/etc/passwd
    install -D -m 0444 ${group} rootfs/etc/group
    chmod 0755 rootfs/etc
    pack layer.tar rootfs etc ${release.name}
    gzip --best --no-name --stdout layer.tar > layer.tar.gz

    jq -cjS --arg layer "sha256:$(sha256sum < layer.tar | cut -d ' ' -f 1)" \
      '.rootfs = {type: "layers", diff_ids: [$layer]}' ${configuration} > config.json
    jq -cnjS \
      --argjson config "$(blob config.json application/vnd.oci.image.config.v1+json)" \
      --argjson layer "$(blob layer.tar.gz application/vnd.oci.image.layer.v1.tar+gzip)" '{
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: $config,
        layers: [$layer]
      }' > manifest.json
    blob manifest.json application/vnd.oci.image.manifest.v1+json |
      jq -cS '.platform = {os: "linux", architecture: "${architecture}"}' > $out/descriptor.json
  ''
