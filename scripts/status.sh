#!/usr/bin/env bash
# What runs in an environment, at a glance.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kube.sh"

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
    cat <<'EOF'
scripts/status.sh ENVIRONMENT

Shows the Deployment, its pods with image and health, HPA and PodDisruptionBudget, the revisions
that can be gone back to, and the last warnings. Exit status: 0 all pods are of the present release
and ready, 1 not all (yet) or no deployment, 2 wrong usage. Needs kubectl and jq.
EOF
    exit
fi
[ $# = 1 ] || misuse 'which environment?'
need kubectl jq
directory=$(overlay "$1") || exit
namespace=$(namespace_of "$directory")
reachable
[ -n "$(kubectl -n "$namespace" get deployment "$app" --ignore-not-found -o name)" ] ||
    fail "$app is not deployed in $namespace"

kubectl -n "$namespace" get deployment,hpa,pdb || say '(not all of it can be read)'
say
kubectl -n "$namespace" get pods -l "$selector" -o json | jq -r --arg app "$app" '.items[]
    | (first(.status.containerStatuses[]? | select(.name == $app)) // {}) as $container
    | [.metadata.name, .spec.nodeName // "no node", if .metadata.deletionTimestamp then "ending"
        elif $container.ready then "ready" else "not ready" end,
       "\($container.restartCount // 0) restarts", $container.imageID // "no image" | tostring] | join("  ")'
say
say "Revisions: $(revisions_of "$(replica_sets "$namespace" "$app")" | tr '\n' ' ')(present: $(current_revision "$namespace" "$app"))"
say 'Last warnings:'
last_events "$namespace" 5
kubectl -n "$namespace" get deployment "$app" -o json |
    jq -e '.status.observedGeneration == .metadata.generation and ([.spec.replicas, .status.replicas // 0,
        .status.updatedReplicas // 0, .status.readyReplicas // 0] | unique | length == 1)' >/dev/null
