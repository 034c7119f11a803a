# Which files each build reads. A file that is not named here can change without a rebuild.
{
  lib,
  root,
  member,
  release,
}:
let
  inherit (lib) fileset;
  manifest = lib.importTOML (root + "/Cargo.toml");
  source =
    files:
    fileset.toSource {
      inherit root;
      fileset = fileset.unions files;
    };
  maybe = name: fileset.maybeMissing (root + "/${name}");

  # `crates/*` is the folder `crates`.
  members = map (member: lib.head (lib.splitString "/*" member)) (manifest.workspace.members or [ ]);
  manifests = [
    (maybe "Cargo.lock")
    (root + "/Cargo.toml")
    (maybe "${member}/Cargo.toml")
  ];
  # All that reaches the binary, and so the image.
  crate =
    manifests
    ++ map maybe (
      [
        "src"
        "build.rs"
        "migrations"
        ".sqlx"
        "proto"
      ]
      ++ members
      ++ map (name: "${member}/${name}") release.image.sources
    );
in
{
  binary = source crate;

  # What the compiler and its lints read.
  rust = source (
    crate
    ++ map maybe [
      "benches"
      "clippy.toml"
      "examples"
      "rustfmt.toml"
      "tests"
    ]
  );

  # What the checks of the dependencies read: the crate's files, no code of it.
  dependencies = source (
    manifests
    ++ map maybe (
      [
        ".cargo/audit.toml"
        "deny.toml"
        "src/main.rs"
        "src/lib.rs"
        "build.rs"
      ]
      ++ members
    )
  );

  manifests = source manifests;

  nix = source (
    map maybe [
      "flake.nix"
      "nix"
    ]
  );

  # What the tests compare with the code, and what the linters of scripts look through.
  all = source [ root ];
}
