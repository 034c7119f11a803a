# shellcheck shell=bash
# Sourced by the scripts that need more than the bash of macOS, which is 3.2: associative arrays,
# mapfile, wait -n.
if [ $((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1])) -lt 404 ]; then
    echo "${0##*/}: it needs bash 4.4 or later, this is $BASH_VERSION; \`nix develop\` has it" >&2
    exit 1
fi
