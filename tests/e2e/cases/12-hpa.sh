# CPU load makes the HPA scale out, and its end in again.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

if ! kubectl get --raw /apis/metrics.k8s.io/v1beta1/nodes >/dev/null 2>&1; then skip 'HPA: the cluster has no metrics API'; return 0; fi
k delete deployment pcf-api --ignore-not-found >/dev/null
# The HPA of prod with shorter windows: five minutes of calm would be waited for otherwise.
directory=$(release hpa "$repository:v1" with-hpa <<'Y'
patches:
  - target: {kind: HorizontalPodAutoscaler, name: pcf-api}
    patch: |-
      - {op: replace, path: /spec/behavior/scaleUp/stabilizationWindowSeconds, value: 0}
      - {op: replace, path: /spec/behavior/scaleDown/stabilizationWindowSeconds, value: 10}
      - {op: replace, path: /spec/behavior/scaleDown/policies/0/periodSeconds, value: 15}
Y
)
must_deploy "$directory"
wanted() { k get hpa pcf-api -o jsonpath='{.status.desiredReplicas}'; }
load_begin --rate 15000 --keep-alive 32 --fresh 0
from=$SECONDS
has_grown() { [ "$(wanted)" -gt 3 ]; }
until_true 120 has_grown || { k describe hpa pcf-api | tail -n 12; die 'the HPA does not scale out'; }
took=$((SECONDS - from))
out=$(wanted)
note "$(k get hpa pcf-api --no-headers)"
sleep 5
lost_none "HPA scales out, 3 -> $out after $took s of load" 5000
from=$SECONDS
has_shrunk() { [ "$(wanted)" = 3 ] && [ "$(pods | jq length)" = 3 ]; }
until_true 180 has_shrunk || die 'the HPA does not scale in'
pass "HPA scales in again to 3 after $((SECONDS - from)) s of calm"
k delete hpa pcf-api >/dev/null
