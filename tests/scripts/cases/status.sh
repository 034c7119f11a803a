# What status.sh shows, and when it calls that a failure.
# shellcheck shell=bash # sourced by run

on good scripts/status.sh prod
holds 'status: all is well' 0 ready
holds 'status: the newest warning is the last' 0 Newest ends_with Newest
holds 'status: warnings of old pods and of a second instance are left out' 0 Newest silent Foreign
holds 'status: one line for each reason' 0 'Pod pcf-api-h-two: Older' silent 'Pod pcf-api-h-one: Older'
on stuck scripts/status.sh prod
holds 'status: a rollout that is stuck is a failure' 1 ready
on unwell scripts/status.sh prod
holds 'status: the last line has the reason' 1 '' ends_with 'is not ready: .*pod two: its health check says: unhealthy: database'
on scaled-down scripts/status.sh prod
holds 'status: no pods is a failure' 1 '' ends_with 'is not ready: it is scaled to 0'
on good scripts/status.sh prod --context other
holds 'status: the context' 0 ready called '^context other$'
on sidecar scripts/status.sh prod
holds "status: the service's container is shown, not a sidecar" 0 'two .* 0 restarts .*aaa' silent proxy
on good scripts/status.sh ''
holds 'status: no environment' 2 'which environment'
