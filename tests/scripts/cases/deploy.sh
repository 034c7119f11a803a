# A good release is kept whatever happens beside it; a bad one goes back.
# shellcheck shell=bash disable=SC2154 # sourced by run, which has its variables

deploy() { on "$1" scripts/deploy.sh prod --timeout "${2:-10}"; }
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
holds 'deploy: a pod that runs another image' 1 'error: .*pod two runs .*bbb, not' undone
deploy crash
holds 'deploy: it goes back even where events may not be read' 1 'error: .*a bad setting' undone
holds 'deploy: and says that they cannot be read' 1 'the events cannot be read'
deploy init-image
holds 'deploy: the image of an init container cannot be pulled' 1 'error: .*cannot be pulled: agent:1' undone
deploy init-waits 2
holds 'deploy: an init container that never ends is named' 1 'error: .*never became ready.*logs two -c agent-init' undone
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

# What cannot be asked has said nothing.
deploy away
holds 'deploy: an API server that is away for some seconds is waited for' 0 '^== Deployed' kept
deploy late 2
holds 'deploy: even when the time for the rollout ends meanwhile' 0 '^== Deployed' kept
deploy no-way-yet
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
