# Pod Security and NetworkPolicy: ours is let in, others are not.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

fresh v1 "$repository:v1"
expect 'Pod Security restricted is enforced on the namespace and admits our pods' \
    test "$(kubectl get namespace $namespace -o jsonpath='{.metadata.labels.pod-security\.kubernetes\.io/enforce}') $(ready)" = 'restricted 3'
code=0
k run privileged --image="$repository:v1" --privileged --dry-run=server >"$work/out" 2>&1 || code=$?
expect "a privileged pod is refused: $(grep -o 'violates PodSecurity "[^"]*"' "$work/out")" \
    test "$code" != 0 -a -n "$(grep 'violates PodSecurity' "$work/out")"

if [ -z "${E2E_POLICY_ENGINE:-}" ]; then skip 'NetworkPolicy: E2E_POLICY_ENGINE is not set'; return 0; fi
# Where nothing enforces policies yet, it can be seen that they are what keeps the stranger out.
if is_answered $strangers; then pass 'the control: before the policies are enforced the stranger is answered'; else
    skip 'the control: the policies are enforced from the start here'
fi
$E2E_POLICY_ENGINE >/dev/null
refused() { ! is_answered $strangers; }
until_true 30 refused || fail 'NetworkPolicy: the stranger is answered'
expect 'NetworkPolicy: the labelled client is answered' is_answered $clients
expect 'NetworkPolicy: a stranger is not' refused
load_ip=$(kubectl -n $clients get pod load -o jsonpath='{.status.podIP}')
code=0
k exec deployment/pcf-api -- /pcf-api healthcheck --url "http://$load_ip:1/" >"$work/out" 2>&1 || code=$?
expect "NetworkPolicy: the service cannot reach out: $(head -n 1 "$work/out")" grep -q 'in time' "$work/out"
settled
pass "NetworkPolicy: the kubelet's probes still pass, 3 pods are ready"
load_begin --at-least 5000
k rollout restart deployment/pcf-api >/dev/null
settled
lost_none 'rollout restart with the policies enforced'
