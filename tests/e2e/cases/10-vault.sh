# The component vault, with the file put where the injector's agent would put it.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

if [ -z "${E2E_HOST_ADDRESS:-}" ]; then skip 'vault: E2E_HOST_ADDRESS is not set'; return 0; fi
. "$root/tests/e2e/redis.sh"
redis_start 6379 vault-secret-value
fresh v1 "$repository:v1"
printf 'redis://:vault-secret-value@%s:6379\n' "$E2E_HOST_ADDRESS" | k create secret generic vault-file --from-file=config=/dev/stdin >/dev/null
directory=$(release vault "$repository:v1" <<Y
  - target: {kind: Deployment, name: pcf-api}
    patch: |-
      - {op: add, path: /spec/template/spec/volumes/-, value: {name: vault-file, secret: {secretName: vault-file}}}
      - {op: add, path: /spec/template/spec/containers/0/volumeMounts, value: [{name: vault-file, mountPath: /vault/secrets, readOnly: true}]}
components: [$(mkdir -p "$work/vault"; component vault vault)]
Y
)
must_deploy "$directory"
k exec deployment/pcf-api -- /pcf-api healthcheck --json >"$work/out" 2>/dev/null || true
expect "the dependency's URL comes from /vault/secrets/config: $(jq -c '.services.database | {status, criticality}' "$work/out")" \
    jq -e '.services.database.status == "healthy"' "$work/out"
expect 'our container has no service account token' sh -c \
    "! kubectl -n $namespace get pods -l $selector -o json | jq -e 'any(.items[].spec.containers[].volumeMounts[]?; .name == \"vault-token\" or (.mountPath | contains(\"serviceaccount\")))'"
k delete secret vault-file >/dev/null
redis_stop 6379
