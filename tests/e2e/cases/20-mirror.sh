# An admission policy that has the images pulled from a mirror: the digest decides, the name is a warning.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

if [ -z "${E2E_HOST_ADDRESS:-}" ]; then skip 'mirror: E2E_HOST_ADDRESS is not set'; return 0; fi
for tool in openssl python3; do
    command -v $tool >/dev/null || { skip "mirror: $tool is not here"; return 0; }
done
fresh v1 "$repository:v1"
mirror=mirror.example.com/pcf-api
digest=$("$root/tests/e2e/image" "$mirror:v2" "$work/images/mirror.tar" --from "$work/images/v2.tar")
expect 'the mirror has the same bytes' test "$digest" = "$v2_digest"
load_image "$work/images/mirror.tar"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=mirror -addext "subjectAltName=IP:$E2E_HOST_ADDRESS" \
    -keyout "$work/mirror.key" -out "$work/mirror.crt" 2>/dev/null
"$root/tests/e2e/mirror.py" "$E2E_HOST_ADDRESS" "$work/mirror.crt" "$work/mirror.key" "$repository" "$mirror" >"$work/mirror.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true; kubectl delete mutatingwebhookconfiguration pcf-api-e2e --ignore-not-found >/dev/null' EXIT
listens() { [ -s "$work/mirror.log" ]; }
until_true 10 listens || die "the webhook does not start: $(cat "$work/mirror.log")"
kubectl apply -f - >/dev/null <<Y
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: pcf-api-e2e}
webhooks:
  - name: mirror.example.com
    clientConfig: {url: "https://$E2E_HOST_ADDRESS:$(head -n 1 "$work/mirror.log")/", caBundle: $(base64 -w 0 <"$work/mirror.crt")}
    failurePolicy: Fail
    sideEffects: None
    admissionReviewVersions: [v1]
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $namespace}}
    rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
Y
sleep 1
deploy "$(release v2 "$repository@$v2_digest" </dev/null)" || { tail -n 12 "$work/deploy"; fail 'the registry is rewritten: not deployed'; }
settled
expect "the registry is rewritten: all pods run $(pods | jq -r '.[0].spec.containers[0].image' | cut -c 1-60)…" \
    test "$(pods | jq -r '[.[].spec.containers[0].image] | unique | .[]')" = "$mirror@$v2_digest"
expect "deployed, with a warning: $(grep -m 1 '^warning: pod' "$work/deploy" | cut -c 1-120)…" grep -q "^== Deployed: $repository@$v2_digest.*under another name" "$work/deploy"
