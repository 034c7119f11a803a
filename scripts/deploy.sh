#!/usr/bin/env bash
# Deploys an overlay and does not rest until it runs, or the release before it runs again.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kube.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/overlay.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/revisions.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/pods.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/preflight.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/difference.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/rollout.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/failure.sh"

usage() {
    cat <<'EOF'
scripts/deploy.sh ENVIRONMENT|DIRECTORY [--timeout SECONDS] [--context CONTEXT] [--create] [--dry-run]

Renders the overlay, shows what would change, looks for what cannot work, has the API server check
all of it (a dry run), applies it, waits for the rollout, and checks in each pod which image runs
and that its own health check passes. If any of that fails, goes back to the revision from before
and says why. A cluster that does not answer is no failure of the release: it is waited for, and
then the release stays. What someone else deployed meanwhile is never taken back.

  ENVIRONMENT        dev, staging or prod; or the DIRECTORY of another overlay
  --timeout SECONDS  how long the rollout may take (300)
  --context CONTEXT  the cluster, as kubectl knows it; its present one where not given
  --create           the namespace may be new; without it, that is a mistake
  --dry-run          end after the dry run

Exit status: 0 deployed, 1 it failed (and was rolled back where that was needed) or could not be
checked, 2 wrong usage.
Needs kubectl and jq.
EOF
}

environment='' timeout=300 is_dry_run=false may_create=false
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --timeout) [ $# -ge 2 ] || misused '--timeout needs seconds'; timeout=$2; shift ;;
        --context) [ $# -ge 2 ] || misused '--context needs a name'; context=$2; shift ;;
        --create) may_create=true ;;
        --dry-run) is_dry_run=true ;;
        -*) misused "unknown option $1" ;;
        *) [ -z "$environment" ] || misused "one environment, please: $environment or $1"; environment=$1 ;;
    esac
    shift
done
[ -n "$environment" ] || misused 'which environment?'
[[ $timeout =~ ^[1-9][0-9]{0,4}$ ]] || misused "--timeout: '$timeout' is not a number of seconds"
need kubectl jq

work=$(mktemp -d)
is_open=false
finish() { # an interrupt or a lost cluster must not look like success, nor like nothing happened
    if $is_open; then
        say "== ENDED EARLY: the overlay was applied, or a part of it, and was not checked. See $(called status status) $environment" >&2
    fi
    rm -rf "$work"
}
trap finish EXIT
use_overlay "$environment" "$work"
refuse_rollout "kubectl apply -k $(overlay "$environment") && kubectl argo rollouts status"
reachable
is_new=$(namespace_state $may_create) || exit
leave_namespace "$is_new"

# The files are the truth: fields that someone changed by hand are taken back. What is not in the
# files, such as the replicas that an HPA owns, is left alone.
apply=(apply --server-side --force-conflicts)

say "== Difference ($namespace, ${context:-$(kubectl config current-context)})"
if [ -n "$is_new" ]; then
    say "the namespace $namespace is new, and so is all that is in it"
elif may "$namespace" patch deployments.apps; then
    refuse_selector
    difference "$work/errors"
else
    difference_for_readers "$work"
    ! $is_dry_run || exit 0
    fail "you may not change Deployments in $namespace; nothing was changed"
fi
refuse_port
refuse_missing "$is_new"
# The server checks objects of a namespace only where it exists: until it does, as a client.
mode=server check=("${apply[@]}")
[ -z "$is_new" ] || mode=client check=(apply)
kubectl "${check[@]}" --dry-run=$mode -f "$rendered" >"$work/dry" 2>"$work/errors" || {
    cat "$work/errors" >&2
    fail "the API server refuses it: $(tail -n 1 "$work/errors"); nothing was changed"
}
# A dry run cannot take over what a plain `kubectl apply` made, and kubectl warns of each object; the apply can.
migrates='failed to migrate kubectl.kubernetes.io/last-applied-configuration'
grep -v "$migrates" "$work/errors" >&2 || true
! grep -q "$migrates" "$work/errors" || say 'what a plain kubectl apply made is taken over'
say "== Dry run ($mode): $(wc -l <"$work/dry") objects are accepted"
! $is_dry_run || exit 0

