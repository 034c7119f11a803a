# Names that are not ours: a prefix, a second instance beside the first, a namespace that goes, a release
# of before whose selector lacks the instance.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

k delete deployment,hpa --all --cascade=foreground >/dev/null
# As 0.1.0 has it: nowhere is the instance selected by.
before=$(release v0 "$repository:v1" <<'Y'
  - target: {kind: Deployment, name: pcf-api}
    patch: |-
      - {op: remove, path: /spec/selector/matchLabels/app.kubernetes.io~1instance}
      - {op: remove, path: /spec/template/metadata/labels/app.kubernetes.io~1instance}
  - target: {kind: Service, name: pcf-api}
    patch: |-
      - {op: remove, path: /spec/selector/app.kubernetes.io~1instance}
  - target: {kind: PodDisruptionBudget, name: pcf-api}
    patch: |-
      - {op: remove, path: /spec/selector/matchLabels/app.kubernetes.io~1instance}
  - target: {kind: NetworkPolicy, name: pcf-api}
    patch: |-
      - {op: remove, path: /spec/podSelector/matchLabels/app.kubernetes.io~1instance}
Y
)
must_deploy "$before"
next=$(release v2 "$repository@$v2_digest" </dev/null)
if deploy "$next"; then fail 'a selector that cannot be changed: it was deployed'; else
    expect "a selector that cannot be changed is told before the apply: $(tail -n 1 "$work/deploy" | cut -c 1-200)" \
        grep -q 'error: .*nothing was changed. scripts/set-selector.sh' "$work/deploy"
fi
pods=$(pods | jq -c '[.[].metadata.uid] | sort')
load_begin --at-least 5000
"$root/scripts/set-selector.sh" "$next" >"$work/out" 2>&1 || { cat "$work/out"; die 'set-selector.sh'; }
expect 'set-selector.sh hands over the same pods' test "$pods" = "$(pods | jq -c '[.[].metadata.uid] | sort')"
must_deploy "$next"
lost_none 'from the selector of 0.1.0 to the present one, by scripts/set-selector.sh and scripts/deploy.sh'
expect 'again it has nothing to do' grep -q 'nothing to do' <<<"$("$root/scripts/set-selector.sh" "$next")"
load_begin --at-least 1000
"$root/scripts/rollback-deployment.sh" "$next" --to-revision 1 >"$work/out" 2>&1 || { cat "$work/out"; die 'rollback to the release of before'; }
settled
expect 'the history is kept: the release of before is back' test "$(k get deployment pcf-api -o jsonpath='{.spec.template.spec.containers[0].image}')" = "$repository:v1"
lost_none 'back to the release of before, under the new selector' 1000

mkdir -p "$work/two" "$work/prefixed"
cat >"$work/two/kustomization.yaml" <<'Y'
resources: [../v2]
nameSuffix: -two
labels:
  - pairs: {app.kubernetes.io/instance: pcf-api-two}
    includeSelectors: true
Y
printf 'resources: [../v2]\nnamePrefix: team-\nlabels: [{pairs: {app.kubernetes.io/instance: team}, includeSelectors: true}]\n' >"$work/prefixed/kustomization.yml"
must_deploy "$next"
deploy "$work/two" || { tail -n 12 "$work/deploy"; die 'a second instance'; }
endpoints() { k get endpointslices -l "kubernetes.io/service-name=$1" -o json | jq -c '[.items[].endpoints[]?.targetRef.name | sub("-[a-z0-9]+-[a-z0-9]{5}$"; "")] | unique'; }
expect "a second instance: each Service has its own pods: $(endpoints pcf-api) $(endpoints pcf-api-two)" \
    test "$(endpoints pcf-api)$(endpoints pcf-api-two)" = '["pcf-api"]["pcf-api-two"]'
expect "a second instance: each budget counts its own pods" \
    test "$(k get pdb pcf-api pcf-api-two -o jsonpath='{.items[*].status.expectedPods}')" = '3 3'
k delete deployment pcf-api-two >/dev/null
deploy "$work/prefixed" || true
expect "namePrefix, from a kustomization.yml that inherits its namespace: $(tail -n 1 "$work/deploy" | cut -c 1-150)" \
    grep -q "^== Deployed: $repository@$v2_digest in $namespace" "$work/deploy"
k delete deployment,service,pdb team-pcf-api >/dev/null

kubectl create namespace pcf-api-e2e-ending >/dev/null
kubectl -n pcf-api-e2e-ending create configmap held >/dev/null
kubectl -n pcf-api-e2e-ending patch configmap held --type=merge --patch '{"metadata": {"finalizers": ["example.com/held"]}}' >/dev/null
kubectl delete namespace pcf-api-e2e-ending --wait=false >/dev/null
mkdir -p "$work/ending"
printf 'resources: [../v2]\nnamespace: pcf-api-e2e-ending\n' >"$work/ending/kustomization.yaml"
from=$SECONDS
deploy "$work/ending" || true
expect "a namespace that is being deleted is told after $((SECONDS - from)) s: $(tail -n 1 "$work/deploy")" grep -q 'is being deleted' "$work/deploy"
kubectl -n pcf-api-e2e-ending patch configmap held --type=merge --patch '{"metadata": {"finalizers": null}}' >/dev/null
