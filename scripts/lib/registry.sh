# shellcheck shell=bash disable=SC2154 # `tls`, true or false, is set by those that source it
# Shared by the scripts that copy to a registry: what is there, and the copy itself. Sourced after image.sh.

# digest_at NAME: prints the digest of what the registry has there; fails where it shows nothing.
digest_at() {
    local sum
    sum=$(skopeo inspect --raw --retry-times 2 --tls-verify="$tls" "docker://$1" | sha256sum) || return
    echo "sha256:${sum%% *}"
}

# refuse_to_move NAME DIGEST ADVICE: ends where the version's tag is another's. Nodes that have a version's
# image never ask for it again: another one under its name would run on some.
refuse_to_move() {
    local there
    if there=$(digest_at "$1" 2>&1); then
        there=${there##*$'\n'}
        [ "$there" = "$2" ] || fail "$1 is there already with another digest, $there; nothing was pushed: $3"
    # What a registry says of a name that it does not have, or does not show to those who have no part in it.
    elif [[ ! $there =~ unknown|not\ found|denied|unauthorized ]]; then
        fail "it cannot be told whether $1 is there already; nothing was pushed: ${there##*$'\n'}"
    fi
}

# versioned NAME VERSION DIGEST: prints the name with its tag: its own, or the version, which must not move.
versioned() {
    local name=$1
    # A colon after the last slash begins a tag, one before it a port.
    if [[ ${name##*/} != *:* ]]; then
        name=$name:$2
        refuse_to_move "$name" "$3" "raise the version in Cargo.toml, or give a :TAG"
    fi
    echo "$name"
}

# copy LAYOUT NAME DIGEST: every byte of an OCI layout, to a registry that must then have that digest.
copy() {
    local pushed
    skopeo copy --quiet --all --preserve-digests --dest-tls-verify="$tls" "oci:$1" "docker://$2" ||
        fail "$2 was not pushed; the registry's reason is above"
    pushed=$(digest_at "$2")
    [ "$pushed" = "$3" ] || fail "the registry has $pushed as $2, not $3"
}
