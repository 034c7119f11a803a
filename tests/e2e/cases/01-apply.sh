# Each overlay, as a user applies it: no error, no warning, all ready; and a second time nothing.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

versions() { kubectl -n "$1" get deployment,service,serviceaccount,configmap,networkpolicy,hpa,pdb -o json |
    jq -r '.items[] | select(.metadata.name != "kube-root-ca.crt") | del(.status, .metadata.resourceVersion, .metadata.managedFields) | tojson'; }
all_ready() { # namespace, pods
    [ "$(kubectl -n "$1" get pods -o json | jq '[.items[] | select(any(.status.conditions[]?; .type == "Ready" and .status == "True"))] | length')" = "$2" ]
}

mkdir "$work/rendered"
"$root/tests/manifests" --render "$work/rendered" >/dev/null
for pair in dev:1 staging:2 prod:3; do
    environment=${pair%:*} replicas=${pair#*:}
    ns=pcf-api-$environment
    directory=$root/k8s/overlays/$environment
    [ -e "$work/images/release.tar" ] || { skip "apply $environment: its image is pinned"; continue; }
    [ -z "$(kubectl get namespace "$ns" --ignore-not-found -o name)" ] || { skip "apply $environment: $ns exists already"; continue; }
    from=$SECONDS
    kubectl apply -k "$directory" >"$work/out" 2>"$work/errors" || die "apply $environment: $(cat "$work/errors")"
    until_true 90 all_ready "$ns" "$replicas" || die "apply $environment: not all $replicas pods are ready"
    took=$((SECONDS - from))
    [ ! -s "$work/errors" ] || fail "apply $environment warns: $(cat "$work/errors")"
    before=$(versions "$ns")
    kubectl apply -k "$directory" >/dev/null
    [ "$before" = "$(versions "$ns")" ] || fail "apply $environment twice: something changed"
    kubectl diff -k "$directory" >"$work/out" 2>&1 || fail "diff $environment: $(head -n 20 "$work/out")"
    kubectl apply --server-side -k "$directory" >/dev/null
    [ "$(before=$(versions "$ns"); jq -r .metadata.generation <<<"$before")" = "$(versions "$ns" | jq -r .metadata.generation)" ] ||
        fail "server-side apply of $environment: something changed"
    kubectl diff --server-side -k "$directory" >"$work/out" 2>&1 || fail "server-side diff of $environment: $(head -n 20 "$work/out")"
    pass "apply $environment: no warning, $replicas of $replicas pods ready after $took s, a second apply changes nothing, both diffs are empty"
    expect "status $environment: scripts/status.sh says that all is ready" "$root/scripts/status.sh" "$environment"
    # What the components add, as this API server sees it; kinds it does not know are left out.
    for file in "$work"/rendered/component-*.yaml; do
        grep -q "^  namespace: $ns$" "$file" || continue
        kubectl apply --dry-run=server --validate=strict -f "$file" >"$work/out" 2>"$work/errors" || true
        if grep -v 'no matches for kind\|ensure CRDs' "$work/errors" >"$work/out"; then
            fail "$(basename "$file" .yaml): $(cat "$work/out")"
        else
            pass "$(basename "$file" .yaml) on $environment: the API server takes every object"
        fi
    done
    kubectl delete namespace "$ns" --wait=false >/dev/null
done
