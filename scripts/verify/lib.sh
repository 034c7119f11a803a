# shellcheck shell=bash disable=SC2016,SC2154 # a message; what verify.sh sets
# What the checks are written in: find places by a pattern, hold their values against what is wanted.
# Patterns are Perl's; what stands after \K, or all of it, is the value.

grep -qP 'x\K' <<<x 2>/dev/null || misused 'grep -P is needed, GNU grep, which `nix develop` has'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
problems=0 checks=0
from=.

# check FUNCTION WORDS: runs one check and prints its line.
check() {
    local before=$problems
    places=0 skipped='' notes=() told=()
    "$1"
    checks=$((checks + 1))
    if [ -n "$skipped" ]; then
        echo "skip $2: $skipped"
    elif [ "$problems" = "$before" ]; then
        echo "ok   $2: $places places"
    fi
    if [ ${#notes[@]} -gt 0 ]; then printf '     %s\n' "${notes[@]}"; fi
}

finish() {
    echo "$checks checks, $problems disagreements"
    [ "$problems" = 0 ]
}

declare -A told
# wrong PLACE WORDS: tells a disagreement, but a place only once a check: what a base has wrong,
# each overlay has wrong.
wrong() {
    [ -z "${told[$1]:-}" ] || return 0
    told[$1]=yes
    echo "FAIL $1: $2"
    problems=$((problems + 1))
}

note() { notes+=("$*"); }

# yaml COMMAND…: lets patterns see each line of YAML as `path.of.keys=value`; see flat.awk.
yaml() { from=$work/yaml "$@"; }
mapfile -t manifests < <(find k8s -name '*.yaml' | sort)
mkdir "$work/yaml"
find k8s -type d -print0 | (cd "$work/yaml" && xargs -0 mkdir -p)
awk -v to="$work/yaml" -f "$home/scripts/verify/flat.awk" "${manifests[@]}"
# shellcheck disable=SC2034 # the checks read them
mapfile -t pages < <(find README.md CONTRIBUTING.md docs k8s -name '*.md' -o -name 'compose*.y*ml' 2>/dev/null | sort)

# find_places PATTERN FILE…: fills `found` with file:line:value. A file that is not there is told, but
# not in another service's repository: much of this project it has by depending on it.
find_places() {
    local pattern=$1 file text files=()
    shift
    for file in "$@"; do
        if [ -f "$from/$file" ]; then
            files+=("$file")
        elif [ -n "$is_own" ]; then
            wrong "$file:1" 'there is no such file'
        fi
    done
    found=()
    [ ${#files[@]} -gt 0 ] || return 0
    text=$(cd "$from" && grep -HnoP -e "$pattern" -- "${files[@]}") || [ $? = 1 ] || exit
    [ -z "$text" ] || mapfile -t found <<<"$text"
    places=$((places + ${#found[@]}))
}

# take PLACE: splits file:line:value into `place` and `value`, the value without quotes and blanks.
take() {
    value=${1#*:}
    place=${1%%:*}:${value%%:*}
    value=${value#*:}
    value=${value//[\"\' ]/}
}

# among "VALUES" WHAT PATTERN FILE…: each match is one of VALUES, words or lines. None is fine.
among() {
    local wanted=$1 what=$2 one
    shift 2
    find_places "$@"
    for one in ${found[@]+"${found[@]}"}; do
        take "$one"
        [[ " ${wanted//$'\n'/ } " == *" $value "* ]] && continue
        if [ "$from" = "$work/rendered" ]; then place=$(written "$place" "$value"); fi
        if [[ $wanted == *[[:space:]]* ]]; then
            wrong "$place" "$what ${value:-(empty)} does not exist"
        else
            wrong "$place" "$what is ${value:-empty}, not $wanted"
        fi
    done
}

# same VALUE WHAT PATTERN FILE…: as among, but some place must match: a renamed key must not make
# a check hold for nothing.
same() {
    among "$@"
    [ ${#found[@]} -gt 0 ] || { [ -z "$is_own" ] && [ ! -f "$from/$4" ]; } || wrong "$4:1" "$2 is not here any more, or is written otherwise: $3"
}

# first PATTERN FILE: prints the first match, or nothing.
first() {
    local text
    text=$(cd "$from" && grep -oP -m 1 -e "$1" -- "$2" | head -n 1) || true
    echo "$text"
}

# line_of WORDS FILE: where a text stands first, as file:line.
line_of() {
    local number
    number=$(grep -nF -m 1 -e "$1" -- "$2" | cut -d : -f 1) || true
    echo "$2:${number:-1}"
}
