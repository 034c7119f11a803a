# The revisions of a Deployment, and the way back to one, for which rollout.sh is sourced too. Sourced after
# kube.sh and overlay.sh.
# shellcheck shell=bash disable=SC2034,SC2154 # what rollout.sh reads; $jq_container of overlay.sh

# The revision that a Deployment is at; nothing where there is no such Deployment.
current_revision() { # namespace, deployment
    kubectl -n "$1" get deployment "$2" --ignore-not-found \
        -o jsonpath='{.metadata.annotations.deployment\.kubernetes\.io/revision}'
}

# The ReplicaSets of a Deployment as a list in JSON.
replica_sets() { # namespace, deployment
    local uid
    uid=$(kubectl -n "$1" get deployment "$2" -o jsonpath='{.metadata.uid}') || return
    kubectl -n "$1" get replicasets -o json |
        jq --arg uid "$uid" '[.items[] | select(any(.metadata.ownerReferences[]?; .uid == $uid))]'
}

# jq: the number of a ReplicaSet's revision; the numbers that it had before it was gone back to; what its
# pods are made of, in which a restart is no difference; whether it is noted that it never came up. Of a
# Deployment: whether its present revision was complete once.
jq_revisions="$jq_container"'
    def revision: .metadata.annotations["deployment.kubernetes.io/revision"] // "0" | tonumber;
    def former: .metadata.annotations["deployment.kubernetes.io/revision-history"] // empty;
    def release: .spec.template | del(.metadata.creationTimestamp, .metadata.labels["pod-template-hash"],
        .metadata.annotations["kubectl.kubernetes.io/restartedAt"])
        | if .metadata.annotations == {} then del(.metadata.annotations) else . end;
    def never_up: .metadata.labels["came-up"] == "never";
    def was_complete: any(.status.conditions[]?; .reason == "NewReplicaSetAvailable");'

# The revisions that can be gone back to, one per line.
revisions_of() { # ReplicaSets in JSON
    jq -r "$jq_revisions"'map(revision) | sort[]' <<<"$1"
}

# The image of a revision.
image_of() { # ReplicaSets in JSON, revision
    jq -r --argjson revision "$2" "$jq_revisions"'[.[] | select(revision == $revision) | container.image][0] // "an unknown image"' <<<"$1"
}

# The ReplicaSet of a revision: its name stays when it is gone back to and has another number.
set_of() { # ReplicaSets in JSON, revision
    jq -r --argjson revision "$2" "$jq_revisions"'[.[] | select(revision == $revision).metadata.name][0] // empty' <<<"$1"
}

# The revision to which a release that fails goes back: the newest that has a ready pod, or the present one
# where it was complete once. Nothing where none ever ran.
release_before() { # namespace, deployment
    local sets
    sets=$(replica_sets "$1" "$2") || return
    # By standard input: an argument has a limit, which many settings of many revisions come near.
    { kubectl -n "$1" get deployment "$2" -o json && say "$sets"; } | jq -rs "$jq_revisions"'
        . as [$deployment, $sets]
        | ([$sets[] | select((.status.readyReplicas // 0) > 0) | revision] | max)
        // ($deployment | select(was_complete) | revision)'
}

# Notes, as a label of the present revision's ReplicaSet, that it never had a ready pod, or takes that back; once
# it is left nothing tells. An annotation would go with an undo into the Deployment, and from there into all later
# ReplicaSets. Who may not note it goes on.
note_release() { # namespace, deployment
    local sets change revision name said
    sets=$(replica_sets "$1" "$2") || return 0
    change=$({ kubectl -n "$1" get deployment "$2" -o json && say "$sets"; } | jq -rs "$jq_revisions"'
        . as [$deployment, $sets] | $sets[] | select(revision == ($deployment | revision))
        | ((.status.readyReplicas // 0) == 0 and ($deployment | was_complete | not)) as $never
        | select(never_up != $never) | "\(revision) \(.metadata.name) came-up\(if $never then "=never" else "-" end)"') || return 0
    [ -n "$change" ] || return 0
    read -r revision name change <<<"$change"
    said=$(kubectl -n "$1" label replicaset "$name" --overwrite "$change" 2>&1) ||
        say "note: whether revision $revision ever came up, which a rollback goes by, cannot be noted on its ReplicaSet: $said" >&2
}

# Takes a Deployment back to a revision and waits for its pods; where they do not come, $reason has why.
undo() { # namespace, deployment, revision, seconds
    local from now said left=30 least=0 timeout=$4 deadline
    reason=$unanswered
    from=$(again current_revision "$1" "$2") || return
    until said=$(kubectl -n "$1" rollout undo "deployment/$2" --to-revision="$3" 2>&1); do
        # It may be done all the same and only the answer lost: then there is a new revision.
        now=$(current_revision "$1" "$2") || now=$from
        [ "$now" = "$from" ] || { said="deployment/$2 is at revision $now"; break; }
        if [[ $said == *Forbidden* ]] || [ $((left -= 1)) = 0 ]; then reason=$said; return 1; fi
        sleep 1
    done
    say "$said"
    disown_updates "$1" "$2" ||
        say 'warning: what came back is not owned by apply; the next deployment tries again' >&2
    again kubectl -n "$1" get deployment "$2" -o json >"$work/undone" || return
    remember "$work/undone"
    deadline=$((SECONDS + timeout))
    watch_release
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
