# shellcheck shell=bash disable=SC2016,SC2154 # patterns; what lib.sh and facts.sh set
# Settings: whatever names a variable of the environment names one that the service reads. An
# unknown one would stop its start.

settings() {
    local known
    known=$(grep -h '^| `' "$home/docs/configuration.md" "$home/docs/tracing.md" | cut -d '|' -f 3 | grep -oP '`\K[A-Z_<>]+(?=`)')
    known+=$'\nCONFIG_FILE'
    # A service of one's own has settings of its own: whatever its source names, and what its keys are called in
    # the environment.
    if [ -z "$is_own" ]; then
        known+=$'\n'$(grep -rohE '\b[A-Z][A-Z0-9_]+\b' src || true)
        known+=$'\n'$(find src -name '*.rs' -exec cat {} + | tr '\n' ' ' |
            grep -oP '\bSetting(::<[^;]*?>)?::new\(\s*"\K[a-z][a-z0-9_.]*(?=")' | sed 's/\./__/g' | tr '[:lower:]' '[:upper:]' || true)
    fi
    # A dependency has a name of its own.
    local pattern='\b(DEPENDENCIES__)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*(__[A-Z]+)\b'
    among "$known" 'setting' '^[A-Z_]+(?==)' k8s/base/config.env
    yaml among "$known" 'setting' 'containers\.env\.name=\K.*' "${manifests[@]}"
    yaml among "$known" 'setting' '^configMapGenerator\.literals=\K[A-Z_]+' "${manifests[@]}"
    rendered among "$known" 'setting' '(containers\.env\.name=\K.*|^data\.\K[A-Z_]+(?==))'
    same "$known" 'setting' '^ {4}\K[A-Z_]+(?= = ")' nix/platform.nix
    among "$known" 'setting' '\b(?!DEPENDENCIES__)[A-Z]+__[A-Z_]+\b|\bLOG_[A-Z_]+\b|\bDATABASE_[A-Z]+\b|\bDEPENDENCIES__<NAME>__[A-Z]+' \
        "${pages[@]}" justfile scripts/monitor.sh scripts/create-secrets.sh scripts/load-image.sh
    find_places "$pattern" "${pages[@]}"
    local one
    for one in ${found[@]+"${found[@]}"}; do
        take "$one"
        [[ $'\n'$known$'\n' == *$'\n'"DEPENDENCIES__<NAME>__${value##*__}"$'\n'* ]] ||
            wrong "$place" "setting: there is no $value"
    done
}
