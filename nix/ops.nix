# The scripts of operations, which work on the repository that they are called in; and `new`, which
# makes one. What they need from outside is found behind the caller's own PATH.
{
  lib,
  runCommand,
  gawk,
  gnugrep,
  gnused,
  jq,
  kubectl,
  oras,
  skopeo,
  project,
}:
runCommand "ops" { meta.mainProgram = "ops"; } ''
  mkdir -p $out/bin $out/share
  cp -r ${project.ops} $out/share/ops
  chmod -R u+w $out/share/ops
  patchShebangs $out/share/ops
  for program in ops new.sh; do
    cat > $out/bin/''${program%.sh} <<EOF
  #!$SHELL
  export PATH="\$PATH:${
    lib.makeBinPath [
      gawk
      gnugrep
      gnused
      jq
      kubectl
      oras
      skopeo
    ]
  }"
  exec $out/share/ops/scripts/$program "\$@"
  EOF
    chmod +x $out/bin/''${program%.sh}
  done
''
