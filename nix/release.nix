# What Cargo.toml says about the release and its image. Nothing of the commit: two commits with the
# same code make the same image.
{
  lib,
  root,
  member,
}:
let
  inherit (lib.importTOML (root + "/${member}/Cargo.toml")) package;
  date =
    package.metadata.release.date
      or (throw "Cargo.toml has no [package.metadata.release] date: the image's `created` is that day");
  created = "${date}T00:00:00Z";

  defaults = {
    size-limit = 10 * 1024 * 1024;
    # Whether a crate compiles C.
    c = false;
    ca-certificates = false;
    features = [ ];
    # Folders and files that the build reads besides the usual ones.
    sources = [ ];
    # "/path/in/the/image" = { source = "path", mode = "0444" }
    files = { };
    env = { };
    ports = [ ];
    labels = { };
  };
  stated = package.metadata.image or { };
  unknown = lib.attrNames (removeAttrs stated (lib.attrNames defaults));
in
{
  inherit (package) name version;
  inherit created;

  image =
    if unknown == [ ] then
      defaults // stated
    else
      throw "Cargo.toml: [package.metadata.image] knows no ${toString unknown}; it knows ${toString (lib.attrNames defaults)}";

  # Labels of each platform's image and annotations of the index.
  labels = {
    "org.opencontainers.image.title" = package.name;
    "org.opencontainers.image.description" = package.description or package.name;
    "org.opencontainers.image.version" = package.version;
    "org.opencontainers.image.created" = created;
  }
  // lib.optionalAttrs (package ? license) { "org.opencontainers.image.licenses" = package.license; }
  // lib.optionalAttrs (package ? repository) {
    "org.opencontainers.image.source" = package.repository;
  }
  // stated.labels or { };
}
