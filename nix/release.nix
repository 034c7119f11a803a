# What is said about the release, all of it from Cargo.toml. Nothing of the commit: two commits
# with the same code make the same image.
{ lib }:
let
  inherit (lib.importTOML ../Cargo.toml) package;
  created = "${package.metadata.release.date}T00:00:00Z";
in
{
  inherit (package) name version;
  inherit created;

  # Labels of each platform's image and annotations of the index.
  labels = {
    "org.opencontainers.image.title" = package.name;
    "org.opencontainers.image.description" = package.description;
    "org.opencontainers.image.version" = package.version;
    "org.opencontainers.image.created" = created;
    "org.opencontainers.image.licenses" = package.license;
  };
}
