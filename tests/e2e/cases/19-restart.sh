# A restart is no release: the rollback after it goes to the image before. And a first release that never
# ran is nothing to go back to.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

image_now() { k get deployment pcf-api -o jsonpath='{.spec.template.spec.containers[0].image}'; }
k delete deployment pcf-api --cascade=foreground --ignore-not-found >/dev/null
never=$(printf 'configMapGenerator:\n  - name: pcf-api\n    behavior: merge\n    literals: [DATABASE_URL=tcp://127.0.0.1:1]\n' |
    release never-ready "$repository:v1")
missing=$(release missing "$repository@sha256:$(printf '0%.0s' {1..64})" </dev/null)
! deploy "$never" --timeout 12 || fail 'a first release that is broken: deployed'
expect "the last line has the cause: $(tail -n 1 "$work/deploy" | cut -c 1-250)" grep -q 'error: .*its health check says.*database' <(tail -n 1 "$work/deploy")
from=$SECONDS
! deploy "$missing" --timeout 60 || fail 'a second release that is broken: deployed'
expect "a broken release after a broken first one ends after $((SECONDS - from)) s, without a rollback: $(grep -o 'No release before this one ever ran' "$work/deploy")" \
    grep -q 'No release before this one ever ran' "$work/deploy"

k delete deployment pcf-api --cascade=foreground >/dev/null
fresh v1 "$repository:v1"
fresh v2 "$repository@$v2_digest"
k rollout restart deployment/pcf-api >/dev/null
settled
"$root/scripts/rollback-deployment.sh" "$work/v2" >"$work/out" 2>&1 || { cat "$work/out"; die 'rollback after a restart'; }
settled
expect "a rollback after a restart goes to the release before: $(grep '^== Undo' "$work/out")" test "$(image_now)" = "$repository:v1"
