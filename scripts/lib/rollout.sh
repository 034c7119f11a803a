# How far the rollout of what was applied is, whose it is, and what its pods say. Sourced after kube.sh,
# overlay.sh, revisions.sh and pods.sh; use_overlay has been called, and $work is a folder.
# shellcheck shell=bash disable=SC2034,SC2154 # what deploy.sh reads; what use_overlay sets

unanswered='the API server does not answer'
# How long a pod must be in trouble, in seconds, before a release is given up.
patience=5

# Keeps what the apply made of the Deployment, which tells this release from that of anybody else.
remember() { # file: what kubectl applied, in JSON
    jq --arg name "$deployment" "$jq_revisions"'(.items // [.])[]
        | select(.kind == "Deployment" and .metadata.name == $name) | release' "$1" >"$work/release"
}

# One line about the Deployment: "unseen" by its controller; "complete": every replica is new and available,
# and there are as many as the HPA wants at least; "stalled", "underway", or "held up" by what keeps its pods
# from being made, with the reason; "foreign" where its pods are not those of this release; "gone".
progress() {
    kubectl -n "$namespace" get deployment "$deployment" -o json >"$work/now" 2>"$work/errors" || {
        grep -q '(NotFound)' "$work/errors" || return
        say gone
        return
    }
    jq -r --argjson least "$least" --slurpfile ours "$work/release" "$jq_revisions"'
        (.status.conditions // []) as $conditions
        | ([$conditions[] | select(.type == "ReplicaFailure" and .status == "True") | .message][0]) as $held
        | if release != ($ours[0] // release) then "foreign"
        elif .status.observedGeneration != .metadata.generation then "unseen"
        elif .spec.replicas >= $least and ([.status.updatedReplicas, .status.replicas,
            .status.availableReplicas, .spec.replicas] | map(. // 0) | unique | length) == 1 then "complete"
        else ([$conditions[] | select(.reason == "ProgressDeadlineExceeded") | "stalled: \($held // .message)"][0])
            // (if $held then "held up: \($held)" else "underway" end) end' "$work/now"
}

# Watches until what was remembered is complete. If it does not become so, $reason has why: 1 it does not come up;
# 2 that is not known, or not asked any more: $state is that of someone else's release, or empty where the API
# server does not answer. A request that fails says nothing of the release: it is waited for.
watch_release() { # until $deadline, which is $timeout after the beginning
    local since=$SECONDS told='' pods
    while state=$(progress) || state=''; [ "$state" != complete ]; do
        if [ -z "$state" ] && [ $SECONDS -ge "$deadline" ]; then
            state=$(again progress) || { reason=$unanswered; return 2; }
            [ "$state" != complete ] || break
        elif [ -z "$state" ]; then
            since=$SECONDS
            [ "$told" = "$(cat "$work/errors")" ] || { told=$(cat "$work/errors"); say "$told" >&2; }
            sleep 1
            continue
        elif [[ $state == 'held up'* && $told != "$state" ]]; then
            told=$state
            say "$state; waiting" >&2
        fi
        case $state in
            foreign | gone) reason="someone else changed or deleted $deployment"; return 2 ;;
        esac
        pods=$(current_pods "$namespace" "$deployment" 2>/dev/null) || pods='[]'
        reason=''
        [ "$state" = unseen ] || reason=$(why_not "$pods")
        # A kubelet may stumble once, such as over a ConfigMap that it has not seen yet.
        [ -n "$reason" ] || since=$SECONDS
        [ $((SECONDS - since)) -lt $patience ] || return 1
        if [[ $state == stalled* ]] || [ $SECONDS -ge "$deadline" ]; then
            [[ $state == 'held up: '* ]] && reason=${state#held up: } || reason=$(cause_of "$namespace" "$deployment" "$container" "$pods")
            reason="it never became ready: $(ready_of "$pods" | jq length) of $(jq length <<<"$pods") new pods are ready after $((SECONDS - deadline + timeout)) s: ${reason:-$state}"
            return 1
        fi
        sleep 1
    done
}

# Whether an image that runs is the one that is wanted: "same", "named": the same under another name, as an
# admission policy or a runtime has it, or "other". Digests decide where both have one, else tags.
compare_images() { # wanted, what the pod asks for, what the runtime calls it
    local wanted=$1 asked=$2 id=$3 tag
    if [[ $wanted == *@* ]]; then
        if [[ $asked != *"@${wanted#*@}" && ( $asked == *@* || $id != *"${wanted#*@}" ) ]]; then echo other
        elif [ "$asked" = "$wanted" ] && [[ $id == *"${wanted#*@}" ]]; then echo same
        else echo named; fi
        return
    fi
    tag=${wanted##*/} tag=${tag#*:}
    if [ "$asked" = "$wanted" ]; then echo same
    # What a policy resolved to a digest is told apart by the pods having one image all.
    elif [[ $asked == *@* || ${asked##*/} == *":$tag" ]]; then echo named
    else echo other; fi
}

# Asks a pod for its health, which is then in $health: 0 it is well, 1 it is not, 2 it could not be asked.
ask() { # pod
    health=$(kubectl -n "$namespace" exec "$1" -c "$container" -- "/$container" healthcheck 2>"$work/errors") && return
    ! grep -q 'command terminated with exit code' "$work/errors" || return 1
    return 2
}
