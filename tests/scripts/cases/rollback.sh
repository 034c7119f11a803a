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

# A release that never came up.
on left-bad scripts/rollback-deployment.sh prod
holds 'rollback: what never came up is passed over' 0 '^== Undo: revision 5 -> 3' called '--to-revision=3'
holds 'rollback: and that is said' 0 '^passed over, as it never had a ready pod: revision 4$'
holds 'rollback: the history has it' 0 $'^4\t.*\tnever had a ready pod$' silent $'^3\t.*never'
on left-bad scripts/rollback-deployment.sh prod --to-revision 4
holds 'rollback: unless it is asked for' 0 'warning: revision 4 never had a ready pod' called '--to-revision=4'
on none-good scripts/rollback-deployment.sh prod
holds 'rollback: where no other is left, nothing is changed' 1 '' untouched
holds 'rollback: and it says how to go to one all the same' 1 '' \
    ends_with 'error: no release before revision 5 ever had a ready pod (revision 3, 4).* nothing was changed.* scripts/rollback-deployment.sh prod --to-revision N'
on undo-bad scripts/rollback-deployment.sh prod
holds 'rollback: what crashes ends the wait, and the last line has the reason' 1 '' \
    ends_with 'error: revision 4 is not back: pod two: it crashes at start (Error, exit status 2): a bad setting; .* scripts/rollback-deployment.sh prod --to-revision 5$'
holds 'rollback: the events come before it' 1 '^  Pod pcf-api-h-one: Newest'
on mended scripts/rollback-deployment.sh prod
holds 'rollback: a release that came up later is not called one that never did' 0 '^== Pods' called 'label replicaset pcf-api-5 .*came-up-'
holds 'rollback: nor shown as one' 0 '^== History' silent 'never had'
on stuck scripts/rollback-deployment.sh prod
holds 'rollback: one that was complete once is not either' 0 '^== Pods' uncalled 'label replicaset'
