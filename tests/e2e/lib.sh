# What the cases share: verdicts, releases, load, waiting. Sourced by run.
# shellcheck shell=bash disable=SC2034,SC2086 # some variables are used by the cases

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
namespace=pcf-api-e2e
clients=pcf-api-e2e-client
strangers=pcf-api-e2e-stranger
selector=app.kubernetes.io/name=pcf-api
results=$work/results
totals=$work/totals
: >"$results"
: >"$totals"
# The image's name as the overlays have it; the tag of each variant is added.
repository=''

# ------------------------------------------------------------------ verdicts
pass() { printf 'PASS %s\n' "$*" | tee -a "$results"; }
fail() { printf 'FAIL %s\n' "$*" | tee -a "$results"; }
skip() { printf 'SKIP %s\n' "$*" | tee -a "$results"; }
note() { printf '     %s\n' "$*"; }
# A case that cannot go on.
die() {
    fail "$*"
    kubectl -n $namespace get pods -o wide 2>&1 | sed 's/^/     /'
    exit 0
}
expect() { # description, command...: PASS or FAIL by its exit status, with its last lines on FAIL
    local description=$1
    shift
    if "$@" >"$work/expect" 2>&1; then pass "$description"; else
        fail "$description"
        tail -n 12 "$work/expect" | sed 's/^/     /'
    fi
}
summary() {
    printf '\n%s passed, %s failed, %s skipped in %s s; %s\n' \
        "$(grep -c ^PASS "$results")" "$(grep -c ^FAIL "$results")" "$(grep -c ^SKIP "$results")" $SECONDS \
        "$(awk '{ all += $1; bad += $2 } END { print all + 0, "requests in the cases that allow no failure,", bad + 0, "failed" }' "$totals")"
    ! grep ^FAIL "$results"
}

# ------------------------------------------------------------------ set-up
k() { kubectl -n $namespace "$@"; }
make_image() { "$root/tests/e2e/image" "$@" >/dev/null; }
load_image() { $E2E_LOAD_IMAGE "$1" >/dev/null 2>"$work/load-image" || { cat "$work/load-image" >&2; return 1; }; }

