# Three releases that cannot work: the old one serves on, deploy.sh says which it was and goes back.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

fresh v1 "$repository:v1"
configured() { printf 'configMapGenerator:\n  - name: pcf-api\n    behavior: merge\n    literals: [%s]\n' "$1"; }
bad() { # description, directory, seconds, what deploy.sh must say
    local code=0
    load_begin --at-least 5000
    deploy "$2" --timeout "$3" || code=$?
    settled
    lost_none "$1: the old release serves on"
    if [ $code = 1 ] && grep -q "^deploy.sh: error: .*$4" "$work/deploy" && grep -q '^Rolled back' "$work/deploy" && [ "$(served_by :v1)" -gt 0 ] &&
        [ "$(k get deployment pcf-api -o jsonpath='{.spec.template.spec.containers[0].image}')" = "$repository:v1" ]; then
        pass "$1: deploy.sh says so and rolls back: $(sed -n 's/^deploy.sh: error: //p' "$work/deploy" | cut -c 1-300)"
    else
        fail "$1: deploy.sh ended with $code"
        tail -n 15 "$work/deploy" | sed 's/^/     /'
    fi
}
never=$(configured DATABASE_URL=tcp://127.0.0.1:1 | release never-ready "$repository:v1")
crash=$(configured SERVER__WORKERS=banana | release crash "$repository:v1")
missing=$(release missing "$repository@sha256:$(printf '0%.0s' {1..64})" </dev/null)
bad 'a release that never becomes ready' "$never" 25 'never became ready'
bad 'a release that crashes at once' "$crash" 90 'crashes at start .*banana'
bad 'a release whose digest does not exist' "$missing" 90 'cannot be pulled'
