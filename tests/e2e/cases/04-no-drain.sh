# The control: without the drain delay the same update does lose requests, and the load sees it.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

directory=$(release no-drain "$repository:v1" <<'Y'
configMapGenerator:
  - name: pcf-api
    behavior: merge
    literals: [SERVER__DRAIN_DELAY=0s]
Y
)
must_deploy "$directory"
load_begin --at-least 5000
for _ in 1 2; do
    k rollout restart deployment/pcf-api >/dev/null
    settled
done
load_end
if [ "$failed" -gt 0 ]; then pass "control, with the drain delay at 0 requests fail: $figures"; else
    fail "control: nothing failed without the drain delay; the load is too weak: $figures"
fi
new_client
