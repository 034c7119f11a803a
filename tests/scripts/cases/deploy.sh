# A good release is kept whatever happens beside it; a bad one goes back.
# shellcheck shell=bash # sourced by run

deploy() { on "$1" scripts/deploy.sh prod --timeout 10; }
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
