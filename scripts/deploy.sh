#!/usr/bin/env bash
# Deploys an overlay and does not rest until it runs, or the release before it runs again.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kube.sh"

usage() {
    cat <<'EOF'
scripts/deploy.sh ENVIRONMENT|DIRECTORY [--timeout SECONDS] [--dry-run]

Renders the overlay, shows what would change, has the API server check all of it (a dry run),
applies it, waits for the rollout, and checks in each pod which image runs and that its own health
check passes. If any of that fails, goes back to the revision from before and says why. A cluster
that does not answer is no failure of the release: it is waited for, and then the release stays.

  ENVIRONMENT        dev, staging or prod; or the DIRECTORY of another overlay
  --timeout SECONDS  how long the rollout may take (300)
  --dry-run          end after the dry run

Exit status: 0 deployed, 1 it failed (and was rolled back where that was needed) or could not be
checked, 2 wrong usage.
Needs kubectl and jq.
EOF
}

# How long a pod must be in trouble, in seconds, before the release is given up.
patience=5

environment='' timeout=300 is_dry_run=false
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --timeout) [ $# -ge 2 ] || misuse '--timeout needs seconds'; timeout=$2; shift ;;
        --dry-run) is_dry_run=true ;;
        -*) misuse "unknown option $1" ;;
        *) [ -z "$environment" ] || misuse "one environment, please: $environment or $1"; environment=$1 ;;
    esac
    shift
done
[ -n "$environment" ] || misuse 'which environment?'
[[ $timeout =~ ^[1-9][0-9]{0,4}$ ]] || misuse "--timeout: '$timeout' is not a number of seconds"
need kubectl jq
directory=$(overlay "$environment") || exit
namespace=$(namespace_of "$directory")
[ -n "$namespace" ] || fail "$directory/kustomization.yaml names no namespace"
reachable

# Asked now: without it the health of the pods could not be checked after the apply.
$is_dry_run || kubectl auth can-i create pods --subresource=exec -n "$namespace" >/dev/null 2>&1 ||
    fail "you may not exec into pods of $namespace, which the check of each pod needs, or it cannot be told; nothing was changed"

work=$(mktemp -d)
is_open=false
finish() { # an interrupt or a lost cluster must not look like success, nor like nothing happened
    if $is_open; then
        say "== ENDED EARLY: the overlay was applied, or a part of it, and was not checked. See scripts/status.sh $environment" >&2
    fi
    rm -rf "$work"
}
trap finish EXIT
rendered=$work/rendered.yaml
kubectl kustomize "$directory" >"$rendered" || fail 'the overlay cannot be rendered; nothing was changed'

# The files are the truth: fields that someone changed by hand are taken back. What is not in the
# files, such as the replicas that an HPA owns, is left alone.
apply=(apply --server-side --force-conflicts)

say "== Difference ($namespace, $(kubectl config current-context))"
if [ -z "$(kubectl get namespace "$namespace" --ignore-not-found -o name)" ]; then
    say "the namespace $namespace is new, and so is all that is in it"
    # The server checks objects of a namespace only where it exists: until it does, as a client.
    mode=client
    kubectl apply --dry-run=client -f "$rendered" >"$work/dry" || fail 'the dry run failed; nothing was changed'
else
    mode=server
    code=0
    kubectl diff --server-side --force-conflicts -f "$rendered" || code=$?
    [ "$code" -le 1 ] || fail 'the difference cannot be told; nothing was changed'
    [ "$code" -ne 0 ] || say 'none'
    kubectl "${apply[@]}" --dry-run=server -f "$rendered" >"$work/dry" ||
        fail 'the API server refuses it; nothing was changed'
fi
say "== Dry run ($mode): $(wc -l <"$work/dry") objects are accepted"
! $is_dry_run || exit 0

