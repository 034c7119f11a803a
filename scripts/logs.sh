#!/usr/bin/env bash
# The logs of all pods of an environment.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kube.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/overlay.sh"

case ${1:-} in
    --help | -h)
        cat <<'EOF'
scripts/logs.sh ENVIRONMENT|DIRECTORY [--context CONTEXT] [OPTION of kubectl logs]...

Follows the logs of all pods of an overlay, from the last 100 lines on; with options, does what
they say instead. Needs kubectl and jq.
EOF
        exit ;;
    '' | -*) misused 'which environment?' ;;
esac
need kubectl jq
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
use_overlay "$1" "$work"
shift
if [ "${1:-}" = --context ]; then
    [ $# -ge 2 ] || misused '--context needs a name'
    context=$2
    shift 2
fi
[ $# -gt 0 ] || set -- --follow --tail=100
kubectl -n "$namespace" logs -l "$selector" -c "$container" --prefix --max-log-requests=20 "$@"
