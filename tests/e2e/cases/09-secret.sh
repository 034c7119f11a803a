# A secret is rotated: in use without a restart, without a lost request, and shown nowhere.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

if [ -z "${E2E_HOST_ADDRESS:-}" ]; then skip 'secrets: E2E_HOST_ADDRESS is not set'; return 0; fi
. "$root/tests/e2e/redis.sh"
# Two servers, so that it can be seen when the new value is in use.
redis_start 6379 first-secret-value
redis_start 5432 second-secret-value
fresh v1 "$repository:v1"
secret "redis://:first-secret-value@$E2E_HOST_ADDRESS:6379"
must_deploy "$(with_component with-database database)"
names=$(pods | jq -c '[.[].metadata.uid] | sort')
unchanged=$(secret "redis://:first-secret-value@$E2E_HOST_ADDRESS:6379")
expect "create-secrets.sh again: ${unchanged##*: }" grep -q unchanged <<<"$unchanged"

load_begin --at-least 5000
from=$SECONDS
secret "redis://:second-secret-value@$E2E_HOST_ADDRESS:5432" >/dev/null
asked_by() { redis_connections 5432; }
all_moved() { [ "$(redis_connections 5432)" -ge 6 ] && is_quiet; }
is_quiet() { local was; was=$(redis_connections 6379); sleep 6; [ "$(redis_connections 6379)" = $((was + 1)) ]; } # its own question counts
until_true 150 all_moved || die 'the new value is not in use after 150 s'
took=$((SECONDS - from))
redis_stop 6379
sleep 8
lost_none "secret rotated, in use by all pods after $took s"
all_healthy() { for pod in $(pods | jq -r '.[].metadata.name'); do k exec "$pod" -- /pcf-api healthcheck || return; done; }
expect 'with the old server gone every pod is healthy on the new value' all_healthy
expect 'the same pods run, none was restarted, all are ready' \
    test "$names $(restarts) $(ready)" = "$(pods | jq -c '[.[].metadata.uid] | sort') 0 3"

{
    for pod in $(pods | jq -r '.[].metadata.name'); do k logs "$pod"; k exec "$pod" -- /pcf-api config; done
    k get events -o yaml
    k describe all,configmap,secret
    k get deployment,replicaset,pod,secret -o json | jq 'del(.items[].data)'
} >"$work/everything" 2>&1
lines=$(wc -l <"$work/everything")
if ! grep -qE 'first-secret|second-secret' "$work/everything" && ! grep -qE "$(printf 'first-secret-value' | base64 | cut -c 1-20)" "$work/everything"; then
    pass "neither value is in logs, events, describe, config or annotations ($lines lines)"
else
    fail "a value is shown: $(grep -m 3 -E 'first-secret|second-secret' "$work/everything")"
fi

printf 'DATABASE_URL=\nlower=x\nTOKEN=changeme\nOTHER=first-secret-value two\nOTHER=x\nhunter2\n' >"$work/bad.env"
code=0
"$root/scripts/create-secrets.sh" "$work/v1" "$work/bad.env" --require API_KEY >"$work/out" 2>&1 || code=$?
if [ $code = 2 ] && [ "$(grep -c 'error:' "$work/out")" = 6 ] && ! grep -qE 'hunter2|first-secret' "$work/out"; then
    pass 'create-secrets.sh tells all six mistakes of a file at once, and no value'
else
    fail "create-secrets.sh with a bad file: status $code: $(cat "$work/out")"
fi
redis_stop 5432
