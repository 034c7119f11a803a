# `nix develop`: the tools that the justfile, the scripts and the documentation name.
{
  lib,
  stdenv,
  craneLib,
  cargo-audit,
  cargo-auditable,
  cargo-deny,
  cosign,
  curl,
  deadnix,
  git,
  grype,
  hyperfine,
  jq,
  just,
  kind,
  kube-linter,
  kube-score,
  kubectl,
  kustomize,
  nixfmt,
  oras,
  prometheus,
  python3,
  redis,
  shellcheck,
  skopeo,
  statix,
  wrk,

  ops,

  # Not in every package set, nor for every system.
  chromium ? null,
  kubectl-validate ? null,
  nginx ? null,
  nodejs ? null,
  podman ? null,
  postgresql ? null,
}:
let
  isHere = package: package != null && lib.meta.availableOn stdenv.hostPlatform package;
in
craneLib.devShell {
  packages = [
    cargo-audit
    cargo-auditable
    cargo-deny
    cosign
    curl
    deadnix
    git
    grype
    hyperfine
    jq
    just
    kind
    kube-linter
    kube-score
    kubectl
    kustomize
    nixfmt
    ops
    oras
    prometheus
    prometheus.cli
    python3
    redis
    shellcheck
    skopeo
    statix
    wrk
  ]
  ++ lib.filter isHere [
    chromium
    kubectl-validate
    nginx
    nodejs
    podman
    postgresql
  ];
}
