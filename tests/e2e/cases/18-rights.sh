# Who may not do all: an admin of the namespace alone deploys, a viewer sees the difference; and what is
# missing is told before the apply.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

fresh v1 "$repository:v1"
second=$(release v2 "$repository@$v2_digest" </dev/null)
# A context of their own for two accounts, in a copy of the kubeconfig.
cp "${KUBECONFIG:-$HOME/.kube/config}" "$work/kubeconfig"
chmod 600 "$work/kubeconfig"
cluster=$(kubectl config view --minify -o jsonpath='{.contexts[0].context.cluster}')
for role in admin view; do
    kubectl -n $clients create serviceaccount "as-$role" >/dev/null
    k create rolebinding "as-$role" --clusterrole=$role --serviceaccount="$clients:as-$role" >/dev/null
    export KUBECONFIG=$work/kubeconfig
    kubectl config set-credentials "as-$role" --token="$(kubectl -n $clients create token "as-$role")" >/dev/null
    kubectl config set-context "as-$role" --cluster="$cluster" --user="as-$role" >/dev/null
done
deploy_as() { "$root/scripts/deploy.sh" "$2" --context "as-$1" "${@:3}" >"$work/deploy" 2>&1; } # role, overlay
deploy_as view "$second" --dry-run || { tail -n 5 "$work/deploy"; fail 'a viewer: the dry run fails'; }
expect "a viewer sees the difference in a dry run" grep -q "^+.*$v2_digest" "$work/deploy"
! deploy_as view "$second" || fail 'a viewer deploys'
expect "a viewer deploys nothing: $(tail -n 1 "$work/deploy")" grep -q 'you may not change Deployments' "$work/deploy"
deploy_as admin "$second" || { tail -n 12 "$work/deploy"; fail 'an admin of the namespace cannot deploy'; }
settled
expect "an admin of the namespace alone deploys: $(tail -n 1 "$work/deploy")" grep -q "^== Deployed: $repository@$v2_digest" "$work/deploy"

generation() { k get deployment pcf-api -o jsonpath='{.metadata.generation}'; }
was=$(generation)
mkdir -p "$work/lacking"
k delete secret pcf-api-secrets --ignore-not-found >/dev/null
lacking=$(printf 'components: [%s]\n' "$(component lacking database)" | release lacking "$repository:v1")
from=$SECONDS
! deploy "$lacking" || fail 'a missing Secret: deployed'
expect "a missing Secret is told after $((SECONDS - from)) s: $(tail -n 1 "$work/deploy")" grep -q 'error: .*secret pcf-api-secrets; nothing was changed' "$work/deploy"
other=$(printf 'configMapGenerator:\n  - name: pcf-api\n    behavior: merge\n    literals: [SERVER__PORT=9090]\n' | release own-port "$repository:v1")
! deploy "$other" || fail 'an own port: deployed'
expect "a port that the container does not name is told: $(tail -n 1 "$work/deploy")" grep -q 'error: SERVER__PORT is 9090' "$work/deploy"
expect 'none of these changed anything' test "$(generation)" = "$was"
