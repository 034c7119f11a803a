# A node is emptied for maintenance: no request is lost, and the budget is kept.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

fresh v1 "$repository:v1"
node=${nodes[1]}
lowest=$work/lowest
echo 3 >"$lowest"
watch_ready() { while sleep 0.3; do
    now=$(k get deployment pcf-api -o jsonpath='{.status.availableReplicas}')
    [ "${now:-0}" -ge "$(cat "$lowest")" ] || echo "${now:-0}" >"$lowest"
done; }
there=$(k get pods -l $selector -o json | jq --arg node "$node" '[.items[] | select(.spec.nodeName == $node)] | length')
watch_ready &
watcher=$!
load_begin --at-least 5000
kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --force --timeout=120s >"$work/out" 2>&1 || fail "drain: $(tail -n 3 "$work/out")"
settled
lost_none "node drained, $there pods moved"
kill $watcher
if [ "$(cat "$lowest")" -ge 2 ] && [ "$there" -ge 1 ]; then
    pass "the PodDisruptionBudget was kept: never fewer than $(cat "$lowest") of 3 pods were available"
else
    fail "only $(cat "$lowest") of 3 pods were available at one time, $there pods were on the node"
fi
kubectl uncordon "$node" >/dev/null
