#!/usr/bin/env bash
# Makes or changes the Secret that the pods mount as files, from a file of KEY=VALUE lines.
# SECURITY: values go from the file through pipes to the API server: never into an argument, a
# file, the output, or an annotation (which a client-side apply would leave).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kube.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/overlay.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/preflight.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/url.sh"

usage() {
    cat <<'EOF'
scripts/create-secrets.sh ENVIRONMENT|DIRECTORY FILE [--name NAME] [--require KEY]... [--context CONTEXT]
                          [--create] [--dry-run]

The Secret goes into the namespace of that overlay. FILE holds KEY=VALUE lines, at least one, blank
lines and lines that begin with #; a value may stand in quotes; nothing is expanded. Use - for
standard input. What the overlay names as a file of the Secret must be there, such as
file:/etc/pcf-api/secrets/DATABASE_URL with the component database. Every mistake in it is told at
once and nothing is changed. Running it again with the same file changes nothing.

  ENVIRONMENT        dev, staging or prod; or the DIRECTORY of another overlay
  --name NAME        where not given: the one Secret that the overlay's pods mount, as by the component
                     database, but for those of certificates (-tls); else the service's name
                     with -secrets
  --require KEY      a key that must be there too
  --context CONTEXT  the cluster, as kubectl knows it; its present one where not given
  --create           the namespace may be new, and is made as the overlay has it
  --dry-run          the API server checks it, nothing is kept

Exit status: 0 done, 1 it failed, 2 wrong usage or a mistake in the file. Needs kubectl, jq and iconv.
EOF
}

environment='' source='' name='' required=() dry_run=() may_create=false
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --name | --require | --context)
            [ $# -ge 2 ] || misused "$1 needs a value"
            case $1 in
                --context) context=$2 ;;
                --name) name=$2 ;;
                --require) required+=("$2") ;;
            esac
            shift ;;
        --create) may_create=true ;;
        --dry-run) dry_run=(--dry-run=server) ;;
        -?*) misused "unknown option $1" ;;
        *)
            [ -z "$source" ] || misused "one environment and one file, please: $environment, $source or $1"
            if [ -z "$environment" ]; then environment=$1; else source=$1; fi ;;
    esac
    shift
done
. "$(dirname "${BASH_SOURCE[0]}")/lib/bash44.sh"
[ -n "$environment" ] || misused 'which environment?'
[ -n "$source" ] || misused "which file? After the environment, $environment"
[ "$source" != - ] || source=/dev/stdin
if [ ! -r "$source" ] || [ -d "$source" ]; then misused "cannot read $source"; fi
if [ -f "$source" ] && [[ $(stat -Lc %a "$source") != *00 ]]; then
    say "warning: others can read $source: chmod 600 $source" >&2
fi
need kubectl jq iconv
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# SECURITY: no value is ever written there.
use_overlay "$environment" "$work"

app=$(rendered_deployment | jq -r '.metadata.labels["app.kubernetes.io/name"] // .metadata.name')
if [ -z "$name" ]; then
    # The Secret of a certificate is made by others.
    name=$(jq -r --arg deployment "$deployment" '
        [.items[] | select(.kind == "Certificate").spec.secretName] as $certificates
        | [.items[] | select(.kind == "Deployment" and .metadata.name == $deployment).spec.template.spec.volumes[]?.secret.secretName // empty]
        | unique - $certificates | map(select(endswith("-tls") | not)) | if length == 1 then .[0] else empty end' "$rendered")
    name=${name:-$app-secrets}
fi
# The files of this Secret that the overlay names, in a variable or a ConfigMap.
named=$(jq -r --arg deployment "$deployment" --arg secret "$name" --arg app "$app" '
    .items as $all | ($all[] | select(.kind == "Deployment" and .metadata.name == $deployment).spec.template.spec) as $pods
    | [$pods.volumes[]? | select(.secret.secretName == $secret).name] as $volumes
    | [$pods.containers[].volumeMounts[]? | select(.name | IN($volumes[])).mountPath,
        (select($secret == "\($app)-secrets") | "/etc/\($app)/secrets")] as $places
    | [$all[] | .. | strings | select(startswith("file:")) | . as $file
        | select(any($places[]; . as $place | $file | startswith("file:\($place | rtrimstr("/"))/")))
        | select(test("/[A-Z][A-Z0-9_]*$"))] | unique[]' "$rendered")

# Such a word is one as the whole value or as a whole part of a URL: a password may well contain it.
placeholder='(^|[:/@])(change[-_]?me|x{4,}|<[^>]*>)([:/@?]|$)|^todo$'
declare -A values=()
problems=()
number=0
while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line%$'\r'}
    # A byte order mark, which some editors put at the head of a file.
    if [ $number = 1 ]; then
        [[ $line != $'\xff\xfe'* && $line != $'\xfe\xff'* ]] || misused "$source is UTF-16; save it as UTF-8"
        line=${line#$'\xef\xbb\xbf'}
    fi
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
    elif [[ $value == *$'\xef\xbb\xbf'* ]]; then
        problems+=("line $number: $key holds a byte order mark, which an editor or a copied text left there")
    elif [[ $key =~ (^DATABASE|__)_?URL$ ]]; then
        problem=$(url_problem "$value")
        [ -z "$problem" ] || problems+=("line $number: $key is $problem")
    fi
    values[$key]=$value
done <"$source"
[ ${#values[@]} -gt 0 ] || [ ${#problems[@]} -gt 0 ] || problems+=("$source holds no KEY=VALUE")
for file in $named; do
    key=${file##*/}
    [ -n "${values[$key]+x}" ] || problems+=("$key is missing, which the overlay $environment names: $file")
done
for key in "${required[@]}"; do
    [ -n "${values[$key]+x}" ] || problems+=("$key is missing, which --require names")
done
if [ ${#problems[@]} -gt 0 ]; then
    printf "${0##*/}: error: %s\n" "${problems[@]}" >&2
    exit 2
fi

reachable
is_new=$(namespace_state $may_create) || exit
if [ -n "$is_new" ]; then
    jq --arg name "$namespace" '.items[] | select(.kind == "Namespace" and .metadata.name == $name)' "$rendered" |
        kubectl apply --server-side "${dry_run[@]}" -f - || fail "the namespace $namespace was not made"
fi
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
