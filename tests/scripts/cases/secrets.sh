# Which values create-secrets.sh takes, and which it refuses.
# shellcheck shell=bash disable=SC2154 # sourced by run

secrets() { # line, what else
    printf '%s\n' "$1" >"$work/env"
    chmod 600 "$work/env"
    on good scripts/create-secrets.sh prod "$work/env"
}
for value in postgres://app:mytodolist@db/app postgres://app:aXXXXb@db/app postgres://app@db/todo; do
    secrets "DATABASE_URL=$value"
    holds "secrets: $value is a value" 0 '^secret/pcf-api-secrets'
done
for value in CHANGE_ME todo XXXXXX '<url>' postgres://app:changeme@db/app postgres://app:xxxx@db/app 'postgres://app:<password>@db/app'; do
    secrets "DATABASE_URL=$value"
    holds "secrets: $value is a placeholder" 2 placeholder untouched
done
secrets $'DATABASE_URL=tcp://db:1\nPASSWORD=\xff'
holds 'secrets: a value that is not UTF-8' 2 'line 2: PASSWORD is not UTF-8' untouched
for value in $'postgres://\xef\xbb\xbfdb/app' $'\xef\xbb\xbftcp://db:1'; do
    secrets "DATABASE_URL=$value"
    holds 'secrets: a byte order mark in a value' 2 'DATABASE_URL holds a byte order mark' untouched
done
# The service goes through the same list; here all of it is one file, whose mistakes are told at once.
{
    echo DATABASE_URL=tcp://db:1
    grep -v '^#' tests/dependency-urls.txt | awk '{ sub(/^[a-z]+ /, ""); print "DEPENDENCIES__D" NR "__URL=" $0 }'
} >"$work/env"
refused=$(grep -v '^#' tests/dependency-urls.txt | awk '$1 == "no" { print "D" NR "_" }')
on good scripts/create-secrets.sh prod "$work/env"
told() { [ "$(grep -o 'D[0-9]*_' "$work/out")" = "$refused" ]; }
holds 'secrets: the URLs that the service refuses are refused, all others taken' 2 'is no URL that the service knows' told
secrets 'DATABASE_URL=postgres://a:hunter2#@h/d'
holds 'secrets: a value that is refused is not shown' 2 'DATABASE_URL is ' silent hunter2
on good scripts/create-secrets.sh "$work/env"
holds 'secrets: there is no default environment' 2 'which file?' untouched
secrets 'DATABASE_URL=tcp://db:1'
on no-namespace scripts/create-secrets.sh staging "$work/env"
holds 'secrets: a namespace that is not there is a mistake' 1 'error: there is no namespace pcf-api-staging .*--create' untouched
on no-namespace scripts/create-secrets.sh staging "$work/env" --create
holds 'secrets: unless it is to be made' 0 '^secret/pcf-api-secrets in pcf-api-staging'
secrets $'\xef\xbb\xbfDATABASE_URL=tcp://db:1'
holds 'secrets: a byte order mark is no part of the first key' 0 'secret/pcf-api-secrets in .* with DATABASE_URL:'
secrets 'DATABASE_URL=postgres://app:pw@db-0,db-1:5433/app?target_session_attrs=read-write'
holds 'secrets: several hosts' 0 '^secret/pcf-api-secrets'
ln -sf "$work/env" "$work/link"
secrets 'DATABASE_URL=tcp://db:1'
on good scripts/create-secrets.sh prod "$work/link"
holds 'secrets: a link to a file that others cannot read' 0 '^secret/pcf-api-secrets' silent 'others can read'
# A file of secrets where docs/secrets.md has it made, and the settings that belong to the repository.
on good git check-ignore --no-index prod.env k8s/base/config.env
holds 'secrets: git ignores prod.env, and not the base' 0 '^prod.env$' silent config.env
