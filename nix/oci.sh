# shellcheck shell=bash
# Shared by the builders of the image: blobs, their descriptors and archives.
: "${out:?is the folder that the build makes}"

# blob FILE MEDIA-TYPE: stores FILE under its digest and prints its descriptor.
blob() {
    local digest
    digest=$(sha256sum <"$1" | cut -d ' ' -f 1)
    install -D -m 0444 "$1" "$out/blobs/sha256/$digest"
    jq -cnS --arg type "$2" --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$1")" \
        '{mediaType: $type, digest: $digest, size: $size}'
}

# pack ARCHIVE FOLDER NAME…: a tar that depends on names, contents and modes alone.
pack() {
    local archive=$1 folder=$2
    shift 2
    tar --create --file "$archive" --directory "$folder" --format ustar --sort name \
        --mtime @0 --owner 0 --group 0 --numeric-owner "$@"
}
