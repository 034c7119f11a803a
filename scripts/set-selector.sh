#!/usr/bin/env bash
# Gives a Deployment that runs the selector that its overlay has, which Kubernetes changes in no Deployment
# that is there. Its pods serve on: they are handed from the old Deployment to the new one.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kube.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/overlay.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/revisions.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/preflight.sh"

usage() {
    cat <<'EOF'
scripts/set-selector.sh ENVIRONMENT|DIRECTORY [--context CONTEXT]

For the Deployment of a release before 0.2.0, whose selector lacks app.kubernetes.io/instance, and
for others whose overlay has more labels in its selector: labels the pods, deletes the Deployment
alone, labels its ReplicaSets, and makes it again with that selector, the same replicas, pods and
history. No pod is restarted. Then deploy: Service, budget and policy get their selectors by that.

Exit status: 0 it has that selector, 1 it failed, 2 wrong usage. Needs kubectl and jq.
EOF
}

enter_environment "$@"

kubectl -n "$namespace" get deployment "$deployment" -o json >"$work/old" || fail "there is no $deployment in $namespace; nothing was changed"
rendered_deployment | jq '.spec.selector.matchLabels' >"$work/wanted"
# The labels that the selector lacks; null where it has others, too, which the pods may not keep.
added=$(jq --slurpfile wanted "$work/wanted" '.spec.selector.matchLabels as $present
    | if ($present | to_entries) - ($wanted[0] | to_entries) == [] then $wanted[0] | with_entries(select($present[.key] == null)) else null end' "$work/old")
[ "$added" != null ] || fail "the selector of $deployment has labels that the overlay's has not, so its pods cannot be handed over; nothing was changed"
if [ "$added" = '{}' ]; then
    say "$deployment in $namespace has that selector already: nothing to do"
    exit
fi
refuse_paused "$namespace" "$deployment"
kubectl -n "$namespace" rollout status "deployment/$deployment" --watch=false | grep -q 'successfully rolled out' ||
    fail "a rollout of $deployment is underway; nothing was changed"
for verb in create delete patch; do
    may "$namespace" $verb deployments.apps || fail "you may not $verb Deployments in $namespace; nothing was changed"
done

sets=$(replica_sets "$namespace" "$deployment")
kept=$(mktemp "${TMPDIR:-/tmp}/$deployment.XXXXXX")
jq --argjson added "$added" '.spec.selector.matchLabels += $added | .spec.template.metadata.labels += $added
    | del(.status) | .metadata |= del(.uid, .resourceVersion, .creationTimestamp, .generation, .managedFields)' "$work/old" >"$kept"
labels=$(jq -r 'to_entries[] | "\(.key)=\(.value)"' <<<"$added")
old=$(jq -r '.spec.selector.matchLabels | to_entries | map("\(.key)=\(.value)") | join(",")' "$work/old")
say "== Pods of $deployment in $namespace get $labels"
# shellcheck disable=SC2086 # words
kubectl -n "$namespace" label pods -l "$old" --overwrite $labels
say '== The Deployment is made anew'
trap 'say "error: $deployment is to be made again by hand: kubectl -n $namespace create -f $kept" >&2; rm -rf "$work"' EXIT
kubectl -n "$namespace" delete deployment "$deployment" --cascade=orphan
# Not before: the old one would take a ReplicaSet with another template for none of its own.
patch=$(jq -c '{metadata: {labels: .}, spec: {template: {metadata: {labels: .}}}}' <<<"$added")
for set in $(jq -r '.[].metadata.name' <<<"$sets"); do
    again kubectl -n "$namespace" patch replicaset "$set" --patch "$patch"
done
again kubectl -n "$namespace" create --field-manager=kubectl -f "$kept"
trap 'rm -rf "$work" "$kept"' EXIT
kubectl -n "$namespace" rollout status "deployment/$deployment" --timeout=60s
say "== $deployment selects its pods by $selector; now: scripts/deploy.sh $environment"
