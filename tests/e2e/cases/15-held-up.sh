# What the controllers try again by themselves takes no good release back: a quota, a webhook that is away.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

fresh v1 "$repository:v1"
second=$(release v2 "$repository@$v2_digest" </dev/null)
stays() { # description
    if deploy "$second" --timeout 120 && grep -q 'held up: ' "$work/deploy"; then
        pass "$1: $(grep -m 1 -o 'held up: .*' "$work/deploy" | cut -c 1-150); then: $(tail -n 1 "$work/deploy")"
    else
        fail "$1"
        tail -n 12 "$work/deploy" | sed 's/^/     /'
    fi
}

# One pod more than there are replicas: while an old one drains, no new one may be made.
k create quota tight --hard=pods=4 >/dev/null
stays 'a quota of one pod more than the replicas'
k delete quota tight >/dev/null
settled

# A webhook of which nobody answers for 9 s, and which the API server may not do without.
fresh v1 "$repository:v1"
kubectl apply -f - >/dev/null <<Y
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: pcf-api-e2e}
webhooks:
  - name: away.example.com
    clientConfig: {url: "https://127.0.0.1:1/"}
    failurePolicy: Fail
    sideEffects: None
    admissionReviewVersions: [v1]
    timeoutSeconds: 1
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $namespace}}
    rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
Y
sleep 1
(sleep 9; kubectl delete validatingwebhookconfiguration pcf-api-e2e >/dev/null) &
stays 'an admission webhook that is away for 9 s'
wait $!
settled
