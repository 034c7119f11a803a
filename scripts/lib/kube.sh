# Shared by the scripts that talk to a cluster; sourced, not run.
# shellcheck shell=bash disable=SC2034 # its variables are used by those that source it

unset CDPATH # with it cd may go elsewhere

app=pcf-api
selector=app.kubernetes.io/name=$app

say() { printf '%s\n' "$*"; }
fail() { printf '%s: error: %s\n' "${0##*/}" "$*" >&2; exit 1; }
# A mistake in the call: exit status 2, as the service itself does it.
misuse() { printf '%s: error: %s\nTry %s --help\n' "${0##*/}" "$*" "$0" >&2; exit 2; }

need() { # tools
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || fail "$tool is not here; it is needed"
    done
}

# The directory of an environment's overlay, or of a kustomization given by its path.
overlay() { # environment or directory
    local root
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    # A name, not a path: `./prod` is the caller's.
    if [[ $1 =~ ^[A-Za-z0-9_-]+$ ]] && [ -d "$root/k8s/overlays/$1" ]; then
        echo "$root/k8s/overlays/$1"
    elif [ -n "$1" ] && [ -e "$1/kustomization.yaml" ]; then
        realpath "$1"
    else
        misuse "no environment '$1': there are $(cd "$root/k8s/overlays" && echo *)"
    fi
}

# The namespace that an overlay deploys into.
namespace_of() { # directory of an overlay
    awk '/^namespace:/ { gsub(/["\047\r]/, "", $2); print $2; exit }' "$1/kustomization.yaml"
}

reachable() {
    local said
    said=$(kubectl version --request-timeout=10s 2>&1 >/dev/null) ||
        fail "no cluster answers, context $(kubectl config current-context 2>/dev/null || echo none): $said"
}

# The revision that a Deployment is at; nothing where there is no such Deployment.
current_revision() { # namespace, deployment
    kubectl -n "$1" get deployment "$2" --ignore-not-found \
        -o jsonpath='{.metadata.annotations.deployment\.kubernetes\.io/revision}'
}

# Ends where a Deployment is paused: it would do nothing of what is asked of it.
refuse_paused() { # namespace, deployment
    local paused
    paused=$(kubectl -n "$1" get deployment "$2" --ignore-not-found -o jsonpath='{.spec.paused}') || exit
    [ "$paused" != true ] || fail "$2 is paused: kubectl -n $1 rollout resume deployment/$2"
}

# The labels by which a Deployment knows its pods.
selector_of() { # namespace, deployment
    kubectl -n "$1" get deployment "$2" -o json |
        jq -r '.spec.selector.matchLabels | to_entries | map("\(.key)=\(.value)") | join(",")'
}

# Takes a Deployment back to a revision and waits for its pods.
undo() { # namespace, deployment, revision, seconds
    local from now said left=30
    from=$(again current_revision "$1" "$2") || return
    until said=$(kubectl -n "$1" rollout undo "deployment/$2" --to-revision="$3" 2>&1); do
        # It may be done all the same and only the answer lost: then there is a new revision.
        now=$(current_revision "$1" "$2") || now=$from
        [ "$now" = "$from" ] || { said="deployment/$2 is at revision $now"; break; }
        if [[ $said == *Forbidden* ]] || [ $((left -= 1)) = 0 ]; then say "$said" >&2; return 1; fi
        sleep 1
    done
    say "$said"
    disown_updates "$1" "$2" ||
        say 'warning: what came back is not owned by apply; the next deployment tries again' >&2
    kubectl -n "$1" rollout status "deployment/$2" --timeout="$4s"
}