refuse_paused "$namespace" "$app"
# How many pods the overlay's HPA wants at least; 0 without one.
least=$(awk -v name="  name: $app" '
    /^---/ { is_hpa = 0 }
    /^kind: HorizontalPodAutoscaler$/ { is_hpa = 1 }
    is_hpa && $0 == name { least = 1 }
    is_hpa && $1 == "minReplicas:" { least = $2 }
    END { print least + 0 }' "$rendered")
if [ "$least" -gt 0 ]; then
    replicas=$(kubectl -n "$namespace" get deployment "$app" --ignore-not-found -o jsonpath='{.spec.replicas}')
    [ "$replicas" != 0 ] ||
        fail "$app is scaled to 0, where its HPA leaves it: kubectl -n $namespace scale deployment/$app --replicas=$least"
fi
before=$(current_revision "$namespace" "$app")
# Not one without a ready pod, such as a deployment that was ended early leaves.
[ -z "$before" ] || before=$(newest_ready "$namespace" "$app" "$before")
snapshot "$rendered" "$namespace" >"$work/before"

# How far the rollout is: "unseen" by the controller, "complete" (every replica is new and
# available, and there are as many as the HPA wants at least), "stalled: ..." or "underway".
progress() {
    kubectl -n "$namespace" get deployment "$app" -o json | jq -r --argjson least "$least" '
        if .status.observedGeneration != .metadata.generation then "unseen"
        elif .spec.replicas >= $least and ([.status.updatedReplicas, .status.replicas,
            .status.availableReplicas, .spec.replicas] | unique | length) == 1 then "complete"
        else [.status.conditions[]? | select(.reason == "ProgressDeadlineExceeded" or .type == "ReplicaFailure") | .message]
            | if . == [] then "underway" else "stalled: \(first)" end
        end'
}

# Repeats a request until it is answered, to the end of the time that the rollout may take.
await() { # command...
    until again "$@"; do
        [ $SECONDS -lt "$deadline" ] || return
    done
}

# Ends the deployment: says why, with what the cluster knows, and takes the pods back.
give_up() { # reason
    local now others
    say "== FAILED: $1" >&2
    last_events "$namespace" 5 >&2
    # What was applied a moment ago may not have its revision yet.
    for _ in {1..10}; do
        [ "$(progress || echo unseen)" = unseen ] || break
        sleep 1
    done
    now=$(await current_revision "$namespace" "$app") || fail "deployment failed ($1), and $unanswered"
    if [ -z "$before" ]; then
        say "There was no release before this one: nothing to go back to, it is left as it is. $again" >&2
    elif [ "$now" = "$before" ]; then
        say "The pods are those of revision $before, as before: no rollback. $again" >&2
    else
        say "== Rolling back: revision $now -> $before" >&2
        undo "$namespace" "$app" "$before" "$timeout" >&2 || {
            is_open=false
            fail "deployment failed ($1) AND SO DID THE ROLLBACK to revision $before: act by hand"
        }
        say "Rolled back: the pods of revision $before serve." >&2
    fi
    others=$(comm -13 "$work/before" <(snapshot "$rendered" "$namespace") | cut -f 1 | sed '/^deployment\//d' | paste -sd ' ' -)
    if [ -n "$others" ]; then
        say "These stay as this deployment made them: $others" >&2
    fi
    is_open=false
    fail "deployment of $environment failed: $1"
}

unanswered='the API server does not answer'
# An image that was pushed since, a Secret that was corrected: the kubelet's back-off may still last.
again="What was mended outside of the overlay is tried within 5 minutes, or at once: kubectl -n $namespace rollout restart deployment/$app"
deadline=$((SECONDS + timeout))
say '== Apply'
# Someone may have called `kubectl rollout undo` by hand.
[ -z "$before" ] || disown_updates "$namespace" "$app" ||
    fail 'what an earlier rollback left cannot be taken over; nothing was changed'
is_open=true
kubectl "${apply[@]}" -f "$rendered" >"$work/applied" 2>"$work/errors" || {
    cat "$work/applied"
    cat "$work/errors" >&2
    give_up "only a part was applied ($(wc -l <"$work/applied") of $(wc -l <"$work/dry") objects)"
}
cat "$work/applied" "$work/errors"

say '== Rollout'
since=$SECONDS
# A request that fails says nothing of the release: it is waited for, and nothing is taken back for it.
while state=$(progress) || state=''; [ "$state" != complete ]; do
    if [ -z "$state" ] && [ $SECONDS -ge "$deadline" ]; then
        state=$(again progress) || fail "$unanswered, so whether the release is good is not known; nothing was rolled back"
        [ "$state" != complete ] || break
    elif [ -z "$state" ]; then
        since=$SECONDS
        sleep 1
        continue
    fi
    pods=$(current_pods "$namespace" "$app") || pods='[]'
    reason=''
    [ "$state" = unseen ] || reason=$(why_not "$pods")
    # A kubelet may stumble once, such as over a ConfigMap that it has not seen yet.
    [ -n "$reason" ] || since=$SECONDS
    [ $((SECONDS - since)) -lt $patience ] || give_up "$reason"
    if [[ $state == stalled* ]] || [ $SECONDS -ge $deadline ]; then
        reason=$(waits_in "$namespace" "$pods")
        give_up "it never became ready: $(ready_of "$pods" | jq length) of $(jq length <<<"$pods") new pods are ready after $((SECONDS - deadline + timeout)) s (${state})${reason:+; $reason}"
    fi
    sleep 1
done
say "revision $(current_revision "$namespace" "$app") is complete"

# The release is complete and its pods are ready: what cannot be asked now is no reason to take it back.
say '== Running image and health of each pod'
# Asks a pod for its health, which is then in $health: 0 it is well, 1 it is not, 2 it could not be asked.
ask() { # pod
    health=$(kubectl -n "$namespace" exec "$1" -c "$app" -- "/$app" healthcheck 2>"$work/errors") && return
    ! grep -q 'command terminated with exit code' "$work/errors" || return 1
    return 2
}
unchecked="$unanswered, so the pods were not checked; nothing was rolled back"
wanted=$(await kubectl -n "$namespace" get deployment "$app" -o jsonpath='{.spec.template.spec.containers[?(@.name=="'"$app"'")].image}') ||
    fail "$unchecked"
pods=$(await current_pods "$namespace" "$app") || fail "$unchecked"
# Those that are not ready came after the rollout, which counted: an HPA adds pods at any time.
pods=$(ready_of "$pods")
running='' unasked='' waited_for=''
while IFS=$'\t' read -r pod image id; do
    until again ask "$pod"; do
        code=$?
        state=$(state_of "$namespace" "$app" "$pod") || state=$unanswered
        [ "$state" != leaving ] || continue 2
        [ $code = 2 ] || give_up "pod $pod: its health check says: $health $(cat "$work/errors")"
        # The way to it leads through the API server and the kubelet, which calls it ready meanwhile.
        [ "$state" != unready ] || give_up "pod $pod is not ready any more: $(cat "$work/errors")"
        health="cannot be asked: $(tail -n 1 "$work/errors")"
        [ $SECONDS -lt "$deadline" ] || { unasked+=" $pod"; break; }
        [ "$waited_for" = "$pod" ] || say "$pod  $health; trying again" >&2
        waited_for=$pod
    done
    [ "$image" = "$wanted" ] || give_up "pod $pod runs $image, not $wanted"
    if [[ $wanted != *@* ]]; then
        [ "$id" = "${running:-$id}" ] || give_up 'the pods do not all run the same image: was the tag moved?'
    elif [[ $id != *"${wanted#*@}" ]]; then
        # The runtime cannot have taken another image for this reference; some tell the platform's digest.
        say "warning: pod $pod: the runtime calls ${wanted#*@} $id" >&2
    fi
    running=$id
    say "$pod  ${id##*@}  $health"
done < <(jq -r --arg app "$app" '.[] | . as $pod | .status.containerStatuses[]? | select(.name == $app)
    | [$pod.metadata.name, ($pod.spec.containers[] | select(.name == $app) | .image), .imageID] | @tsv' <<<"$pods")
[ -n "$running" ] || give_up 'no pod runs'
is_open=false
[ -z "$unasked" ] ||
    fail "$wanted is in $namespace and ready, but kubectl exec could not ask these pods for their health (why is above):$unasked; nothing was rolled back"
say "== Deployed: $wanted in $namespace"
