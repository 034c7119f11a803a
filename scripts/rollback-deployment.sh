#!/usr/bin/env bash
# Takes a Deployment back to an earlier revision and watches it arrive.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kube.sh"

usage() {
    cat <<'EOF'
scripts/rollback-deployment.sh [DEPLOYMENT] [NAMESPACE] [--to-revision N] [--timeout SECONDS]

Shows the status and the history, undoes the last rollout (or goes to revision N), watches until
it is done, and lists the pods. Wrong input changes nothing.

  DEPLOYMENT         pcf-api where not given
  NAMESPACE          pcf-api-prod where not given
  --to-revision N    a revision of the history; else the one before the present one, unless the
                     present one was itself gone back to: before it is what was left
  --timeout SECONDS  how long to watch (300)

Exit status: 0 rolled back, 1 it failed, 2 wrong usage. Needs kubectl and jq.
EOF
}

positional=() target='' timeout=300
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --to-revision) [ $# -ge 2 ] || misuse '--to-revision needs a number'; target=$2; shift ;;
        --to-revision=*) target=${1#*=} ;;
        --timeout) [ $# -ge 2 ] || misuse '--timeout needs seconds'; timeout=$2; shift ;;
        -*) misuse "unknown option $1" ;;
        *) positional+=("$1") ;;
    esac
    [ "$target" != '' ] || [[ $1 != --to-revision* ]] || misuse '--to-revision needs a number'
    shift
done
[ ${#positional[@]} -le 2 ] || misuse "too many arguments: ${positional[*]}"
deployment=${positional[0]:-$app} namespace=${positional[1]:-$app-prod}
[[ $timeout =~ ^[1-9][0-9]{0,4}$ ]] || misuse "--timeout: '$timeout' is not a number of seconds"
[[ -z $target || $target =~ ^[1-9][0-9]{0,8}$ ]] || misuse "--to-revision: '$target' is not a revision's number"
need kubectl jq
reachable

found=$(kubectl -n "$namespace" get deployment "$deployment" --ignore-not-found -o name)
[ -n "$found" ] || fail "no deployment '$deployment' in namespace '$namespace'"
refuse_paused "$namespace" "$deployment"
current=$(current_revision "$namespace" "$deployment")
sets=$(replica_sets "$namespace" "$deployment")
known=$(revisions_of "$sets" | paste -sd ' ' -)
history() {
    say "== History (present: $current)"
    jq -r 'sort_by(.metadata.annotations["deployment.kubernetes.io/revision"] | tonumber)[]
        | "\(.metadata.annotations["deployment.kubernetes.io/revision"])\t\(.metadata.creationTimestamp)\t\(.spec.template.spec.containers[0].image)"' <<<"$sets"
}
if [ -z "$target" ]; then
    # The numbers that the present ReplicaSet had before, where it is not new.
    former=$(jq -r --arg current "$current" '.[].metadata.annotations
        | select(.["deployment.kubernetes.io/revision"] == $current) | .["deployment.kubernetes.io/revision-history"] // empty' <<<"$sets")
    if [ -n "$former" ]; then
        history
        fail "revision $current is one that was gone back to (it was $former), so the one before it may be the one that was left; say which: $0 $deployment $namespace --to-revision N"
    fi
    for revision in $known; do
        [ "$revision" -ge "$current" ] || target=$revision
    done
    [ -n "$target" ] || fail "no revision before $current: there is nothing to go back to"
fi
[[ " $known " == *" $target "* ]] || fail "no revision $target of $deployment; there are: $known"

say "== Status"
kubectl -n "$namespace" get deployment "$deployment" -o wide
history
if [ "$target" = "$current" ]; then
    say "$deployment is at revision $target already: nothing to do"
    exit
fi
say "== Undo: revision $current -> $target"
undo "$namespace" "$deployment" "$target" "$timeout" ||
    fail "revision $target is not back, why is above; $(last_events "$namespace" 3)"
say "== Pods"
kubectl -n "$namespace" get pods -o wide -l "$(selector_of "$namespace" "$deployment")"
