# shellcheck shell=bash disable=SC2034 # the checks use these
# What the checks hold other places against: each from the one file that decides it.

# setting VARIABLE: prints the default of a setting, from the table of settings.
setting() {
    awk -v name="\"$1\"" '
        /env: &\[/ { on = index($0, name) }
        on && /default:/ { if (split($0, part, "\"") > 1) print part[2]; exit }
    ' src/config/settings.rs
}

name=$(first '^name = "\K[^"]+' Cargo.toml)
version=$(first '^version = "\K[^"]+' Cargo.toml)
released=$(first '^date = "\K[^"]+' Cargo.toml)
port=$(setting SERVER__PORT)
user=$(first 'user = "\K\d+(?=")' nix/platform.nix)
routes=$(grep -oP '^\s*\.(get|post|put|patch|delete|probe)\("\K[^"]+' src/routes.rs)
environments=$(cd k8s/overlays && echo *)
health_timeout=5 # the contract; nothing decides it for the others
