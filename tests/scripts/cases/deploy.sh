# A good release is kept whatever happens beside it; a bad one goes back.
# shellcheck shell=bash disable=SC2154 # sourced by run, which has its variables

deploy() { on "$1" scripts/deploy.sh "$work/pinned" --timeout "${2:-10}" "${@:3}"; }
deploy good
holds 'deploy: a good release is kept' 0 '^== Deployed' kept
deploy blip
holds 'deploy: requests that fail once take no release back' 0 '^== Deployed' kept
deploy scale-out
holds 'deploy: pods that an HPA adds meanwhile are not asked' 0 '^== Deployed' kept
deploy evicted
holds 'deploy: evicted pods are not asked' 0 '^== Deployed' kept
deploy gone
holds 'deploy: a pod that goes meanwhile is passed over' 0 '^== Deployed' kept
deploy moved
holds 'deploy: a pod that runs another image' 1 'error: .*pod two runs .*bbb .*, not' undone
deploy crash
holds 'deploy: it goes back even where events may not be read' 1 'error: .*a bad setting' undone
holds 'deploy: and says that they cannot be read' 1 'the events cannot be read'
deploy init-image
holds 'deploy: the image of an init container cannot be pulled' 1 'error: .*cannot be pulled: agent:1' undone
deploy init-waits 2
holds 'deploy: an init container that never ends is named' 1 'error: .*never became ready.*logs two -c agent-init' undone
deploy stuck 2
holds "deploy: the reason is the pods' last warning, not the HPA's" 1 'error: .*never became ready.*: Pod pcf-api-h-one: Newest' undone
deploy no-exec
holds 'deploy: without the right to exec nothing is applied' 1 'you may not exec' untouched
deploy platform-digest
holds "deploy: a runtime that tells the platform's digest is believed" 0 'warning: pod two: .*bbb' kept
deploy paused
holds 'deploy: to a paused Deployment nothing is applied' 1 'rollout resume deployment/pcf-api' untouched
deploy zero
holds 'deploy: nor to one that the HPA leaves at 0' 1 'scaled to 0.* --replicas=3' untouched
deploy no-hpa
holds 'deploy: who may not read HPAs keeps a good release' 0 '^== Deployed' kept
looked() { [ "$(wc -l <"$STATE/looks")" -gt "$1" ]; }
deploy new
holds 'deploy: a new release is complete with the pods that its HPA wants' 0 '^== Deployed' looked 2
deploy plain
handed_over() {
    grep -- '--type=json' "$STATE/calls" | sed 's/.* --patch //' | jq -e 'map({(.path): .value}) | add == {
        "/metadata/resourceVersion": "9", "/metadata/managedFields": [
            {manager: "kubectl", operation: "Apply", apiVersion: "apps/v1",
                fieldsV1: {"f:metadata": {"f:annotations": {}}, "f:spec": {"f:template": {"f:made": {}, "f:undone": {}}}}},
            {manager: "kube-controller-manager", operation: "Update", subresource: "status", fieldsV1: {"f:status": {}}}]}' >/dev/null
}
holds 'deploy: what a plain apply made and an undo brought back can be removed by this one' 0 '^== Deployed' handed_over
holds 'deploy: and no warning of kubectl alarms' 0 'what a plain kubectl apply made is taken over' silent 'failed to migrate'

# What the controller tries again by itself is no failure of the release.
deploy held-up 20
holds 'deploy: pods that a quota or a webhook holds up for a while are waited for' 0 'held up: exceeded quota' kept
deploy held-for-good 3
holds 'deploy: and where that does not end, the last line has the reason' 1 'held up' ends_with 'new pods are ready.*: exceeded quota'
deploy mirror
holds 'deploy: the same digest under the name of a mirror is the same image' 0 'warning: pod two: .*mirror.example.com' kept

# Someone else.
deploy foreign
holds 'deploy: what someone else deployed meanwhile is not taken back, and no success' 1 'error: someone else changed pcf-api' kept
deploy gone-again
holds 'deploy: a Deployment that someone deleted is no API server that does not answer' 1 'error: pcf-api is not in pcf-api-prod any more' silent 'does not answer'
deploy never-ran
holds 'deploy: what never ran is nothing to go back to' 1 'No release before this one ever ran' kept
holds 'deploy: and is noted for a rollback, the one before' 1 '' called 'label replicaset pcf-api-5 .*came-up=never'
holds 'deploy: and this one' 1 '' called 'label replicaset pcf-api-6 .*came-up=never'
deploy no-label
holds 'deploy: who may not note it goes on' 1 'No release before this one ever ran' kept
holds 'deploy: and is told' 1 'note: .* revision 5 .*pcf-api-5" is forbidden'
deploy admin
holds 'deploy: an admin of the namespace alone leaves the namespace as it is' 0 'you may not change the namespace pcf-api-prod itself' kept
deploy viewer 10 --dry-run
holds 'deploy: a viewer sees the difference in a dry run' 0 '^-.*an-older-image' untouched
deploy viewer
holds 'deploy: and nothing else' 1 'error: you may not change Deployments' untouched