# Asked now: without it the health of the pods could not be checked after the apply.
may "$namespace" create pods --subresource=exec ||
    fail "you may not exec into pods of $namespace, which the check of each pod needs; nothing was changed"
refuse_paused "$namespace" "$deployment"
# How many pods the overlay's HPA wants at least; 0 without one.
least=$(jq --arg name "$deployment" '[.items[] | select(.kind == "HorizontalPodAutoscaler" and .spec.scaleTargetRef.name == $name).spec
    | .minReplicas // 1] | max // 0' "$rendered")
refuse_zero "$least"
before=$(current_revision "$namespace" "$deployment")
is_first=false
if [ -n "$before" ]; then before=$(release_before "$namespace" "$deployment"); else is_first=true; fi
snapshot >"$work/before"

deadline=$((SECONDS + timeout))
say '== Apply'
# Someone may have called `kubectl rollout undo` by hand.
$is_first || disown_updates "$namespace" "$deployment" ||
    fail 'what an earlier rollback left cannot be taken over; nothing was changed'
$is_first || note_release "$namespace" "$deployment"
is_open=true
: >"$work/release"
kubectl "${apply[@]}" -f "$rendered" -o json >"$work/applied" 2>"$work/errors" || {
    cat "$work/errors" >&2
    give_up "not all of it was applied: $(grep -v '^Warning' "$work/errors" | tail -n 1)"
}
remember "$work/applied"
cat "$work/errors" >&2
jq -r '(.items // [.])[] | "\(.kind | ascii_downcase)/\(.metadata.name) applied"' "$work/applied"

say '== Rollout'
# Nothing is taken back for a request that fails.
watch_release || {
    refuse_foreign "$state"
    [ -n "$state" ] || fail "$unanswered, so whether the release is good is not known; nothing was rolled back"
    give_up "$reason"
}
say "revision $(current_revision "$namespace" "$deployment") is complete"

# The release is complete and its pods are ready: what cannot be asked now is no reason to take it back.
say '== Running image and health of each pod'
unchecked="$unanswered, so the pods were not checked; nothing was rolled back"
pods=$(await current_pods "$namespace" "$deployment") || fail "$unchecked"
# Those that are not ready came after the rollout, which counted: an HPA adds pods at any time.
pods=$(ready_of "$pods")
running='' unasked='' waited_for='' other_name=''
while IFS=$'\t' read -r pod asked id; do
    until again ask "$pod"; do
        code=$?
        state=$(state_of "$namespace" "$deployment" "$pod") || state=$unanswered
        [ "$state" != leaving ] || continue 2
        [ $code = 2 ] || give_up "pod $pod: its health check says: $health $(cat "$work/errors")"
        # The way to it leads through the API server and the kubelet, which calls it ready meanwhile.
        [ "$state" != unready ] || give_up "pod $pod is not ready any more: $(cat "$work/errors")"
        health="cannot be asked: $(tail -n 1 "$work/errors")"
        [ $SECONDS -lt "$deadline" ] || { unasked+=" $pod"; break; }
        [ "$waited_for" = "$pod" ] || say "$pod  $health; trying again" >&2
        waited_for=$pod
    done
    case $(compare_images "$image" "$asked" "$id") in
        other) give_up "pod $pod runs $asked ($id), not $image" ;;
        named) other_name=$pod; say "warning: pod $pod: asked for $image, it has $asked, which the runtime calls $id" >&2 ;;
    esac
    [[ $image == *@* || $id == "${running:-$id}" ]] || give_up 'the pods do not all run the same image: was the tag moved?'
    running=$id
    say "$pod  ${id##*@}  $health"
done < <(jq -r --arg container "$container" '.[] | . as $pod | .status.containerStatuses[]? | select(.name == $container)
    | [$pod.metadata.name, ($pod.spec.containers[] | select(.name == $container) | .image), .imageID] | @tsv' <<<"$pods")
# It may have been changed while the pods were asked: then they were another's.
state=$(await progress) || fail "$unchecked"
refuse_foreign "$state"
[ -n "$running" ] || give_up 'no pod runs'
is_open=false
[ -z "$unasked" ] ||
    fail "$image is in $namespace and ready, but kubectl exec could not ask these pods for their health (why is above):$unasked; nothing was rolled back"
say "== Deployed: $image in $namespace${other_name:+ (under another name, see the warnings)}"
