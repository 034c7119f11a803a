# How a deployment fails: what it says, and what it takes back. Sourced by deploy.sh, whose variables it
# uses, after the other parts.
# shellcheck shell=bash disable=SC2034,SC2154 # the variables of deploy.sh

# Repeats a request until it is answered, to the end of the time that the rollout may take.
await() { # command...
    until again "$@"; do
        [ $SECONDS -lt "$deadline" ] || return
    done
}

# Ends where the release is not this one any more: there is nothing of it to judge, or to take back.
refuse_foreign() { # state
    case $1 in
        foreign)
            is_open=false
            fail "someone else changed $deployment since: it is at revision $(current_revision "$namespace" "$deployment") and not what was deployed here; nothing was rolled back" ;;
        gone)
            is_open=false
            fail "$deployment is not in $namespace any more: someone deleted it; nothing was rolled back" ;;
    esac
}

# Ends the deployment: says why, with what the cluster knows, and takes the pods back.
give_up() { # reason
    local now sets state others
    say "== FAILED: $1" >&2
    last_warnings "$namespace" "$deployment" 5 >&2
    # What was applied a moment ago may not have its revision yet.
    for _ in {1..10}; do
        state=$(progress) || state=unseen
        [ "$state" = unseen ] || break
        sleep 1
    done
    refuse_foreign "$state"
    now=$(await current_revision "$namespace" "$deployment") || fail "deployment failed ($1), and $unanswered"
    note_release "$namespace" "$deployment"
    if $is_first; then
        say "There was no release before this one: nothing to go back to, it is left as it is. $(again_at_once)" >&2
    elif [ -z "$before" ]; then
        say "No release before this one ever ran: nothing to go back to, it is left as it is. $(again_at_once)" >&2
    elif [ "$now" = "$before" ]; then
        say "The pods are those of revision $before, as before: no rollback. $(again_at_once)" >&2
    else
        sets=$(await replica_sets "$namespace" "$deployment") || sets='[]'
        say "== Rolling back: revision $now -> $before ($(image_of "$sets" "$now") -> $(image_of "$sets" "$before"))" >&2
        undo "$namespace" "$deployment" "$before" "$timeout" >&2 || {
            is_open=false
            fail "deployment failed ($1) AND SO DID THE ROLLBACK to revision $before ($reason): act by hand"
        }
        say "Rolled back: the pods of revision $before serve." >&2
    fi
    others=$(comm -13 "$work/before" <(snapshot) | cut -f 1 | sed '/^deployment\//d' | paste -sd ' ' -)
    if [ -n "$others" ]; then
        say "These stay as this deployment made them: $others" >&2
    fi
    is_open=false
    fail "deployment of $environment failed: $1"
}

# An image that was pushed since, a Secret that was corrected: the kubelet's back-off may still last.
again_at_once() {
    say "What was mended outside of the overlay is tried within 5 minutes, or at once: kubectl -n $namespace rollout restart deployment/$deployment"
}