# What cannot work is told before the apply.
deploy ending
holds 'deploy: into a namespace that is being deleted nothing is applied' 1 'pcf-api-prod is being deleted' untouched
deploy no-namespace
holds 'deploy: a namespace that is not there is a mistake' 1 'error: there is no namespace pcf-api-prod .*--create' untouched
deploy no-namespace 10 --create
holds 'deploy: unless it is to be made' 0 '^== Deployed' kept
deploy old-selector
holds 'deploy: a selector cannot be changed in place' 1 'error: .*which cannot be changed in place' untouched
mkdir "$work/lacking" "$work/own-port" "$work/prefixed"
printf '%s\n' 'resources: [../pinned]' "components: [$(realpath --relative-to="$work/lacking" k8s/components/database)]" >"$work/lacking/kustomization.yaml"
on no-secret scripts/deploy.sh "$work/lacking"
holds 'deploy: a Secret that is missing' 1 'error: the pods need what is not in pcf-api-prod: secret pcf-api-secrets; nothing was changed. scripts/create-secrets.sh makes the Secret' untouched
sed -e 's/database/tls/' -e '$a patches: [{patch: "{$patch: delete, apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: pcf-api-server-tls}}"}]' \
    "$work/lacking/kustomization.yaml" >"$work/lacking/new" && mv "$work/lacking/new" "$work/lacking/kustomization.yaml"
on no-secret scripts/deploy.sh "$work/lacking"
holds 'deploy: one that our script does not make' 1 'error: .* secret pcf-api-server-tls; nothing was changed$' untouched
printf '%s\n' 'resources: [../pinned]' 'namespace: pcf-api-prod' 'configMapGenerator: [{name: pcf-api, namespace: pcf-api-prod, behavior: merge, literals: [SERVER__PORT=9090]}]' >"$work/own-port/kustomization.yaml"
on good scripts/deploy.sh "$work/own-port"
holds 'deploy: a port that the container does not name' 1 'error: SERVER__PORT is 9090, .* 8080 alone' untouched
deploy unwell 2
holds 'deploy: the last line has what an unready pod says of its health' 1 '' ends_with 'pod two: its health check says: unhealthy: database: connection refused'
deploy no-node 2
holds 'deploy: or why it has no node' 1 '' ends_with 'pod two has no node: 0/2 nodes'

# Names are those of what was rendered.
printf '%s\n' 'resources: [../pinned]' 'namePrefix: team-' >"$work/prefixed/kustomization.yml"
on good scripts/deploy.sh "$work/prefixed" --context other
holds 'deploy: the name may have a prefix, the namespace be inherited, the file be a .yml' 0 '^== Deployed: .* in pcf-api-prod' called 'get deployment team-pcf-api'
holds 'deploy: every request goes to the context that is named' 0 '' called '^context other$'

# What cannot be asked has said nothing.
deploy away 20
holds 'deploy: an API server that is away for some seconds is waited for' 0 '^== Deployed' kept
deploy late 4
holds 'deploy: even when the time for the rollout ends meanwhile' 0 '^== Deployed' kept
deploy no-way-yet 20
holds 'deploy: so is the way to the pods' 0 '^== Deployed' kept
deploy no-way 2
holds 'deploy: pods that cannot be asked keep their release, and it is no success' 1 'could not ask .*: one; nothing was rolled back' kept
deploy ended
holds 'deploy: a pod that is not ready any more' 1 'pod one is not ready any more: .*container not found' undone
deploy sick
holds 'deploy: a pod that says that it is not well' 1 'pod one: its health check says: unhealthy' undone
deploy undo-away
holds 'deploy: a rollback that gets no answer is tried again' 1 '^Rolled back' undone
deploy undo-unheard
holds 'deploy: one whose answer is lost is done' 1 '^Rolled back' undone

# Which overlay, and which release is the one before.
deploy ended-early
holds 'deploy: what one that was ended early left is gone back from' 1 '^== Rolling back: revision 6 -> 5' undone
mkdir -p "$work/mine/prod"
cat >"$work/mine/prod/kustomization.yaml" <<Y
resources: [$(realpath --relative-to="$work/mine/prod" k8s/overlays/prod)]
patches:
  - target:
      kind: Deployment
      namespace: pcf-api-prod
    patch: |-
      - { op: add, path: /spec/minReadySeconds, value: 1 }
namespace: mine
Y
on good env -C "$work/mine" "$PWD/scripts/deploy.sh" ./prod --dry-run
holds "deploy: a path is the caller's, and its namespace the top one" 0 '^== Difference (mine,'
CDPATH=. on good scripts/deploy.sh prod --dry-run
holds 'deploy: CDPATH leads nowhere' 0 '^== Difference (pcf-api-prod'

# Another controller's pods.
mkdir "$work/canary"
cat >"$work/canary/kustomization.yaml" <<Y
namespace: pcf-api-prod
resources: [$(realpath --relative-to="$work/canary" k8s/overlays/prod)]
components: [$(realpath --relative-to="$work/canary" k8s/components/canary)]
Y
on good scripts/deploy.sh "$work/canary"
holds 'deploy: what a Rollout brings out is not judged by an empty Deployment' 1 'kubectl argo rollouts status pcf-api -n pcf-api-prod' untouched
on good scripts/rollback-deployment.sh "$work/canary"
holds 'rollback: nor taken back by one' 1 'kubectl argo rollouts undo pcf-api -n pcf-api-prod' untouched
