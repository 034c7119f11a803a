# What status.sh shows, and when it calls that a failure.
# shellcheck shell=bash # sourced by run

on good scripts/status.sh prod
holds 'status: all is well' 0 ready
holds 'status: the newest warning is the last' 0 Newest ends_with Newest
on stuck scripts/status.sh prod
holds 'status: a rollout that is stuck is a failure' 1 ready
on sidecar scripts/status.sh prod
holds "status: the service's container is shown, not a sidecar" 0 'two .* 0 restarts .*aaa' silent proxy
on good scripts/status.sh ''
holds 'status: no environment' 2 "no environment ''"
