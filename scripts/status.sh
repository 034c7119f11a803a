#!/usr/bin/env bash
# What runs in an environment, at a glance.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kube.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/overlay.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/revisions.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/pods.sh"

usage() {
    cat <<'EOF'
scripts/status.sh ENVIRONMENT|DIRECTORY [--context CONTEXT]

Shows the Deployment, its pods with image and health, HPA and PodDisruptionBudget, the revisions
that can be gone back to, the last warnings, and why it is not ready where it is not. Exit status:
0 there are pods, all of the present release and ready, 1 not all (yet), none, or no deployment, 2
wrong usage. Needs kubectl and jq.
EOF
}

enter_environment "$@"
[ -n "$(kubectl -n "$namespace" get deployment "$deployment" --ignore-not-found -o name)" ] ||
    fail "$deployment is not deployed in $namespace"

kubectl -n "$namespace" get deployment,hpa,pdb || say '(not all of it can be read)'
say
kubectl -n "$namespace" get pods -l "$selector" -o json | jq -r --arg container "$container" '.items[]
    | (first(.status.containerStatuses[]? | select(.name == $container)) // {}) as $status
    | [.metadata.name, .spec.nodeName // "no node", if .metadata.deletionTimestamp then "ending"
        elif any(.status.conditions[]?; .type == "Ready" and .status == "True") then "ready" else "not ready" end,
       "\($status.restartCount // 0) restarts", $status.imageID // "no image" | tostring] | join("  ")'
say
say "Revisions: $(revisions_of "$(replica_sets "$namespace" "$deployment")" | tr '\n' ' ')(present: $(current_revision "$namespace" "$deployment"))"
say 'Last warnings:'
last_warnings "$namespace" "$deployment" 5
state=$(kubectl -n "$namespace" get deployment "$deployment" -o json | jq -r '
    if .spec.replicas == 0 then "it is scaled to 0"
    elif .status.observedGeneration == .metadata.generation and ([.spec.replicas, .status.replicas // 0,
        .status.updatedReplicas // 0, .status.readyReplicas // 0] | unique | length == 1) then ""
    else [.status.conditions[]? | select(.type == "ReplicaFailure" and .status == "True") | .message][0]
        // "\(.status.readyReplicas // 0) of \(.spec.replicas) pods are ready, \(.status.updatedReplicas // 0) of the present release" end')
[ -n "$state" ] || exit 0
why=$(cause_of "$namespace" "$deployment" "$container" "$(current_pods "$namespace" "$deployment")")
fail "$deployment is not ready: $state${why:+; $why}"