# Lets the next apply remove what `rollout undo` brought back, and what a plain `kubectl apply` made.
# Both write by Update, and a server-side apply removes only what its manager, kubectl, owns by Apply:
# the rest would stay in the pods of every later release. So Apply is given all of it.
disown_updates() { # namespace, deployment
    # The controller writes too: the patch is for the version that was read, and is made anew.
    again hand_over "$1" "$2" 2>/dev/null
}
hand_over() { # namespace, deployment
    local patch
    patch=$(kubectl -n "$1" get deployment "$2" -o json --show-managed-fields | jq -c '
        def is_ours: (.manager | IN("kubectl", "kubectl-client-side-apply")) and .subresource == null;
        .metadata | (.managedFields // []) as $entries
        | [$entries[] | select(is_ours)] as $ours
        | select(any($ours[]; .operation == "Update"))
        # But for the annotation by which plain applies know what to remove: it is in no file and has to stay.
        | (reduce $ours[].fieldsV1 as $fields ({}; . * $fields)
            | delpaths([["f:metadata", "f:annotations", "f:kubectl.kubernetes.io/last-applied-configuration"]])) as $all
        | (first($ours[] | select(.operation == "Apply")) // $ours[0]) as $one
        | [{op: "replace", path: "/metadata/resourceVersion", value: .resourceVersion},
           {op: "replace", path: "/metadata/managedFields",
            value: ([$one + {manager: "kubectl", operation: "Apply", fieldsV1: $all}] + [$entries[] | select(is_ours | not)])}]') ||
        return
    [ -z "$patch" ] || kubectl -n "$1" patch deployment "$2" --type=json --patch "$patch" >/dev/null
}

# Runs a command until it succeeds, five times at most: one request that fails says nothing of a release.
again() { # command...
    local left=5 code
    until "$@"; do
        code=$?
        [ $((left -= 1)) -gt 0 ] || return $code
        sleep 1
    done
}

# The ReplicaSets of a Deployment as a list in JSON.
replica_sets() { # namespace, deployment
    local uid
    uid=$(kubectl -n "$1" get deployment "$2" -o jsonpath='{.metadata.uid}') || return
    kubectl -n "$1" get replicasets -o json |
        jq --arg uid "$uid" '[.items[] | select(any(.metadata.ownerReferences[]?; .uid == $uid))]'
}

# The revisions that can be gone back to, one per line.
revisions_of() { # ReplicaSets in JSON
    jq -r '.[].metadata.annotations["deployment.kubernetes.io/revision"] // empty' <<<"$1" | sort -n
}

# The newest revision that has a ready pod; where none has, the one that is given.
newest_ready() { # namespace, deployment, revision
    replica_sets "$1" "$2" | jq -r --arg present "$3" '[.[] | select((.status.readyReplicas // 0) > 0)
        | .metadata.annotations["deployment.kubernetes.io/revision"] | tonumber] | max // $present'
}

# The pods of a Deployment's present template, in JSON, without those that ended or are going away.
current_pods() { # namespace, deployment
    local revision hash
    revision=$(current_revision "$1" "$2") || return
    hash=$(replica_sets "$1" "$2" | jq -r --arg revision "$revision" '.[]
        | select(.metadata.annotations["deployment.kubernetes.io/revision"] == $revision)
        | .metadata.labels["pod-template-hash"]') || return
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

# Where the pods still wait for an init container, such as one that is injected; nothing where none
# does. One that is always restarted is a sidecar (KEP-753): it runs as long as the pod.
waits_in() { # namespace, pods in JSON
    jq -r --arg namespace "$1" '
        [.[] | . as $pod | (.spec.initContainers // [])[] | select(.restartPolicy != "Always") | .name as $name
            | $pod.status.initContainerStatuses[]? | select(.name == $name and .state.running)
            | "pod \($pod.metadata.name) is still in its init container \($name): kubectl -n \($namespace) logs \($pod.metadata.name) -c \($name)"
        ] | first // empty' <<<"$2"
}

# The objects of a rendered overlay as they are in the cluster, one per line: name, then what was
# asked of it.
snapshot() { # file, namespace
    kubectl -n "$2" get -f "$1" --ignore-not-found -o json | jq -r '(.items // [.])[] | select(.kind)
        | "\(.kind | ascii_downcase)/\(.metadata.name)\t\(del(.status, .metadata.managedFields, .metadata.resourceVersion) | tojson)"' | sort
}

# The last warnings of a namespace, newest last. Events of the newer kind have no lastTimestamp.
last_events() { # namespace, count
    kubectl -n "$1" get events -o json 2>/dev/null | jq -r --argjson count "$2" '
        [.items[] | select(.type == "Warning")]
        | sort_by(.series.lastObservedTime // .lastTimestamp // .eventTime // .metadata.creationTimestamp)[-$count:][]
        | "  \(.involvedObject.kind) \(.involvedObject.name): \(.reason): \(.message)"' ||
        say '  (the events cannot be read)'
}
