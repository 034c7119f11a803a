# A frozen process is restarted, and a greedy one is killed alone.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

if [ -z "${E2E_NODE_EXEC:-}" ]; then skip 'frozen process: E2E_NODE_EXEC is not set'; else
    fresh v1 "$repository:v1"
    read -r pod node id < <(pods | jq -r '.[0] | "\(.metadata.name) \(.spec.nodeName) \(.status.containerStatuses[0].containerID | sub(".*//"; ""))"')
    # The process of that container, found by its cgroup.
    # shellcheck disable=SC2016
    pid=$($E2E_NODE_EXEC "$node" sh -c 'for p in /proc/[0-9]*; do if grep -qs "$1" $p/cgroup && grep -qs pcf-api $p/comm; then echo ${p#/proc/}; fi; done' sh "$id" | head -n 1)
    [ -n "$pid" ] || die "no process of $pod on $node"
    load_begin --timeout 2000
    from=$SECONDS
    $E2E_NODE_EXEC "$node" kill -STOP "$pid"
    was_restarted() { [ "$(k get pod "$pod" -o jsonpath='{.status.containerStatuses[0].restartCount}')" -ge 1 ]; }
    until_true 120 was_restarted || die 'the frozen pod is not restarted'
    took=$((SECONDS - from))
    settled
    load_end
    # Two readiness probes of 5 s that wait 5 s each, and then nobody is sent there.
    expect "a frozen process is restarted by its liveness probe after $took s, and leaves the Service before; meanwhile $figures" \
        test "$(jq '[.[].failing_ms] | max' "$work/load.json")" -le 20000
fi

fresh faults "$repository:faults"
pod=$(pods | jq -r '.[0].metadata.name')
ip=$(pods | jq -r '.[0].status.podIP')
load_path=/version load_begin --at-least 5000 --timeout 2000
kubectl -n $clients exec load -- /load "http://$ip:8080/bytes/400000000" --keep-alive 1 --fresh 0 --rate 1 --at-least 1 >"$work/out" 2>&1 </dev/null || true
was_killed() { k get pod "$pod" -o json | jq -e '.status.containerStatuses[0] | .restartCount >= 1 and (.lastState.terminated.reason == "OOMKilled")' >/dev/null; }
until_true 30 was_killed || die "the greedy pod was not killed: $(k get pod "$pod" -o json | jq -c '.status.containerStatuses[0].lastState')"
settled
load_end
others=$(pods | jq --arg pod "$pod" '[.[] | select(.metadata.name != $pod) | .status.containerStatuses[0].restartCount] | add')
if [ "$others" = 0 ] && [ "$(jq '[.[].failing_ms] | max' "$work/load.json")" -le 5000 ]; then
    pass "memory beyond the limit: one pod was OOMKilled and restarted, the others served on: $figures"
else
    fail "memory beyond the limit: $others restarts of other pods, $figures"
fi
new_client