prepare() { # image archive, load binary, faults binary
    : "${E2E_LOAD_IMAGE:?names the command that loads an image archive}"
    kubectl version -o json 2>/dev/null | jq -r '"Kubernetes \(.serverVersion.gitVersion), kubectl \(.clientVersion.gitVersion)"'
    local reference
    reference=$(kubectl kustomize "$root/k8s/overlays/prod" | awk '$1 == "image:" { print $2; exit }')
    repository=${reference%@*}
    [[ ${repository##*/} != *:* ]] || repository=${repository%:*}
    mkdir "$work/images"
    install -m 0755 "$2" "$work/images/load"
    install -m 0755 "$3" "$work/images/pcf-api"
    make_image "$repository:v1" "$work/images/v1.tar" --from "$1"
    v2_digest=$("$root/tests/e2e/image" "$repository:v2" "$work/images/v2.tar" --from "$1" --env RELEASE=v2)
    make_image "$repository:faults" "$work/images/faults.tar" --binary "$work/images/pcf-api"
    make_image "$repository-load:e2e" "$work/images/load.tar" --binary "$work/images/load"
    # The overlays as they are ask for this name; a pinned one is given v1 instead.
    [[ $reference == *@* ]] || make_image "$reference" "$work/images/release.tar" --from "$1"
    local archive
    for archive in "$work"/images/*.tar; do load_image "$archive"; done
    mapfile -t nodes < <(kubectl get nodes -o name | sed 's#node/##')
    [ ${#nodes[@]} -ge 2 ] || die "two nodes are needed, there are ${#nodes[@]}"
    kubectl delete namespace $namespace $clients $strangers --ignore-not-found >/dev/null
    client_pod $clients true
    client_pod $strangers false
    kubectl -n $clients wait --for=condition=Ready pod/load --timeout=60s >/dev/null
}
client_pod() { # namespace, whether it is a client; on the first node, which no case takes away
    kubectl apply -f - >/dev/null <<Y
apiVersion: v1
kind: Namespace
metadata: {name: $1, labels: {pcf-api-client: "$2", pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: Pod
metadata: {name: load, namespace: $1}
spec:
  nodeName: ${nodes[0]}
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: load
      image: $repository-load:e2e
      args: [idle]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
Y
}
# The client with a new address, after requests were lost: for two minutes the nodes map the ports on
# which the old one tried to reach a pod that is gone to that pod (conntrack), whoever serves by now.
new_client() {
    kubectl -n $clients delete pod load --wait >/dev/null
    client_pod $clients true
    kubectl -n $clients wait --for=condition=Ready pod/load --timeout=60s >/dev/null
    # Where policies are enforced, they first have to learn the new address.
    until_true 30 is_answered $clients || die 'the new client is not answered'
}
# Whether a namespace's client gets an answer from the service.
is_answered() { # namespace
    kubectl -n "$1" exec load -- /load "http://$(service_address)/version" --keep-alive 0 --fresh 1 --rate 1 --at-least 1 --timeout 3000 \
        </dev/null 2>/dev/null | jq -e '.fresh.failed == 0' >/dev/null
}
finish() {
    kubectl delete validatingwebhookconfiguration,mutatingwebhookconfiguration pcf-api-e2e --ignore-not-found >/dev/null 2>&1 || true
    kubectl delete namespace $namespace $clients $strangers --ignore-not-found --wait=false >/dev/null 2>&1 || true
    [ -n "${E2E_KEEP:-}" ] || rm -rf "$work"
}

# ------------------------------------------------------------------ releases
# Writes an overlay on prod into $work/RELEASE: this image, three replicas in place of the HPA, and
# what standard input adds to its kustomization. Prints its directory.
release() { # release, image
    local directory=$work/$1 image=$2
    mkdir -p "$directory"
    {
        cat <<Y
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: $namespace
resources: [$(realpath --relative-to="$directory" "$root/k8s/overlays/prod")]
images: [{name: $repository, $(if [[ $image == *@* ]]; then echo "digest: ${image#*@}"; else echo "newTag: ${image##*:}"; fi)}]
Y
        if [ "${3:-}" != with-hpa ]; then
            cat <<'Y'
replicas: [{name: pcf-api, count: 3}]
patches:
  - patch: '{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: pcf-api}, $patch: delete}'
  # Nodes that share two CPUs with all else are no overload: what is counted here is what a rollout loses.
  - patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: pcf-api}, spec: {template: {spec: {containers: [{name: pcf-api, env: [{name: SERVER__MAX_QUEUE_TIME, value: 10s}]}]}}}}'
Y
        fi
        [ -t 0 ] || cat
    } >"$directory/kustomization.yaml"
    echo "$directory"
}
component() { realpath --relative-to="$work/$1" "$root/k8s/components/$2"; } # release, component
deploy() { "$root/scripts/deploy.sh" "$@" --create >"$work/deploy" 2>&1; }
must_deploy() { deploy "$@" || { tail -n 15 "$work/deploy" | sed 's/^/     /'; die "deploying ${1##*/}"; }; settled; }
revision() { k get deployment pcf-api -o jsonpath='{.metadata.annotations.deployment\.kubernetes\.io/revision}'; }
service_address() { k get service pcf-api -o jsonpath='{.spec.clusterIP}'; }
pods() { k get pods -l $selector -o json | jq -c '[.items[] | select(.metadata.deletionTimestamp == null)]'; }
restarts() { pods | jq '[.[].status.containerStatuses[]?.restartCount] | add // 0'; }
ready() { pods | jq '[.[] | select(any(.status.conditions[]?; .type == "Ready" and .status == "True"))] | length'; }
# Until the wanted pods are there, ready, and no others: the old ones drain after a rollout's end.
settled() { until_true 120 is_settled || die 'the pods did not settle'; }
is_settled() {
    local wanted
    k rollout status deployment/pcf-api --watch=false | grep -q 'successfully rolled out' || return 1
    wanted=$(k get deployment pcf-api -o jsonpath='{.spec.replicas}')
    [ "$(k get pods -l $selector -o name | wc -l)" = "$wanted" ] && [ "$(ready)" = "$wanted" ]
}
until_true() { # seconds, command...
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.5
    done
}
# Takes the cluster to one release with three pods, however the last case left it.
fresh() { # release, image
    local directory
    directory=$(release "$1" "$2" </dev/null)
    must_deploy "$directory"
}

# ------------------------------------------------------------------ load
# Steady requests of both kinds until load_end; more options of the driver may follow. The path is
# $load_path where it is set.
load_begin() {
    mkfifo "$work/fifo"
    kubectl -n $clients exec -i load -- /load "http://$(service_address)${load_path:-/version}" "$@" \
        <"$work/fifo" >"$work/load.json" 2>"$work/load.err" &
    load_pid=$!
    exec 7>"$work/fifo"
    rm "$work/fifo"
    sleep 1
}
load_end() {
    exec 7>&-
    wait "$load_pid" || die "the load driver ended with $?: $(tail -n 3 "$work/load.err")"
    figures=$(jq -r 'to_entries | map("\(.key): \(.value.requests) requests, \(.value.failed) failed"
        + (if .value.failed > 0 then " \(.value.failures | tojson) within \(.value.failing_ms) ms" else "" end)
        + ", p99 \(.value.p99_ms) ms") | join("; ")' "$work/load.json")
    failed=$(jq '[.[].failed] | add' "$work/load.json")
}
served_by() { jq -r --arg tag "$1" '[.[].revisions | to_entries[] | select(.key | endswith($tag)) | .value] | add // 0' "$work/load.json"; }
# The verdict on a scenario that may lose nothing.
lost_none() { # description, least requests of each kind (5000)
    load_end
    printf '%s %s\n' "$(jq '[.[].requests] | add' "$work/load.json")" "$failed" >>"$totals"
    if [ "$failed" = 0 ] && [ "$(jq '[.[].requests] | min' "$work/load.json")" -ge "${2:-5000}" ]; then
        pass "$1: $figures"
    else
        fail "$1: $figures"
    fi
}
