# A node loses its power: what fails is bounded, the service recovers without anyone.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

if [ -z "${E2E_POWER_OFF:-}" ]; then skip 'power cut: E2E_POWER_OFF is not set'; return 0; fi
fresh v1 "$repository:v1"
node=${nodes[1]}
there=$(k get pods -l $selector -o json | jq --arg node "$node" '[.items[] | select(.spec.nodeName == $node)] | length')
load_begin --timeout 1000
from=$SECONDS
$E2E_POWER_OFF "$node" >/dev/null 2>&1
is_dead() { [ "$(kubectl get node "$node" -o json | jq -r '.status.conditions[] | select(.type == "Ready") | .status')" != True ]; }
until_true 120 is_dead || die "$node is still Ready"
dead=$((SECONDS - from))
sleep 5
load_end
window=$(jq '[.[].failing_ms] | max' "$work/load.json")
if [ "$there" -ge 1 ] && [ "$failed" -gt 0 ] && [ "$window" -le $(((dead + 10) * 1000)) ]; then
    pass "power cut of the node with $there of 3 pods: failures end once it is NotReady, after $dead s: $figures"
else
    fail "power cut ($there pods there, NotReady after $dead s): $figures"
fi
new_client
load_begin --at-least 5000 --timeout 1000
lost_none 'the service goes on from the other node'
alive() { pods | jq -e --arg node "$node" '[.[] | select(.spec.nodeName != $node and any(.status.conditions[]?; .type == "Ready" and .status == "True"))] | length == 3' >/dev/null; }
until_true 90 alive || fail 'the lost pods are not replaced'
pass "all 3 pods are ready on the other node $((SECONDS - from)) s after the cut"
$E2E_POWER_ON "$node" >/dev/null 2>&1
is_back() { ! is_dead; }
until_true 120 is_back || die "$node does not come back"
settled
pass 'the node is back, and all pods are ready'
