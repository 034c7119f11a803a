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

# Which keys must be there: those that the overlay names as files of that Secret.
mkdir "$work/named"
cat >"$work/named/kustomization.yaml" <<Y
namespace: pcf-api-prod
resources: [$(realpath --relative-to="$work/named" k8s/overlays/prod)]
components: [$(realpath --relative-to="$work/named" k8s/components/database)]
configMapGenerator:
  - name: pcf-api
    behavior: merge
    literals: [DEPENDENCIES__CACHE__URL=file:/etc/pcf-api/secrets/CACHE_URL, RUST_LOG=file:/etc/pcf-api/log/LEVEL]
Y
secrets 'API_KEY=abc'
holds 'secrets: a service without a database needs no DATABASE_URL' 0 '^secret/pcf-api-secrets in .* with API_KEY:'
on good scripts/create-secrets.sh prod "$work/env" --require OTHER_KEY
holds 'secrets: more may be required' 2 'OTHER_KEY is missing, which --require names' untouched
mkdir "$work/certified"
sed -e 's/database/tls/' -e '/^configMap/,$d' "$work/named/kustomization.yaml" >"$work/certified/kustomization.yaml"
on good scripts/create-secrets.sh "$work/certified" "$work/env"
holds 'secrets: the Secret of a certificate is not ours' 0 '^secret/pcf-api-secrets in .* with API_KEY:'
secrets '# nothing yet'
holds 'secrets: a file without a key' 2 'holds no KEY=VALUE' untouched
secrets 'API_KEY=abc'
on good scripts/create-secrets.sh "$work/named" "$work/env"
holds 'secrets: what the overlay names must be there' 2 'DATABASE_URL is missing, .*file:/etc/pcf-api/secrets/DATABASE_URL' untouched
holds 'secrets: in a ConfigMap too, and no file of another volume' 2 'CACHE_URL is missing, .*file:/etc/pcf-api/secrets/CACHE_URL' silent LEVEL
on good scripts/create-secrets.sh "$work/named" "$work/env" --name another
holds 'secrets: of another Secret than the one that is mounted it names none' 0 '^secret/another in .* with API_KEY:'
secrets $'DATABASE_URL=tcp://db:1\nCACHE_URL=redis://cache'
on good scripts/create-secrets.sh "$work/named" "$work/env"
holds 'secrets: and may have more' 0 '^secret/pcf-api-secrets in .* with CACHE_URL DATABASE_URL:'
secrets 'DATABASE_URL=nonsense'
holds "secrets: a DATABASE_URL that nothing requires goes by the service's rule all the same" 2 'DATABASE_URL is no URL that the service knows' untouched
