# One platform's image: a layer, its configuration and its manifest as blobs, and
# `descriptor.json`, by which the index names the manifest.
{
  lib,
  runCommand,
  writeText,
  cacert,
  gnutar,
  gzip,
  jq,
  root,
  member,
  release,

  architecture,
  executable,
}:
let
  inherit (release) image;
  seconds = n: n * 1000000000;
  user = "65532";
  certificates = "/etc/ssl/certs/ca-certificates.crt";

  env = {
    RUST_LOG = "info";
    LOG_FORMAT = "json";
    LOG_TIMESTAMP_FORMAT = "rfc3339";
  }
  // lib.optionalAttrs image.ca-certificates { SSL_CERT_FILE = certificates; }
  // image.env;

  configuration = writeText "config.json" (
    builtins.toJSON (
      {
        inherit architecture;
        os = "linux";
        inherit (release) created;
        config = {
          User = "${user}:${user}";
          Entrypoint = [ "/${release.name}" ];
          Env = lib.mapAttrsToList (name: value: "${name}=${value}") env;
          ExposedPorts = {
            "8080/tcp" = { };
          }
          // lib.genAttrs image.ports (_port: { });
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
      // lib.optionalAttrs (platform ? variant) { inherit (platform) variant; }
    )
  );
  # As the index names it: containerd and others look for arm64/v8.
  platform = {
    os = "linux";
    inherit architecture;
  }
  // lib.optionalAttrs (architecture == "arm64") { variant = "v8"; };

  passwd = writeText "passwd" "nonroot:x:${user}:${user}:nonroot:/:/sbin/nologin\n";
  group = writeText "group" "nonroot:x:${user}:\n";
  # In the image: { source, mode }.
  files = {
    "/${release.name}" = {
      source = lib.getExe executable;
      mode = "0555";
    };
    "/etc/passwd".source = passwd;
    "/etc/group".source = group;
  }
  // lib.optionalAttrs image.ca-certificates {
    ${certificates}.source = "${cacert}/etc/ssl/certs/ca-bundle.crt";
  }
  // lib.mapAttrs (_path: file: file // { source = root + "/${member}/${file.source}"; }) image.files;
  install =
    path:
    {
      source,
      mode ? "0444",
    }:
    ''install -D -m ${mode} ${source} "rootfs"${lib.escapeShellArg path}'';
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

    umask 022 # the mode of folders
    ${lib.concatStringsSep "\n" (lib.mapAttrsToList install files)}
    pack layer.tar rootfs $(ls rootfs)
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
      jq -cS --argjson platform ${lib.escapeShellArg (builtins.toJSON platform)} \
        '.platform = $platform' > $out/descriptor.json
  ''
