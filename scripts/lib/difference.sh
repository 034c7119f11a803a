# What an overlay would change, and what a deployment did change. Sourced after kube.sh; use_overlay has
# been called.
# shellcheck shell=bash disable=SC2154 # what use_overlay sets

# The difference as the API server tells it, to whoever may write.
difference() { # file for kubectl's complaints
    local code=0
    kubectl diff --server-side --force-conflicts -f "$rendered" 2>"$1" || code=$?
    [ "$code" -le 1 ] || fail "the difference cannot be told: $(tail -n 1 "$1"); nothing was changed"
    [ "$code" -ne 0 ] || say 'none'
}

# To whoever may only read: the fields that are in the files, beside what the cluster has there.
difference_for_readers() { # folder
    local side
    say '(as far as it is told to those who may only read: the fields that stand in the files)'
    kubectl -n "$namespace" get -f "$rendered" --ignore-not-found -o json >"$1/live.json" 2>"$1/errors" || true
    [ ! -s "$1/errors" ] || say "  not all of it can be read: $(tail -n 1 "$1/errors")"
    jq -s '
        def only($wanted): . as $live
            | if ($wanted | type) != type then .
              elif type == "object" then with_entries(select(.key | in($wanted)) | .key as $key | .value |= only($wanted[$key]))
              elif type == "array" and length == ($wanted | length) then [range(length) as $i | $live[$i] | only($wanted[$i])]
              else . end;
        def key: "\(.kind)/\(.metadata.name)";
        ([.[1:][] | .items // [.] | .[] | select(.kind) | {key: key, value: .}] | from_entries) as $live
        | .[0].items | map({key: key, value: .}) | from_entries
        | {files: ., cluster: with_entries(.value as $wanted | .value = ($live[.key] // null | only($wanted)))}
        ' "$rendered" "$1/live.json" >"$1/both.json"
    for side in cluster files; do jq -S ".$side" "$1/both.json" >"$1/$side"; done
    if diff -U 4 --label cluster --label files "$1/cluster" "$1/files"; then say 'none'; fi
}

# The objects of a rendered overlay as they are in the cluster, one per line: name, then what was
# asked of it.
snapshot() {
    kubectl -n "$namespace" get -f "$rendered" --ignore-not-found -o json | jq -r '(.items // [.])[] | select(.kind)
        | "\(.kind | ascii_downcase)/\(.metadata.name)\t\(del(.status, .metadata.managedFields, .metadata.resourceVersion) | tojson)"' | sort
}
