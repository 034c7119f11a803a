# Shared by the scripts that talk to a cluster: which one, and how often they ask.
# Sourced, not run.
# shellcheck shell=bash disable=SC2034 # its variables are used by those that source it

unset CDPATH # with it cd may go elsewhere

# shellcheck source=scripts/lib/cli.sh
. "$(dirname "${BASH_SOURCE[0]}")/cli.sh"

# The context of --context; without it that of kubectl.
context=''
kubectl() { command kubectl ${context:+--context "$context"} "$@"; }

# How who called this script calls another one: by ops in a repository that has no scripts.
called() { # name, file
    if [ -n "${SERVICE_ROOT:-}" ]; then echo "ops $1"; else echo "scripts/$2.sh"; fi
}

reachable() {
    local said
    said=$(kubectl version --request-timeout=10s 2>&1 >/dev/null) ||
        fail "no cluster answers, context ${context:-$(kubectl config current-context 2>/dev/null || echo none)}: $said"
}

# Whether who calls may do something; where that cannot be told, it is for the API server to say.
may() { # namespace, verb, resource...
    local namespace=$1 said
    shift
    said=$(kubectl auth can-i "$@" -n "$namespace" 2>/dev/null) || true
    [[ $said != no* ]]
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
