# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # patterns; what lib.sh and facts.sh set and read
# What is released: its version and date, the image in the overlays, the image that was built.

release() {
    local line own tagged
    line=$(grep -n -A 1 "^name = \"$name\"$" Cargo.lock | grep -oP '^\d+(?=-version)') || line=1
    places=$((places + 2))
    [ "$(sed -n "${line}p" Cargo.lock)" = "version = \"$version\"" ] ||
        wrong "Cargo.lock:$line" "the version is not $version, as in Cargo.toml"
    [[ $released =~ ^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$ ]] ||
        wrong "$(line_of 'date = ' Cargo.toml)" "the release date is '$released', not YYYY-MM-DD"
    same "\${date}T00:00:00Z" "the image's created" '^\s*created = "\K[^"]+' nix/release.nix
    same 'release' 'where created is from' 'inherit \(\K\w+(?=\) created;)' nix/platform.nix
    among "$released" 'a date' '\b20\d\d-\d\d-\d\d' nix/*.nix
    # `just pin` takes the tag away.
    yaml among "$version" 'newTag, which goes with the version until `just pin` puts a digest there,' '^images\.newTag=\K.*' k8s/overlays/*/kustomization.yaml
    # That page shows another service, and the one about rollbacks two releases.
    mapfile -t own < <(printf '%s\n' "${pages[@]}" | grep -vx docs/your-service.md)
    among "$version" 'the version' '"version":"\K\d+\.\d+\.\d+' "${own[@]}"
    among "$version" 'the tag' '\?ref=v\K\d+\.\d+\.\d+' "${pages[@]}"
    mapfile -t tagged < <(printf '%s\n' "${pages[@]}" | grep -vx docs/rollback.md)
    among "$version" 'the tag' '\bpcf-api:\K\d+\.\d+\.\d+' "${tagged[@]}"
}

# The folder of the built image, an OCI layout; nothing where there is none.
layout=${IMAGE:-result}
if [ ! -f "$layout/index.json" ]; then
    [ -z "${IMAGE:-}" ] || misused "IMAGE: $layout is not an OCI layout"
    layout=''
fi

pins() {
    local overlay file digest wanted=''
    [ -z "$layout" ] || wanted=$(jq -r '.manifests[0].digest' "$layout/index.json")
    for overlay in $environments; do
        file=k8s/overlays/$overlay/kustomization.yaml
        digest=$(from=$work/yaml first '^images\.digest=\K.*' "$file")
        places=$((places + 1))
        if [ -z "$digest" ]; then
            note "$overlay is not pinned; \`just pin $overlay\` does it"
        elif ! [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
            wrong "$(line_of "$digest" "$file")" "$digest is no digest"
        elif [ -z "$wanted" ]; then
            note "$overlay is pinned, and the image is not built here: run just image"
        elif [ "$digest" != "$wanted" ]; then
            wrong "$(line_of "$digest" "$file")" "the digest is not the built image's, $wanted: \`just pin $overlay\` takes that one; to keep another release pinned, verify without IMAGE and the link result"
        fi
    done
    # What runs says which image it is.
    for overlay in ${overlays[@]+"${overlays[@]}"}; do
        places=$((places + 1))
        digest=$(from=$work/rendered first 'containers\.image=\K.*' "$overlay")
        [ "$(from=$work/rendered first 'annotations\.revision=\K.*' "$overlay")" = "$digest" ] ||
            wrong "$(where "$overlay" revision '')" "${overlay##*/}: the annotation revision is not the image, $digest"
    done
}

# The bytes, where there are any: a stale link tells of an older tree.
built() {
    if [ -z "$layout" ]; then
        skipped='not built here: run just image'
        return 0
    fi
    local index platform digest config key wanted
    blob() { echo "$layout/blobs/${1/://}"; }
    index=$(blob "$(jq -r '.manifests[0].digest' "$layout/index.json")")
    for digest in $(jq -r '.manifests[].digest' "$index"); do
        config=$(blob "$(jq -r '.config.digest' "$(blob "$digest")")")
        platform=$(jq -r .architecture "$config")
        while IFS=';' read -r key wanted; do
            places=$((places + 1))
            [ "$(jq -r "$key" "$config")" = "$wanted" ] ||
                wrong "$config:1" "$platform: $key is $(jq -r "$key" "$config"), not $wanted; stale? run just image"
        done <<EXPECTED
.config.Healthcheck.Timeout / 1000000000;$health_timeout
.config.Healthcheck.Test | join(" ");CMD /$name healthcheck
.config.User;$user:$user
.config.ExposedPorts | keys | join(" ");$port/tcp
.config.Labels["org.opencontainers.image.version"];$version
.created;${released}T00:00:00Z
EXPECTED
    done
}
