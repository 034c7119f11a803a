# What cannot work, told before anything is changed. Sourced after kube.sh, overlay.sh, revisions.sh and
# pods.sh; use_overlay has been called.
# shellcheck shell=bash disable=SC2154 # what use_overlay sets

# Ends where a Deployment is paused: it would do nothing of what is asked of it.
refuse_paused() { # namespace, deployment
    local paused
    paused=$(kubectl -n "$1" get deployment "$2" --ignore-not-found -o jsonpath='{.spec.paused}') || exit
    [ "$paused" != true ] || fail "$2 is paused: kubectl -n $1 rollout resume deployment/$2"
}

# Ends where a Rollout of Argo's has the pods of the Deployment, which then has none to be judged by.
refuse_rollout() { # what does it instead
    local rollout
    rollout=$(jq -r --arg name "$deployment" '.items[] | select(.kind == "Rollout")
        | select(.spec.workloadRef | .kind == "Deployment" and .name == $name).metadata.name' "$rendered")
    [ -z "$rollout" ] ||
        fail "the Rollout $rollout brings out the pods of $deployment and judges them itself; nothing was changed. In place of this: $1 $rollout -n $namespace"
}

# Ends where the namespace cannot take the overlay. Prints "new" where it is not there, else nothing.
namespace_state() { # whether it may be made, true or false
    local phase
    phase=$(kubectl get namespace "$namespace" --ignore-not-found -o jsonpath='{.metadata.name} {.status.phase}' 2>&1) || {
        # Whoever may not look at it is told by what is asked of it.
        [[ $phase == *Forbidden* ]] || fail "whether there is a namespace $namespace cannot be told: $phase; nothing was changed"
        phase="$namespace"
    }
    case $phase in
        *Terminating) fail "the namespace $namespace is being deleted: wait until it is gone; nothing was changed" ;;
        "$namespace"*) ;;
        *) $1 || fail "there is no namespace $namespace in ${context:-$(kubectl config current-context)}: --create makes it; nothing was changed"
            echo new ;;
    esac
}

# Leaves the Namespace out of $rendered where it may not be written, as by an admin of that namespace alone.
leave_namespace() { # whether it is new
    ! may "$namespace" patch "namespaces/$namespace" || return 0
    [ "$1" != new ] || fail "there is no namespace $namespace, and you may not make it; nothing was changed"
    jq '.items |= map(select(.kind != "Namespace"))' "$rendered" >"$rendered.rest"
    mv "$rendered.rest" "$rendered"
    say "you may not change the namespace $namespace itself: it and its labels are left as they are"
}

# Ends where an HPA leaves the Deployment at 0: it would for ever. $least is how many pods it wants at least.
refuse_zero() { # least
    local replicas
    [ "$1" -gt 0 ] || return 0
    replicas=$(kubectl -n "$namespace" get deployment "$deployment" --ignore-not-found -o jsonpath='{.spec.replicas}')
    [ "$replicas" != 0 ] ||
        fail "$deployment is scaled to 0, where its HPA leaves it: kubectl -n $namespace scale deployment/$deployment --replicas=$1"
}

# Ends where the Deployment that is there has another selector, which nothing can change.
refuse_selector() {
    local present wanted
    present=$(kubectl -n "$namespace" get deployment "$deployment" --ignore-not-found -o json | jq -cS '.spec.selector.matchLabels') || return 0
    wanted=$(rendered_deployment | jq -cS '.spec.selector.matchLabels')
    [ -z "$present" ] || [ "$present" = "$wanted" ] ||
        fail "$deployment in $namespace selects its pods by $present, and the overlay by $wanted, which cannot be changed in place; nothing was changed. $(called set-selector set-selector) hands its pods over"
}

# Ends where the service would listen on a port that the pod does not name: its probes would ask another.
refuse_port() {
    local port
    port=$(jq -r --arg name "$deployment" "$jq_container"'
        .items as $all | $all[] | select(.kind == "Deployment" and .metadata.name == $name) | container
        | [.ports[]?.containerPort | tostring] as $named
        | [(.env[]? | select(.value) | {key: .name, value}),
           (.envFrom[]?.configMapRef.name as $map | $all[] | select(.kind == "ConfigMap" and .metadata.name == $map).data // {} | to_entries[])]
        | map(select(.key | IN("PORT", "SERVER__PORT", "SERVER__MANAGEMENT_PORT")))[]
        | select(.value | IN($named[]) | not)
        | "\(.key) is \(.value), and the container names \($named | join(", ")) alone"' "$rendered" | head -n 1)
    [ -z "$port" ] || fail "$port: its probes and its Service would ask there; nothing was changed"
}

# Ends where the pods need a Secret, ConfigMap or ServiceAccount that is not there, and that nothing in the
# overlay brings or names, as an ExternalSecret does. What may not be read is passed over.
refuse_missing() { # whether the namespace is new
    local kind name found missing=''
    while read -r kind name; do
        if [ "$1" != new ]; then
            found=$(kubectl -n "$namespace" get "$kind" "$name" --ignore-not-found -o name 2>/dev/null) || continue
            [ -z "$found" ] || continue
        fi
        missing+="${missing:+, }$kind $name"
    done < <(jq -r --arg deployment "$deployment" '
        .items as $all | ([$all[] | select(.kind != "Deployment") | .. | strings] | unique) as $named
        | $all[] | select(.kind == "Deployment" and .metadata.name == $deployment).spec.template.spec
        | def needed: select(.optional != true);
          [(.serviceAccountName // empty | ["serviceaccount", .]),
           ((.volumes[]?, .volumes[]?.projected.sources[]?)
               | (.secret // empty | needed | ["secret", .secretName // .name]), (.configMap // empty | needed | ["configmap", .name])),
           ((.containers[], .initContainers[]?) | (.envFrom[]?, .env[]?.valueFrom | select(.))
               | (.secretRef // .secretKeyRef // empty | needed | ["secret", .name]),
                 (.configMapRef // .configMapKeyRef // empty | needed | ["configmap", .name]))]
        | unique[] | select(.[1] | IN($named[]) | not) | join(" ")' "$rendered")
    [ -n "$missing" ] || return 0
    # A certificate's Secret, or a ConfigMap, is made by others.
    local maker=''
    [[ ! $missing =~ secret\ [^,]*-secrets(,|$) ]] || maker=". $(called secrets create-secrets) makes the Secret"
    fail "the pods need what is not in $namespace: $missing; nothing was changed$maker"
}
