# What rollback-deployment.sh does with another Deployment than ours.
# shellcheck shell=bash # sourced by run

on good scripts/rollback-deployment.sh other some-namespace
holds 'rollback: to the revision before' 0 '^== Undo: revision 5 -> 4' called '--to-revision=4'
holds 'rollback: the pods that are listed are its own' 0 '^== Pods' called 'pods .*-l app=other'
on paused scripts/rollback-deployment.sh
holds 'rollback: a paused Deployment is left alone' 1 'rollout resume deployment/pcf-api' untouched
