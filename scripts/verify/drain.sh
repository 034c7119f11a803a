# shellcheck shell=bash disable=SC2154 # what lib.sh and facts.sh set
# How a pod ends, and who owns how many there are.

# The seconds of a duration, as the service reads it, rounded up; nothing where it is none.
in_seconds() {
    local number=${1%%[!0-9]*}
    case ${number:+${1#"$number"}} in
        ms) echo $(((10#$number + 999) / 1000)) ;;
        s) echo $((10#$number)) ;;
        m) echo $((10#$number * 60)) ;;
        h) echo $((10#$number * 3600)) ;;
        '') [ "$number" != 0 ] || echo 0 ;;
    esac
}

# value_of VARIABLE FILE: what a pod of a rendered overlay gets: `env` wins over the ConfigMap, and
# that over the default.
value_of() {
    local value
    value=$(awk -v name="$1" '
        index($0, "containers.env.name=" name) && substr($0, index($0, "=") + 1) == name { on = 1; next }
        on && /containers\.env\.value=/ { sub(/[^=]*=/, ""); print; exit }
        { on = 0 }
    ' "$2")
    [ -n "$value" ] || value=$(grep -oP "^data\.$1=\K.*" "$2" || grep -oP "^$1=\K.*" "$2") || value=$(setting "$1")
    echo "$value"
}

# has_time PLACE GRACE DELAY TIMEOUT [WHOSE]
has_time() {
    local delay timeout
    places=$((places + 1))
    delay=$(in_seconds "$3") timeout=$(in_seconds "$4")
    if [ -z "$2" ] || [ -z "$delay" ] || [ -z "$timeout" ]; then
        wrong "$1" "grace period '$2', drain delay '$3' or drain timeout '$4' is no time"
    elif [ "$2" -lt $((delay + timeout + 5)) ]; then
        wrong "$1" "${5:-}terminationGracePeriodSeconds $2 is less than drain delay $3 + drain timeout $4 + 5"
    fi
}

grace() {
    local overlay file seconds key='spec.terminationGracePeriodSeconds' variable
    # The base as it is written, then what each overlay makes of it.
    seconds=$(from=$work/yaml first '^spec\.template\.\Q'"$key"'\E=\K.*' k8s/base/deployment.yaml)
    has_time "$(line_of "terminationGracePeriodSeconds: $seconds" k8s/base/deployment.yaml)" "$seconds" \
        "$(value_of SERVER__DRAIN_DELAY k8s/base/config.env)" "$(value_of SERVER__DRAIN_TIMEOUT k8s/base/config.env)"
    for overlay in ${overlays[@]+"${overlays[@]}"}; do
        file=$work/rendered/$overlay
        seconds=$(from=$work/rendered first '^spec\.template\.\Q'"$key"'\E=\K.*' "$overlay")
        # Told where the overlay says something of its own, else at the grace period.
        variable=$(grep -oE -m 1 'terminationGracePeriodSeconds|SERVER__DRAIN_(DELAY|TIMEOUT)' "$overlay/kustomization.yaml") ||
            variable="terminationGracePeriodSeconds: $seconds"
        has_time "$(where "$overlay" "$variable" '')" "$seconds" \
            "$(value_of SERVER__DRAIN_DELAY "$file")" "$(value_of SERVER__DRAIN_TIMEOUT "$file")" "${overlay##*/}: "
    done
    among "$(from=$work/yaml first '^spec\.template\.\Q'"$key"'\E=\K.*' k8s/base/deployment.yaml)" 'the grace period' \
        'terminationGracePeriodSeconds: \K\d+' "${pages[@]}"
    # What pages say the defaults are.
    for variable in SERVER__DRAIN_DELAY SERVER__DRAIN_TIMEOUT; do
        among "$(setting $variable)" "the default of $variable" "\`$variable\` \(\K\d+ ?m?s(?=\))" "${pages[@]}"
    done
}

replicas() {
    local overlay
    yaml find_places '^spec\.replicas=\K.*' k8s/base/deployment.yaml
    [ ${#found[@]} = 0 ] || { take "${found[0]}"; wrong "$place" 'replicas stand in an overlay or are owned by the HPA'; }
    for overlay in $environments; do
        overlay=k8s/overlays/$overlay
        yaml find_places '^components=.*/hpa$' "$overlay/kustomization.yaml"
        [ ${#found[@]} -gt 0 ] || continue
        yaml find_places '^replicas\.count=\K.*' "$overlay/kustomization.yaml"
        [ ${#found[@]} = 0 ] || { take "${found[0]}"; wrong "$place" "replicas are written although the HPA owns them"; }
    done
    for overlay in ${overlays[@]+"${overlays[@]}"}; do
        grep -q '^kind=HorizontalPodAutoscaler$' "$work/rendered/$overlay" || continue
        from=$work/rendered find_places '^spec\.replicas=\K.*' "$overlay"
        [ ${#found[@]} = 0 ] || wrong "$(where "$overlay" replicas '')" "${overlay##*/}: replicas are written although the HPA owns them"
    done
    # Each overlay has an owner.
    places=$((places + ${#overlays[@]}))
    for overlay in ${overlays[@]+"${overlays[@]}"}; do
        grep -qE '^(kind=HorizontalPodAutoscaler|spec\.replicas=.+)$' "$work/rendered/$overlay" ||
            wrong "$overlay/kustomization.yaml:1" 'nothing says how many replicas: neither an HPA nor replicas'
    done
}
