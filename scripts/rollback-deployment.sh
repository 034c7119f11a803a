#!/usr/bin/env bash
# Takes a Deployment back to an earlier revision and watches it arrive.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kube.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/overlay.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/revisions.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/preflight.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/pods.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/rollout.sh"

usage() {
    cat <<'EOF'
scripts/rollback-deployment.sh ENVIRONMENT|DIRECTORY [--to-revision N] [--timeout SECONDS] [--context CONTEXT]
scripts/rollback-deployment.sh DEPLOYMENT NAMESPACE [the same options]

Shows the status and the history, undoes the last rollout (or goes to revision N), watches until
it is done, and lists the pods. A pod whose image cannot be pulled, or that crashes, ends the wait
after five seconds. Wrong input changes nothing.

  ENVIRONMENT        dev, staging or prod, or the DIRECTORY of another overlay: its Deployment
  --to-revision N    a revision of the history; else the one before the present one, of which a
                     restart is a part, and not one that is known never to have had a ready pod;
                     unless the present one was itself gone back to: before it is what was left
  --timeout SECONDS  how long to watch (300)
  --context CONTEXT  the cluster, as kubectl knows it; its present one where not given

Exit status: 0 rolled back, 1 it failed, 2 wrong usage. Needs kubectl and jq.
EOF
}

positional=() target='' timeout=300
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --to-revision) [ $# -ge 2 ] || misused '--to-revision needs a number'; target=$2; shift ;;
        --to-revision=*) target=${1#*=} ;;
        --timeout) [ $# -ge 2 ] || misused '--timeout needs seconds'; timeout=$2; shift ;;
        --context) [ $# -ge 2 ] || misused '--context needs a name'; context=$2; shift ;;
        -*) misused "unknown option $1" ;;
        *) positional+=("$1") ;;
    esac
    [ "$target" != '' ] || [[ $1 != --to-revision* ]] || misused '--to-revision needs a number'
    shift
done
[[ $timeout =~ ^[1-9][0-9]{0,4}$ ]] || misused "--timeout: '$timeout' is not a number of seconds"
[[ -z $target || $target =~ ^[1-9][0-9]{0,8}$ ]] || misused "--to-revision: '$target' is not a revision's number"
need kubectl jq
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case ${#positional[@]} in
    0) misused 'which environment, or which Deployment in which namespace?' ;;
    1)
        use_overlay "${positional[0]}" "$work"
        refuse_rollout 'kubectl argo rollouts undo' ;;
    2) deployment=${positional[0]} namespace=${positional[1]} ;;
    *) misused "too many arguments: ${positional[*]}" ;;
esac
reachable

found=$(kubectl -n "$namespace" get deployment "$deployment" --ignore-not-found -o name)
[ -n "$found" ] || fail "no deployment '$deployment' in namespace '$namespace'"
refuse_paused "$namespace" "$deployment"
current=$(current_revision "$namespace" "$deployment")
sets=$(replica_sets "$namespace" "$deployment")
known=$(revisions_of "$sets" | paste -sd ' ' -)
to_one="$(called rollback rollback-deployment) $(printf '%q ' "${positional[@]}")--to-revision"
history() {
    say "== History (present: $current)"
    jq -r --arg current "$current" "$jq_revisions"'sort_by(revision)[] | "\(revision)\t\(.metadata.creationTimestamp)\t\(container.image)"
        + (.spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"] // "" | if . == "" then . else "\trestarted \(.)" end)
        + if never_up and "\(revision)" != $current then "\tnever had a ready pod" else "" end' <<<"$sets"
}
if [ -z "$target" ]; then
    # What the present release is, restarts and all: the numbers that it had before, where it was gone back to.
    former=$(jq -r --argjson current "$current" "$jq_revisions"'
        (.[] | select(revision == $current) | release) as $present | [.[] | select(release == $present) | former][0] // empty' <<<"$sets")
    if [ -n "$former" ]; then
        history
        fail "revision $current is one that was gone back to (it was $former), so the one before it may be the one that was left; say which: $to_one N"
    fi
    # Those that came up, or of which it is not known, and those that never did.
    read -r target passed < <(jq -r --argjson current "$current" "$jq_revisions"'
        (.[] | select(revision == $current) | release) as $present
        | [.[] | select(revision < $current and release != $present)]
        | ([.[] | select(never_up | not) | revision] | max // 0) as $target
        | "\($target) \([.[] | select(never_up and revision > $target) | revision] | sort | join(", "))"' <<<"$sets")
    if [ "$target" = 0 ]; then
        [ -n "$passed" ] || fail "no release before revision $current: there is nothing to go back to"
        history
        fail "no release before revision $current ever had a ready pod (revision $passed): there is nothing to go back to, and nothing was changed; to one of them all the same: $to_one N"
    fi
    [ -z "$passed" ] || say "passed over, as it never had a ready pod: revision $passed"
elif [ -n "$(jq -r --argjson target "$target" "$jq_revisions"'.[] | select(revision == $target and never_up) | revision' <<<"$sets")" ]; then
    say "warning: revision $target never had a ready pod" >&2
fi
[[ " $known " == *" $target "* ]] || fail "no revision $target of $deployment; there are: $known"

say "== Status"
kubectl -n "$namespace" get deployment "$deployment" -o wide
history
if [ "$target" = "$current" ]; then
    say "$deployment is at revision $target already: nothing to do"
    exit
fi
say "== Undo: revision $current -> $target ($(image_of "$sets" "$current") -> $(image_of "$sets" "$target"))"
container=$(kubectl -n "$namespace" get deployment "$deployment" -o json | jq -r "$jq_container"'container.name')
note_release "$namespace" "$deployment"
is_back=true
undo "$namespace" "$deployment" "$target" "$timeout" || is_back=false
# A controller that applies what Git says takes an undo back within a second.
if ! present=$(again current_revision "$namespace" "$deployment") || ! after=$(again replica_sets "$namespace" "$deployment"); then
    fail "what $deployment is at after the undo cannot be told, why is above"
fi
if [ "$present" != "$current" ] && [ "$(set_of "$after" "$present")" != "$(set_of "$sets" "$target")" ]; then
    fail "revision $target was asked for, and someone else, such as a GitOps controller, has changed $deployment since:" \
        "it is at revision $present ($(image_of "$after" "$present"))"
fi
$is_back || {
    last_warnings "$namespace" "$deployment" 3 >&2
    [ "$present" = "$current" ] || reason+="; it is left there, and to where it was: $to_one $current"
    fail "revision $target is not back: $reason"
}
say "== Pods"
labels=$(kubectl -n "$namespace" get deployment "$deployment" -o json |
    jq -r '.spec.selector.matchLabels | to_entries | map("\(.key)=\(.value)") | join(",")')
kubectl -n "$namespace" get pods -o wide -l "$labels"
