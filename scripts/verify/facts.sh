# shellcheck shell=bash disable=SC2034,SC2154 # the checks use these; what verify.sh sets
# What the checks hold other places against: each from the one file that decides it.

# setting VARIABLE: prints the default of a setting, from its row.
setting() {
    local key
    key=$(tr '[:upper:]' '[:lower:]' <<<"${1//__/.}")
    awk -v key="\"$key\"" '
        index($0, key) { on = 1 }
        on && match($0, /\.default\("[^"]*"\)/) {
            print substr($0, RSTART + 10, RLENGTH - 12); exit
        }
        /;$/ { on = 0 }
    ' "$home"/src/*/settings.rs "$home/src/config.rs"
}

name=$(first '^name = "\K[^"]+' Cargo.toml)
version=$(first '^version = "\K[^"]+' Cargo.toml)
released=$(first '^date = "\K[^"]+' Cargo.toml)
port=$(setting SERVER__PORT)
user=$(from=$home first 'user = "\K\d+(?=")' nix/platform.nix)
routes=$(grep -m 1 -P 'const PATHS: ' "$home/src/routes.rs" | grep -oP '"\K/[^"]*')
environments=$(cd k8s/overlays && echo *)
health_timeout=5 # the contract; nothing decides it for the others
