#!/usr/bin/env bash
# A Prometheus beside the service, with the dashboard's charts and the alerts, to look at without a
# cluster.
set -euo pipefail
unset CDPATH # with it cd may go elsewhere

usage() {
    cat <<'EOF'
scripts/monitor.sh [--target HOST:PORT] [--port PORT] [--binary PATH]

Starts the service and a Prometheus that scrapes it, and prints where to look. Ctrl-C ends both.

  --target HOST:PORT  scrape this running service instead of starting one
  --port PORT         port of Prometheus on loopback (9090)
  --binary PATH       start this binary (default: build and start the release binary)

The service takes its settings from the environment as always: PORT (8080), DATABASE_URL, …
Needs prometheus and jq.
EOF
}

# shellcheck source=scripts/lib/cli.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/cli.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib/bash44.sh"

target='' port=9090 binary=''
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit ;;
        --target | --port | --binary)
            [ $# -ge 2 ] || misused "$1 needs a value"
            declare "${1#--}=$2"
            shift
            ;;
        *) misused "unknown argument: $1" ;;
    esac
    shift
done
[[ $port =~ ^[0-9]+$ ]] || misused "--port is no number: $port"
[[ -z $target || $target =~ ^[^:/]+:[0-9]+$ ]] || misused "--target is not HOST:PORT: $target"
need prometheus jq
cd "$(dirname "${BASH_SOURCE[0]}")/.."

directory=$(mktemp -d)
pids=()
finish() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$directory"
}
trap finish EXIT
trap 'exit 0' INT TERM

is_open() { (: <"/dev/tcp/$1/$2") 2>/dev/null; }

# Whether Prometheus answers a path with 200.
has_page() {
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
    head -n 1 <&3 | grep -q ' 200 '
} 2>/dev/null

# wait_for NAME PID CHECK...: until the check holds; the log of NAME says why it never does.
wait_for() {
    local name=$1 pid=$2
    shift 2
    for _ in {1..200}; do
        kill -0 "$pid" 2>/dev/null || break
        ! "$@" || return 0
        sleep 0.1
    done
    cat "$directory/$name.log" >&2
    fail "$name did not start"
}

! is_open 127.0.0.1 "$port" || fail "port $port is taken; choose another with --port"
if [ -z "$target" ]; then
    if [ -z "$binary" ]; then
        cargo build --release --quiet
        binary=target/release/pcf-api
    fi
    [ -x "$binary" ] || fail "$binary is not an executable file"
    export PORT=${PORT:-8080} SERVER__HOST=${SERVER__HOST:-127.0.0.1} SERVER__DRAIN_DELAY=${SERVER__DRAIN_DELAY:-0s}
    target=127.0.0.1:$PORT
    ! is_open 127.0.0.1 "$PORT" || fail "port $PORT is taken; choose another with PORT, or use --target $target"
    "$binary" 2>"$directory/pcf-api.log" &
    pids+=($!)
    wait_for pcf-api $! is_open 127.0.0.1 "$PORT"
else
    is_open "${target%:*}" "${target##*:}" || fail "nothing listens on $target"
fi

# The rules are the `spec` of the PrometheusRule.
sed '1,/^spec:/d' k8s/components/alerts/rules.yaml >"$directory/rules.yaml"
cat >"$directory/prometheus.yml" <<EOF
global: { scrape_interval: 5s, evaluation_interval: 5s }
rule_files: [rules.yaml]
scrape_configs:
  - job_name: pcf-api
    static_configs:
      - { targets: ["$target"], labels: { namespace: local, pod: pcf-api } }
EOF
mkdir "$directory/consoles"
prometheus --enable-feature=exemplar-storage --config.file="$directory/prometheus.yml" --storage.tsdb.path="$directory/data" \
    --web.listen-address="127.0.0.1:$port" --web.console.templates="$directory/consoles" \
    >"$directory/prometheus.log" 2>&1 &
pids+=($!)
wait_for prometheus $! has_page /-/ready

# Debian's Prometheus has its pages under /classic.
ui=''
! has_page /classic/alerts || ui=/classic

# The dashboard's charts as links into Prometheus, on a page that Prometheus serves.
jq -r --arg ui "$ui" '
    def query: gsub("\\$__rate_interval"; "30s") | gsub("\\$(namespace|pod)"; ".*");
    def link: [.targets | to_entries[] | "g\(.key).expr=\(.value.expr | query | @uri)&g\(.key).tab=0&g\(.key).range_input=15m"]
        | "\($ui)/graph?" + join("&");
    "<!doctype html><meta charset=utf-8><title>pcf-api</title><h1>pcf-api</h1>",
    (.panels[] | if .type == "row" then "<h2>\(.title | @html)</h2>"
        else "<p><a href=\"\(link | @html)\">\(.title | @html)</a> \(.description | @html)" end)
' k8s/components/dashboard/pcf-api.json >"$directory/consoles/index.html"

cat <<EOF
Prometheus scrapes $target every 5 s. Ctrl-C ends it.

  charts   http://127.0.0.1:$port/consoles/index.html
  alerts   http://127.0.0.1:$port$ui/alerts
  targets  http://127.0.0.1:$port$ui/targets
  service  http://$target/
EOF
wait -n "${pids[@]}" || true
cat "$directory"/*.log >&2
echo 'monitor: one of them has ended' >&2
false
