# shellcheck shell=bash
# How the scripts speak to who calls them, and end. Sourced, not run.

say() { printf '%s\n' "$*"; }
fail() { printf '%s: error: %s\n' "${0##*/}" "$*" >&2; exit 1; }
# A mistake in the call: exit status 2, as the service itself does it.
misused() { printf '%s: error: %s; see --help\n' "${0##*/}" "$*" >&2; exit 2; }

need() { # tools
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || fail "$tool is not here; \`nix develop\` has it"
    done
}
