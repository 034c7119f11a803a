# shellcheck shell=bash disable=SC2154 # what lib.sh and facts.sh set
# What there is to be none of.

forbidden() {
    local file
    # Nix makes the image; another recipe would be another image.
    while read -r file; do wrong "${file#./}:1" 'a recipe for another image; nix/ makes the only one'; done < <(
        find . \( -name .git -o -name target -o -name node_modules -o -name 'result*' \) -prune -o \
            -type f \( -iname 'Dockerfile*' -o -iname 'Containerfile*' -o -iname '*.dockerfile' \) -print
    )
    # The image has no shell to run one; the process itself serves on while it drains.
    none 'a preStop hook' '^[^#]*\blifecycle\.preStop=' yaml "${manifests[@]}"
    none 'a preStop hook' '^[^#]*(/|\b)preStop:' text "${manifests[@]}"
    [ ${#overlays[@]} = 0 ] || none 'a preStop hook' 'lifecycle\.preStop=' rendered "${overlays[@]}"
    # A probe that runs a command costs a process each time; the kubelet asks by HTTP.
    none 'a probe that is no HTTP request' 'Probe\.(exec|tcpSocket|grpc)=' yaml "${manifests[@]}"
    places=$((places + ${#manifests[@]}))
    # Flux would put its own variables, or nothing, where a `$` stands.
    while read -r file; do
        places=$((places + 1))
        grep -q 'kustomize.toolkit.fluxcd.io/substitute: disabled' "$file" "${file%/*}/kustomization.yaml" ||
            wrong "$(line_of '$' "$file")" "a \$ for which Flux is not told: kustomize.toolkit.fluxcd.io/substitute: disabled"
    done < <(grep -rlF '$' --include='*.yaml' --include='*.json' --include='*.env' k8s)
}

# none WHAT PATTERN yaml|rendered|text FILE…
none() {
    local one what=$1 pattern=$2 tree=$3
    shift 3
    if [ "$tree" = text ]; then find_places "$pattern" "$@"; else from=$work/$tree find_places "$pattern" "$@"; fi
    for one in ${found[@]+"${found[@]}"}; do
        from=. take "$one"
        wrong "$place" "$what"
    done
}
