# The rollback script by hand: after a bad release, to a revision, and with wrong input.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

# A history of its own: a release that an earlier case had too would be one that was gone back to.
k delete deployment pcf-api --cascade=foreground --ignore-not-found >/dev/null
fresh v1 "$repository:v1"
first=$(revision)
fresh v2 "$repository:v2"
good=$(revision)
crash=$(release crash "$repository:v1" <<'Y'
configMapGenerator:
  - name: pcf-api
    behavior: merge
    literals: [SERVER__PORT=banana]
Y
)
kubectl apply --server-side --force-conflicts -k "$crash" >/dev/null
crashed() { pods | jq -e 'any(.[]; any(.status.containerStatuses[]?; .restartCount >= 1 and .lastState.terminated != null))' >/dev/null; }
until_true 60 crashed || die 'the misconfigured pod did not crash'
pod=$(pods | jq -r '.[] | select(any(.status.containerStatuses[]?; .restartCount >= 1)) | .metadata.name' | head -n 1)
k describe pod "$pod" >"$work/describe"
expect "kubectl describe of the misconfigured pod shows why: $(grep -m 1 -o 'SERVER__PORT.*' "$work/describe")" \
    grep -q 'Message:.*' "$work/describe"
grep -q banana "$work/describe" || fail 'the termination message does not name the value'

script=$root/scripts/rollback-deployment.sh
"$script" pcf-api $namespace >"$work/out" 2>&1 || { cat "$work/out"; die 'rollback by hand'; }
settled
expect 'by hand, without a number: back to the release before' \
    test "$(k get deployment pcf-api -o jsonpath='{.spec.template.spec.containers[0].image}')" = "$repository:v2"

"$script" pcf-api $namespace --to-revision "$first" >"$work/out" 2>&1 || { cat "$work/out"; die 'rollback to a revision'; }
settled
expect "--to-revision $first goes to revision $first (past $good)" \
    test "$(k get deployment pcf-api -o jsonpath='{.spec.template.spec.containers[0].image}')" = "$repository:v1"

# What an undo brings back goes again with the next release that does not have it.
extra=$(release extra "$repository:v1" <<'Y'
  - target: {kind: Deployment, name: pcf-api}
    patch: |-
      - {op: add, path: /spec/template/metadata/annotations/extra, value: here}
      - {op: add, path: /spec/template/spec/volumes, value: [{name: extra, emptyDir: {}}]}
      - {op: add, path: /spec/template/spec/containers/0/env/-, value: {name: EXTRA, value: here}}
Y
)
# What the template has of the release "extra".
extras() { k get deployment pcf-api -o json | jq -c '.spec.template | [.metadata.annotations.extra // empty, .spec.volumes[]?.name, (.spec.containers[0].env[].name | select(. == "EXTRA"))]'; }
undo_by_hand() { k rollout undo deployment/pcf-api --to-revision="$1" >/dev/null && k rollout status deployment/pcf-api --timeout=120s >/dev/null; }
for undo in "$script pcf-api $namespace --to-revision" undo_by_hand; do
    must_deploy "$extra"
    target=$(revision)
    must_deploy "$work/v2"
    expect "no more than v2 before ${undo##*/}" test "$(extras)" = '[]'
    $undo "$target" >"$work/out" 2>&1 || { cat "$work/out"; die "$undo"; }
    settled
    expect "${undo##*/} $target brings back that release" test "$(extras)" = '["here","extra","EXTRA"]'
    must_deploy "$work/v2"
    expect "after ${undo##*/} the next release leaves nothing of it: $(extras)" test "$(extras)" = '[]'
done

# The same where all was done without the scripts: plain applies, of which server-side apply owns nothing.
k delete deployment pcf-api --cascade=foreground >/dev/null
for directory in "$extra" "$work/v2"; do
    kubectl apply -k "$directory" >"$work/out" 2>&1 || { cat "$work/out"; die "a plain apply of ${directory##*/}"; }
    settled
done
expect 'the cluster has only plain applies' test "$(k get deployment pcf-api -o json --show-managed-fields |
    jq -r '[.metadata.managedFields[] | select(.operation == "Apply")] | length')" = 0
undo_by_hand 1 || die 'an undo after plain applies'
settled
expect 'an undo after plain applies brings back that release' test "$(extras)" = '["here","extra","EXTRA"]'
before=$(revision)
must_deploy "$work/v2"
expect "after it the next release leaves nothing of it, in one step: $(extras)" test "$(extras) $(revision)" = "[] $((before + 1))"
expect 'plain applies still know what they made' test -n "$(k get deployment pcf-api -o jsonpath='{.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}')"

state() { k get deployment pcf-api -o jsonpath='{.metadata.generation} {.metadata.resourceVersion}'; }
wrong() { # exit status, what it says, arguments...
    local status=$1 says=$2 code=0 before
    shift 2
    before=$(state)
    "$script" "$@" >"$work/out" 2>&1 || code=$?
    if [ $code = "$status" ] && grep -q "$says" "$work/out" && [ "$before" = "$(state)" ]; then
        pass "rollback-deployment.sh $*: $(tail -n 1 "$work/out" | grep -v Try || head -n 1 "$work/out"), nothing changed"
    else
        fail "rollback-deployment.sh $*: status $code, $(tail -n 2 "$work/out")"
    fi
}
wrong 1 'one that was gone back to' pcf-api $namespace
wrong 1 'no revision 99' pcf-api $namespace --to-revision 99
wrong 2 'not a revision' pcf-api $namespace --to-revision banana
wrong 2 'not a revision' pcf-api $namespace --to-revision 0
wrong 2 'not a revision' pcf-api $namespace --to-revision=-1
wrong 2 'needs a number' pcf-api $namespace --to-revision
wrong 1 'no deployment' pcf-apj $namespace
wrong 1 'no deployment' pcf-api no-such-namespace
wrong 2 'unknown option' --force
wrong 2 'too many' pcf-api $namespace third
