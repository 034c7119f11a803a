# Two deployments at once, a good one beside a bad one: neither takes back what is not its own.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

fresh v1 "$repository:v1"
# Slow enough to be underway when the other begins.
slow=$(release slow "$repository@$v2_digest" <<'Y'
  - target: {kind: Deployment, name: pcf-api}
    patch: |-
      - {op: add, path: /spec/minReadySeconds, value: 8}
Y
)
never=$(printf 'configMapGenerator:\n  - name: pcf-api\n    behavior: merge\n    literals: [DATABASE_URL=tcp://127.0.0.1:1]\n' |
    release never-ready "$repository:v1")
load_begin --at-least 5000
code=0 other=0
"$root/scripts/deploy.sh" "$slow" >"$work/deploy-first" 2>&1 &
first=$!
applied() { grep -q '^== Rollout' "$work/deploy-first"; }
until_true 30 applied || die "the first deployment does not begin: $(tail -n 3 "$work/deploy-first")"
sleep 2
"$root/scripts/deploy.sh" "$never" --timeout 30 >"$work/deploy-second" 2>&1 || other=$?
wait $first || code=$?
settled
lost_none 'two deployments at once'
if [ $code = 1 ] && grep -q 'error: someone else changed pcf-api' "$work/deploy-first" && ! grep -q '^== Rolling back' "$work/deploy-first"; then
    pass "the good one says that it was overtaken, and takes nothing back: $(tail -n 1 "$work/deploy-first")"
else
    fail "the good one ended with $code"
    tail -n 12 "$work/deploy-first" | sed 's/^/     /'
fi
if [ $other = 1 ] && grep -q '^Rolled back' "$work/deploy-second"; then
    pass "the bad one is taken back: $(grep '^== Rolling back' "$work/deploy-second")"
else
    fail "the bad one ended with $other"
    tail -n 12 "$work/deploy-second" | sed 's/^/     /'
fi
