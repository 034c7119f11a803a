# The pods of a Deployment's present release, and why they are not ready. Sourced after kube.sh and
# revisions.sh.
# shellcheck shell=bash

# The pod-template-hash of the present release, which is in the names of its ReplicaSet and its pods.
current_hash() { # namespace, deployment
    local revision
    revision=$(current_revision "$1" "$2") || return
    replica_sets "$1" "$2" | jq -r --arg revision "$revision" '.[]
        | select(.metadata.annotations["deployment.kubernetes.io/revision"] == $revision)
        | .metadata.labels["pod-template-hash"]'
}

# The pods of a Deployment's present template, in JSON, without those that ended or are going away.
current_pods() { # namespace, deployment
    local hash
    hash=$(current_hash "$1" "$2") || return
    [ -n "$hash" ] || { echo '[]'; return; }
    kubectl -n "$1" get pods -l "pod-template-hash=$hash" -o json |
        jq '[.items[] | select(.metadata.deletionTimestamp == null and (.status.phase | IN("Failed", "Succeeded") | not))]'
}

ready_of() { # pods in JSON
    jq '[.[] | select(any(.status.conditions[]?; .type == "Ready" and .status == "True"))]' <<<"$1"
}

# Whether a pod of the present template is "ready", "unready" or "leaving", as one that ended or goes away.
state_of() { # namespace, deployment, pod
    local pods
    pods=$(again current_pods "$1" "$2") || return
    jq -r --arg pod "$3" --argjson ready "$(ready_of "$pods")" 'if all(.[]; .metadata.name != $pod) then "leaving"
        elif any($ready[]; .metadata.name == $pod) then "ready" else "unready" end' <<<"$pods"
}

# Why a release is not coming up, from its pods; nothing while it still may.
why_not() { # pods in JSON
    jq -r '
        [.[] | . as $pod | .status.initContainerStatuses[]?, .status.containerStatuses[]?
            | (.lastState.terminated // .state.terminated) as $last
            | if (.state.waiting.reason // "") | IN("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull") then
                "the image cannot be pulled: \(.image): \(.state.waiting.message // "")"
              elif (.state.waiting.reason // "") | IN("CreateContainerConfigError", "CreateContainerError", "RunContainerError") then
                "the container cannot be made: \(.state.waiting.message // "")"
              elif $last != null and .restartCount >= 1 and (.state.waiting.reason // "") == "CrashLoopBackOff" then
                "it crashes at start (\($last.reason), exit status \($last.exitCode)): \($last.message // "it left no termination message" | gsub("\\s*\n\\s*"; ": "))"
              else empty end
            | "pod \($pod.metadata.name): \(.)"
        ] | first // empty' <<<"$1"
}

# Where the pods still wait: for a node, or for an init container, such as one that is injected; nothing
# where none does. One that is always restarted is a sidecar (KEP-753): it runs as long as the pod.
waits_in() { # namespace, pods in JSON
    jq -r --arg namespace "$1" '
        [(.[] | . as $pod | .status.conditions[]? | select(.type == "PodScheduled" and .status == "False")
            | "pod \($pod.metadata.name) has no node: \(.message // .reason)"),
         (.[] | . as $pod | (.spec.initContainers // [])[] | select(.restartPolicy != "Always") | .name as $name
            | $pod.status.initContainerStatuses[]? | select(.name == $name and .state.running)
            | "pod \($pod.metadata.name) is still in its init container \($name): kubectl -n \($namespace) logs \($pod.metadata.name) -c \($name)")
        ] | first // empty' <<<"$2"
}

# What a pod that runs and is not ready says of its health; nothing where none can be asked.
unwell() { # namespace, container, pods in JSON
    local pod said
    pod=$(jq -r --arg container "$2" '[.[] | select(all(.status.conditions[]?; .type != "Ready" or .status != "True"))
        | select(any(.status.containerStatuses[]?; .name == $container and .state.running)) | .metadata.name][0] // empty' <<<"$3")
    [ -n "$pod" ] || return 0
    said=$(kubectl -n "$1" exec "$pod" -c "$2" -- "/$2" healthcheck 2>/dev/null) || true
    [ -z "$said" ] || say "pod $pod: its health check says: $said"
}

# Why the present release is not ready, in one line, as far as the cluster tells; nothing where it does not.
cause_of() { # namespace, deployment, container, pods in JSON
    local found
    # An HPA only says that no pod is ready, as it does of every new release.
    for found in "$(why_not "$4")" "$(waits_in "$1" "$4")" "$(unwell "$1" "$3" "$4")" \
        "$(warnings "$1" "$2" 20 | sed '/^  HorizontalPodAutoscaler /d' | tail -n 1)"; do
        [ -z "$found" ] || { say "${found#  }"; return; }
    done
}

# The last warnings of a Deployment and its present release, newest last, one for each reason: those of
# old pods, which drain, are not of its making. Events of the newer kind have no lastTimestamp.
warnings() { # namespace, deployment, count
    local hash
    hash=$(current_hash "$1" "$2") || hash=''
    kubectl -n "$1" get events -o json 2>/dev/null | jq -r --arg name "$2" --arg hash "${hash:-none}" --argjson count "$3" '
        [.items[] | select(.type == "Warning") | .at = (.series.lastObservedTime // .lastTimestamp // .eventTime // .metadata.creationTimestamp)
            | .involvedObject as $it
            | select(($it.kind == "Pod" and ($it.name | startswith("\($name)-\($hash)-")))
                or ($it.kind == "ReplicaSet" and $it.name == "\($name)-\($hash)")
                or ($it.kind | IN("Deployment", "HorizontalPodAutoscaler")) and $it.name == $name)]
        | sort_by(.at) | group_by([.reason, (.involvedObject.name as $pod | .message // "" | split($pod) | join(""))]) | map(last)
        | sort_by(.at)[-$count:][] | "  \(.involvedObject.kind) \(.involvedObject.name): \(.reason): \(.message // "" | gsub("\\s*\n\\s*"; " "))"'
}
last_warnings() { # namespace, deployment, count
    warnings "$@" || say '  (the events cannot be read)'
}
