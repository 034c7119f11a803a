# An image with the features otlp and tls: probes by TLS, a certificate that is renewed and a level that is
# changed without a restart, and spans at a collector.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

if [ -z "$featured" ]; then skip 'features: no --featured'; return 0; fi
if [ -z "${E2E_HOST_ADDRESS:-}" ]; then skip 'features: E2E_HOST_ADDRESS is not set'; return 0; fi
mkdir "$work/featured"
install -m 0755 "$featured/pcf-api" "$work/featured/pcf-api"
make_image "$repository:featured" "$work/images/featured.tar" --binary "$work/featured/pcf-api"
load_image "$work/images/featured.tar"

# ------------------------------------------------------------------ what stands around it
cat >"$work/collector.yaml" <<Y
receivers: {otlp: {protocols: {http: {endpoint: '$E2E_HOST_ADDRESS:4318'}}}}
exporters: {file: {path: '$work/spans', flush_interval: 50ms}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [file]}}
Y
"$featured/collector" --config "$work/collector.yaml" >"$work/collector.log" 2>&1 &
collector=$!
forward=''
trap 'kill $collector $forward 2>/dev/null' EXIT

authority() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=e2e -keyout "$work/ca.key" -out "$work/ca.crt" 2>/dev/null; }
issued() { # into $work/tls.crt and $work/tls.key
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=pcf-api -keyout "$work/tls.key" -out "$work/tls.csr" 2>/dev/null
    openssl x509 -req -in "$work/tls.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
        -extfile <(echo 'subjectAltName=DNS:pcf-api') -out "$work/tls.crt" 2>/dev/null
}
# What cert-manager writes, at the beginning and at each renewal.
write_secret() {
    issued
    k create secret generic pcf-api-server-tls --type=kubernetes.io/tls --dry-run=client -o yaml \
        --from-file="$work/tls.crt" --from-file="$work/tls.key" --from-file="$work/ca.crt" | k apply -f - >/dev/null
}
# A pod by its own address, as the kubelet asks it: port 18443 of this machine until the next one.
reach() { # pod
    [ -z "$forward" ] || { kill $forward; wait $forward 2>/dev/null || true; }
    kubectl -n $namespace port-forward "pod/$1" 18443:8080 >/dev/null 2>"$work/forward" &
    forward=$!
    until_true 20 asks / >/dev/null 2>&1 || die "no way to $1: $(cat "$work/forward")"
}
asks() { # path, options of curl
    curl -sS --fail-with-body -m 5 --cacert "$work/ca.crt" --connect-to pcf-api:443:127.0.0.1:18443 "${@:2}" "https://pcf-api$1"
}
serial() { openssl s_client -connect 127.0.0.1:18443 -servername pcf-api </dev/null 2>/dev/null | openssl x509 -noout -serial; }
names() { pods | jq -r '.[].metadata.name'; }

# ------------------------------------------------------------------ deployed
fresh v1 "$repository:v1"
authority
write_secret
must_deploy "$(release featured "$repository:featured" <<Y
  - patch: '{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: pcf-api-server-tls}, \$patch: delete}'
  - patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: pcf-api}, spec: {template: {spec: {containers: [{name: pcf-api, env: [{name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "http://$E2E_HOST_ADDRESS:4318"}]}]}}}}'
components:
$(for name in tls tracing log-level; do echo "  - $(component featured $name)"; done)
Y
)"
pass 'with TLS, tracing and a level of its own three pods are ready: the probes speak TLS'
uids=$(pods | jq -c '[.[].metadata.uid] | sort')
for pod in $(names); do expect "healthcheck asks by TLS: $pod" k exec "$pod" -- /pcf-api healthcheck; done

# ------------------------------------------------------------------ spans
trace=$(openssl rand -hex 16)
for pod in $(names); do
    reach "$pod"
    asks /version --header "traceparent: 00-$trace-$(openssl rand -hex 8)-01" >/dev/null || die "$pod does not answer"
done
of_trace() { jq -s --arg trace "$trace" '[.[].resourceSpans[]
    | (.resource.attributes | map({(.key): .value.stringValue}) | add) as $of
    | .scopeSpans[].spans[] | select(.traceId == $trace) | {name, pod: $of["k8s.pod.name"], namespace: $of["k8s.namespace.name"]}]' "$work/spans"; }
three() { [ "$(of_trace | jq length)" = 3 ]; }
expect 'three pods tell the collector of one trace' until_true 30 three
expect "each span names its pod and namespace: $(of_trace | jq -c '.[0]')" \
    test "$(of_trace | jq -r '.[].pod' | sort)" = "$(names | sort)" -a "$(of_trace | jq -r '[.[].namespace] | unique[]')" = $namespace

# ------------------------------------------------------------------ what changes while they run
was=$(serial)
write_secret
expected=$(openssl x509 -in "$work/tls.crt" -noout -serial)
k patch configmap pcf-api-log-level --type=merge --patch '{"data": {"RUST_LOG": "info,access=debug"}}' >/dev/null
from=$SECONDS
all_changed() {
    for pod in $(names); do
        k logs "$pod" | grep -q '"new":"info,access=debug"' || return 1
        reach "$pod"
        [ "$(serial)" = "$expected" ] || return 1
    done
}
expect 'a renewed certificate and another level are in use in all pods' until_true 180 all_changed
note "after $((SECONDS - from)) s"
expect 'the certificate is another one' test "$was" != "$expected"
expect 'clients of the issuer are answered as before' asks /version
expect 'the same pods run, none was restarted, all are ready' \
    test "$uids $(restarts) $(ready)" = "$(pods | jq -c '[.[].metadata.uid] | sort') 0 3"
