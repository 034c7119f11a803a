# Redis servers on this machine as the pods' dependency, and the releases that use them. Sourced.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

for tool in redis-server redis-cli; do
    command -v $tool >/dev/null || die "$tool is needed for this case"
done
redis_start() { # port, password
    redis-server --port "$1" --bind "$E2E_HOST_ADDRESS" --save '' --appendonly no --dir "$work" \
        --requirepass "$2" --pidfile "$work/redis-$1.pid" --daemonize yes >/dev/null
    echo "$2" >"$work/redis-$1.password"
    until_true 10 redis_ask "$1" ping >/dev/null
}
redis_ask() { REDISCLI_AUTH=$(cat "$work/redis-$1.password") redis-cli -h "$E2E_HOST_ADDRESS" -p "$1" "${@:2}" 2>/dev/null; }
redis_connections() { redis_ask "$1" info stats | tr -d '\r' | sed -n 's/^total_connections_received://p'; }
redis_stop() {
    redis_ask "$1" shutdown nosave || true
    until_true 10 test ! -e "$work/redis-$1.pid"
}
secret() { # URL of the database
    printf 'DATABASE_URL=%s\n' "$1" | "$root/scripts/create-secrets.sh" "$work/v1" -
}
with_component() { # release, component
    mkdir -p "$work/$1"
    printf 'components: [%s]\n' "$(component "$1" "$2")" | release "$1" "$repository:v1"
}
trap 'for port in 6379 5432; do [ ! -e "$work/redis-$port.pid" ] || redis_stop $port; done' EXIT
