# What status.sh shows, and when it calls that a failure.
# shellcheck shell=bash # sourced by run

on good scripts/status.sh prod
holds 'status: all is well' 0 ready
holds 'status: the newest warning is the last' 0 Newest ends_with Newest
