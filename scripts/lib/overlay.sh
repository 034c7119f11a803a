# Which overlay, and what it renders to: the one place from which the scripts have names. Sourced after
# kube.sh.
# shellcheck shell=bash disable=SC2016,SC2034 # jq's variables; what is used by those that source it

# The directory of an environment's overlay, or of a kustomization given by its path.
overlay() { # environment or directory
    local root file
    root=${SERVICE_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
    # A name, not a path: `./prod` is the caller's.
    if [[ $1 =~ ^[A-Za-z0-9_-]+$ ]] && [ -d "$root/k8s/overlays/$1" ]; then
        echo "$root/k8s/overlays/$1"
        return
    fi
    for file in kustomization.yaml kustomization.yml Kustomization; do
        [ -z "$1" ] || [ ! -e "$1/$file" ] || { realpath "$1"; return; }
    done
    misused "no environment '$1': there are $(cd "$root/k8s/overlays" 2>/dev/null && echo *)"
}

# Takes the arguments of a script that wants one environment and no more, and enters it: sets $environment,
# $context where it is given, what its overlay says, and $work, a folder that goes at the end. The API server
# answers. `usage` is the script's.
enter_environment() { # arguments
    environment=''
    while [ $# -gt 0 ]; do
        case $1 in
            --help | -h) usage; exit ;;
            --context) [ $# -ge 2 ] || misused '--context needs a name'; context=$2; shift ;;
            -*) misused "unknown option $1" ;;
            *) [ -z "$environment" ] || misused "one environment, please: $environment or $1"; environment=$1 ;;
        esac
        shift
    done
    [ -n "$environment" ] || misused 'which environment?'
    need kubectl jq
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    use_overlay "$environment" "$work"
    reachable
}

# jq: the service's container of what has a pod template; that of a pod is found by the same name.
jq_container='def container: .spec.template as $pods
    | ($pods.metadata.annotations["kubectl.kubernetes.io/default-container"] // $pods.spec.containers[0].name) as $name
    | first($pods.spec.containers[] | select(.name == $name));'

# Renders an overlay into a folder, as $rendered, a list in JSON, and sets what it says: $namespace,
# $deployment, $container, $image, and $selector, which finds its pods.
use_overlay() { # environment or directory, folder
    local directory names
    directory=$(overlay "$1") || exit
    rendered=$2/rendered.json
    kubectl kustomize "$directory" >"$2/rendered.yaml" || fail "$directory cannot be rendered; nothing was changed"
    # What takes a label away that is not there changes nothing, and can write JSON without a cluster.
    kubectl label --local -f "$2/rendered.yaml" -o json none- 2>"$2/errors" |
        jq -s '{apiVersion: "v1", kind: "List", items: .}' >"$rendered" ||
        fail "what $directory renders to cannot be read: $(cat "$2/errors")"
    # Beside another Deployment, ours is the one that is told its revision.
    names=$(jq -r "$jq_container"' [.items[] | select(.kind == "Deployment")]
        | if length > 1 then map(select(any(container.env[]?; .name == "REVISION"))) else . end | .[]
        | [.metadata.namespace // "-", .metadata.name, container.name, container.image,
           (.spec.selector.matchLabels | to_entries | map("\(.key)=\(.value)") | join(","))] | join(" ")' "$rendered")
    [ -n "$names" ] || fail "$directory has no Deployment"
    [[ $names != *$'\n'* ]] || fail "$directory has more than one Deployment with a REVISION: $(cut -d ' ' -f 2 <<<"$names" | paste -sd ' ' -)"
    read -r namespace deployment container image selector <<<"$names"
    [ "$namespace" != - ] || fail "$directory names no namespace"
}

# The Deployment of $rendered.
rendered_deployment() {
    jq --arg name "$deployment" '.items[] | select(.kind == "Deployment" and .metadata.name == $name)' "$rendered"
}
