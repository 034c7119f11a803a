#!/usr/bin/env bash
# Makes or changes the Secret that the pods mount as files, from a file of KEY=VALUE lines.
# SECURITY: values go from the file through pipes to the API server: never into an argument, a
# file, the output, or an annotation (which a client-side apply would leave).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kube.sh"

usage() {
    cat <<'EOF'
scripts/create-secrets.sh ENV_FILE [--namespace NAMESPACE] [--name NAME] [--require KEY]... [--dry-run]

ENV_FILE holds KEY=VALUE lines, blank lines and lines that begin with #; a value may stand in
quotes; nothing is expanded. Use - for standard input. Every mistake in it is told at once and
nothing is changed. Running it again with the same file changes nothing.

  --namespace NAMESPACE  pcf-api-prod where not given
  --name NAME            pcf-api-secrets where not given, which is what the component database mounts
  --require KEY          a key that must be there; DATABASE_URL always must
  --dry-run              the API server checks it, nothing is kept

Exit status: 0 done, 1 it failed, 2 wrong usage or a mistake in the file. Needs kubectl, jq and iconv.
EOF
}

source='' namespace=$app-prod name=$app-secrets required=(DATABASE_URL) dry_run=()
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --namespace | --name | --require)
            [ $# -ge 2 ] || misuse "$1 needs a value"
            case $1 in
                --namespace) namespace=$2 ;;
                --name) name=$2 ;;
                --require) required+=("$2") ;;
            esac
            shift ;;
        --dry-run) dry_run=(--dry-run=server) ;;
        -?*) misuse "unknown option $1" ;;
        *) [ -z "$source" ] || misuse 'one file, please'; source=$1 ;;
    esac
    shift
done
. "$(dirname "${BASH_SOURCE[0]}")/lib/bash44.sh"
[ -n "$source" ] || misuse 'which file?'
[ "$source" != - ] || source=/dev/stdin
if [ ! -r "$source" ] || [ -d "$source" ]; then misuse "cannot read $source"; fi
if [ -f "$source" ] && [[ $(stat -Lc %a "$source") != *00 ]]; then
    say "warning: others can read $source: chmod 600 $source" >&2
fi
need kubectl jq iconv

# Such a word is one as the whole value or as a whole part of a URL: a password may well contain it.
placeholder='(^|[:/@])(change[-_]?me|x{4,}|<[^>]*>)([:/@?]|$)|^todo$'
declare -A values=()
problems=()
number=0
while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line%$'\r'}
    [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
    key=${line%%=*} value=${line#*=}
    if [[ $line != *=* || ! $key =~ ^[A-Z][A-Z0-9_]*$ ]]; then
        # The line is not shown: it may be a value that broke over two lines.
        problems+=("line $number: not KEY=VALUE with KEY in capitals, digits and underscores")
        continue
    fi
    if [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]]; then value=${BASH_REMATCH[1]}; fi
    if [ -n "${values[$key]+x}" ]; then
        problems+=("line $number: $key is there twice")
    elif [ -z "${value//[[:space:]]/}" ]; then
        problems+=("line $number: $key is empty")
    elif ! printf '%s' "$value" | iconv -f UTF-8 -t UTF-8 >/dev/null 2>&1; then
        problems+=("line $number: $key is not UTF-8: it would be changed on the way")
    elif [[ ${value,,} =~ $placeholder ]]; then
        problems+=("line $number: $key still holds a placeholder")
    elif [[ $key =~ (^DATABASE|__)_?URL$ && ! $value =~ ^(tcp|http|postgres|postgresql|redis)://[^[:space:]]+$ ]]; then
        problems+=("line $number: $key is no URL that the service knows: tcp://, http://, postgres:// or redis://")
    fi
    values[$key]=$value
done <"$source"
for key in "${required[@]}"; do
    [ -n "${values[$key]+x}" ] || problems+=("$key is missing")
done
if [ ${#problems[@]} -gt 0 ]; then
    printf "${0##*/}: error: %s\n" "${problems[@]}" >&2
    exit 2
fi

reachable
[ -n "$(kubectl get namespace "$namespace" --ignore-not-found -o name)" ] ||
    fail "no namespace '$namespace'; before the first deployment: kubectl create namespace $namespace"
version() {
    kubectl -n "$namespace" get secret "$name" --ignore-not-found -o jsonpath='{.metadata.resourceVersion}'
}
before=$(version)
for key in "${!values[@]}"; do
    printf '%s\n%s\n' "$key" "${values[$key]}"
done | jq -Rn --arg name "$name" --arg app "$app" '
    [inputs] as $flat
    | {apiVersion: "v1", kind: "Secret", type: "Opaque",
       metadata: {name: $name, labels: {"app.kubernetes.io/name": $app}},
       data: ([range(0; $flat | length; 2) | {key: $flat[.], value: ($flat[. + 1] | @base64)}] | from_entries)}' |
    kubectl -n "$namespace" apply --server-side --force-conflicts "${dry_run[@]}" -f - >/dev/null ||
    fail 'the API server did not take it; nothing was changed'
after=$(version)
if [ ${#dry_run[@]} -gt 0 ]; then outcome='would be taken, nothing was changed'
elif [ -z "$before" ]; then outcome=created
elif [ "$before" = "$after" ]; then outcome=unchanged
else outcome='changed; pods see it within about a minute, without a restart'
fi
mapfile -t names < <(printf '%s\n' "${!values[@]}" | sort)
say "secret/$name in $namespace with ${names[*]}: $outcome"
