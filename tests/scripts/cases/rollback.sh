# What rollback-deployment.sh does with another Deployment than ours.
# shellcheck shell=bash # sourced by run

on good scripts/rollback-deployment.sh other some-namespace
holds 'rollback: to the revision before' 0 '^== Undo: revision 5 -> 4' called '--to-revision=4'
holds 'rollback: the pods that are listed are its own' 0 '^== Pods' called 'pods .*-l app=other'
on good scripts/rollback-deployment.sh prod
holds 'rollback: of an environment' 0 '^== Undo: revision 5 -> 4 (i:5 -> i:4)' called '-n pcf-api-prod rollout undo deployment/pcf-api'
on good scripts/rollback-deployment.sh
holds 'rollback: of nothing' 2 'which environment' untouched
on restarted scripts/rollback-deployment.sh prod
holds 'rollback: a restart is part of its release' 0 '^== Undo: revision 5 -> 3 (i:4 -> i:3)' called '--to-revision=3'
on paused scripts/rollback-deployment.sh prod
holds 'rollback: a paused Deployment is left alone' 1 'rollout resume deployment/pcf-api' untouched
on returned scripts/rollback-deployment.sh pcf-api pcf-api-prod
holds 'rollback: from a revision that was gone back to it wants a number' 1 'say which: .* pcf-api pcf-api-prod --to-revision N' untouched
on returned scripts/rollback-deployment.sh prod
holds 'rollback: of an environment' 1 'say which: scripts/rollback-deployment.sh prod --to-revision N' untouched
SERVICE_ROOT=$PWD on returned scripts/rollback-deployment.sh prod
holds 'rollback: of a service, by its command' 1 'say which: ops rollback prod --to-revision N' untouched
holds 'rollback: and shows which there are' 1 '^== History (present: 5)'
on returned scripts/rollback-deployment.sh prod --to-revision 3
holds 'rollback: and goes where it is told' 0 '^== Undo: revision 5 -> 3' called '--to-revision=3'
on taken-back scripts/rollback-deployment.sh prod
holds 'rollback: what a controller takes back at once is no success' 1 \
    'revision 4 was asked for, and someone else, .* at revision 7 (i:7)' called '--to-revision=4'
on taken-back-bad scripts/rollback-deployment.sh prod
holds 'rollback: nor is it called a failure of what was gone back to' 1 \
    'revision 4 was asked for, and someone else, .* at revision 7 (i:7)' called '--to-revision=4'
