# The recipes pass on what they are given, spaces and all.
# shellcheck shell=bash disable=SC2154 # sourced by run

if command -v just >/dev/null; then
    mkdir "$work/a folder"
    echo DATABASE_URL=tcp://db:1 >"$work/a folder/prod.env"
    on good just secrets prod "$work/a folder/prod.env" --name 'an-other'
    holds 'just secrets: a path with spaces' 0 '^secret/an-other in pcf-api-prod'
    on good just rollback prod --to-revision 3
    holds 'just rollback: the namespace and the options' 0 '^== Undo: revision 5 -> 3' called '-n pcf-api-prod rollout undo'
    on good just logs dev
    holds 'just logs: follows unless told otherwise' 0 '' called '-n pcf-api-dev logs .* --follow --tail=100$'
    on good just logs dev --since 1h
    holds 'just logs: other options' 0 '' called '--max-log-requests=20 --since 1h$'
    on good just logs dev --context other
    holds 'just logs: the context' 0 '' called '^context other$'
    on good just logs dev --context other
    holds 'just logs: a context is no option of kubectl logs' 0 '' called '-n pcf-api-dev logs .* --follow --tail=100$'
else
    echo 'skipped: just is not here'
    [ "${CI:-}" != true ]
fi
