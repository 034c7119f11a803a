# Which values create-secrets.sh takes, and which it refuses.
# shellcheck shell=bash disable=SC2154 # sourced by run

secrets() { # line, what else
    printf '%s\n' "$1" >"$work/env"
    chmod 600 "$work/env"
    on good scripts/create-secrets.sh "$work/env"
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
ln -sf "$work/env" "$work/link"
secrets 'DATABASE_URL=tcp://db:1'
on good scripts/create-secrets.sh "$work/link"
holds 'secrets: a link to a file that others cannot read' 0 '^secret/pcf-api-secrets' silent 'others can read'
# A file of secrets where docs/secrets.md has it made, and the settings that belong to the repository.
on good git check-ignore --no-index prod.env k8s/base/config.env
holds 'secrets: git ignores prod.env, and not the base' 0 '^prod.env$' silent config.env
