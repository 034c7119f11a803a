# What is done every day loses no request.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

fresh v1 "$repository:v1"
first=$(revision)
second=$(release v2 "$repository@$v2_digest" </dev/null)

load_begin --at-least 5000
deploy "$second" || die "deploying v2: $(tail -n 5 "$work/deploy")"
settled
lost_none 'rolling update, by scripts/deploy.sh, to a pinned digest'
if [ "$(served_by :v1)" -gt 0 ] && [ "$(served_by "$v2_digest")" -gt 0 ]; then
    pass "both releases served, and say which they are: $(served_by :v1) by v1, $(served_by "$v2_digest") by v2"
else
    fail 'not both releases served'
fi

expect "its pods are on more than one node: $(pods | jq -r '[.[].spec.nodeName] | sort | join(" ")')" \
    test "$(pods | jq '[.[].spec.nodeName] | unique | length')" -ge 2

load_begin --at-least 5000
k rollout restart deployment/pcf-api >/dev/null
settled
lost_none 'rollout restart'

load_begin --at-least 5000
for replicas in 6 2; do
    k scale deployment/pcf-api --replicas=$replicas >/dev/null
    settled
done
lost_none 'scale 3 -> 6 -> 2'
k scale deployment/pcf-api --replicas=3 >/dev/null
settled

load_begin --at-least 5000
"$root/scripts/rollback-deployment.sh" pcf-api $namespace --to-revision "$first" >"$work/out" 2>&1 || die "rollback: $(tail -n 5 "$work/out")"
settled
lost_none 'rollback to v1, by scripts/rollback-deployment.sh'
expect 'v1 serves after the rollback' test "$(served_by :v1)" -gt 0
