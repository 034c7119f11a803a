# The scripts on another repository: names and namespaces are those of its overlays.
# shellcheck shell=bash disable=SC2154 # sourced by run

ops=$PWD/scripts/ops
scripts/new.sh shop "$work/shop" >/dev/null
# shellcheck disable=SC2016 # the shell expands it
on good env -C "$work/shop/src" sh -c '"$0" logs dev && echo followed' "$ops"
holds 'ops logs: names of the repository it is called in, from any folder' 0 followed called '-n shop-dev logs .*name=shop -c shop'
on good env -C "$work/shop" "$ops" status moon
holds 'ops status: no such environment' 2 'moon'
rm -r "$work/shop/k8s/overlays/staging"
on good env -C "$work/shop" "$ops" status staging
holds 'ops status: an environment that only the upstream has is none' 2 "no environment 'staging': there are dev prod;"
on good env -C "$work/shop" "$ops" deploy dev
holds 'ops deploy: what it advises can be called' 1 'ops set-selector hands its pods over'
on good env -C "$work/shop" "$ops" pin dev example.com/team/shop
holds 'ops pin: what is not built is not pinned' 1 'there is no nix here\|is not built'
on good env -C "$work" "$ops" status dev
holds 'ops: a folder that is no repository' 2 'has a Cargo.toml'
on good "$ops" fly
holds 'ops: no such command' 2 'no command fly'
