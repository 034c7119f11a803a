# shellcheck shell=bash disable=SC2154 # what lib.sh sets
# What the overlays render to, where kubectl is here to render them.

overlays=()
render() {
    local overlay
    if ! command -v kubectl >/dev/null; then
        [ "${CI:-}" != true ] || { wrong scripts/verify.sh:1 'kubectl is not here, and this is CI'; return 0; }
        echo 'skip kubectl is not here: what the overlays render to is not looked at'
        return 0
    fi
    mkdir -p "$work/rendered/k8s/overlays" "$work/out/k8s/overlays"
    for overlay in k8s/overlays/*; do
        if kubectl kustomize "$overlay" >"$work/out/$overlay" 2>"$work/errors"; then
            overlays+=("$overlay")
        else
            wrong "$overlay/kustomization.yaml:1" "it does not render: $(tr '\n' ' ' <"$work/errors")"
        fi
    done
    # A rendering has the name of its overlay.
    [ ${#overlays[@]} = 0 ] ||
        (flat=$home/scripts/verify/flat.awk && cd "$work/out" && awk -v to="$work/rendered" -f "$flat" "${overlays[@]}")
}
render

# rendered COMMAND…: lets patterns see the overlays' renderings, which are the files k8s/overlays/*.
rendered() {
    [ ${#overlays[@]} -gt 0 ] || return 0
    from=$work/rendered "$@" "${overlays[@]}"
}

# The files that an overlay is made of, nearest first.
sources_of() { # overlay
    local component
    find "$1" -type f | sort
    while read -r component; do find "$1/$component" -type f | sort; done < <(
        grep -oP '^\s+- \K\S*components/\S+' "$1/kustomization.yaml"
    )
    find k8s/base -type f | sort
}

# written OVERLAY:LINE VALUE: prints where that line of a rendering is written.
written() {
    local key
    key=$(sed -n "${1##*:}p" "$work/rendered/${1%:*}")
    key=${key%%=*}
    where "${1%:*}" "${key##*[./]}" "$2"
}

# where OVERLAY KEY VALUE: prints where an overlay has that value, or else that key.
where() {
    local files pattern hit
    mapfile -t files < <(sources_of "$1" | xargs realpath --relative-to=.)
    for pattern in "\\b\\Q$2\\E\\b.*\\Q$3\\E" "\\b\\Q$2\\E\\b"; do
        hit=$(grep -HnP -m 1 -e "$pattern" -- "${files[@]}" | head -n 1 | cut -d : -f 1,2) || true
        [ -z "$hit" ] || { echo "$hit"; return; }
    done
    echo "$1/kustomization.yaml:1"
}
