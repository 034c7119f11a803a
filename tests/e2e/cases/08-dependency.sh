# A critical dependency goes and comes back: pods leave the service and return; none restarts.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

if [ -z "${E2E_HOST_ADDRESS:-}" ]; then skip 'dependencies: E2E_HOST_ADDRESS is not set'; return 0; fi
. "$root/tests/e2e/redis.sh"
redis_start 6379 first-secret-value
fresh v1 "$repository:v1"
secret "redis://:first-secret-value@$E2E_HOST_ADDRESS:6379"
must_deploy "$(with_component with-database database)"
pod=$(pods | jq -r '.[0].metadata.name')
healthcheck() { local code=0; k exec "$pod" -- /pcf-api healthcheck "$@" >"$work/out" 2>&1 || code=$?; echo $code; }
expect 'healthcheck in a pod exits 0 when healthy' test "$(healthcheck)" = 0
before=$(restarts)

from=$SECONDS
redis_stop 6379
is_ready() { [ "$(ready)" = "$1" ]; }
until_true 60 is_ready 0 || die 'pods stay ready without their critical dependency'
pass "the dependency is down: all pods are unready after $((SECONDS - from)) s"
expect 'healthcheck exits 1 when unhealthy' test "$(healthcheck)" = 1
expect 'healthcheck --live exits 0 all the same' test "$(healthcheck --live)" = 0
expect 'healthcheck exits 2 when nothing answers' test "$(healthcheck --url http://127.0.0.1:1/)" = 2
sleep 20

from=$SECONDS
redis_start 6379 first-secret-value
until_true 60 is_ready 3 || die 'pods do not come back'
pass "the dependency is back: all pods are ready by themselves after $((SECONDS - from)) s"
expect "no pod was restarted" test "$(restarts)" = "$before"
redis_stop 6379
