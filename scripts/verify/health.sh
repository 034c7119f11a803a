# shellcheck shell=bash disable=SC2016,SC2154 # patterns; what lib.sh and facts.sh set
# Health checks: how long each waits, and what it asks.

timeouts() {
    local probe wanted=${health_timeout}s
    same "$health_timeout" "the binary's time limit" 'HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs\(\K\d+(?=\))' src/cli.rs
    # The help fills it in; a number there would be one more to keep.
    same '{timeout}' 'the limit that --help tells' 'for the whole exchange \[\K[^]]*' src/cli.rs
    same "$health_timeout" "the image's Timeout" '\bTimeout = seconds \K\d+' nix/platform.nix
    same "$health_timeout" 'the Timeout that the image is checked for' '"Timeout": \K\d+(?= \* SECOND)' tests/image/check
    for probe in startup liveness readiness; do
        yaml same "$health_timeout" "the $probe probe's timeoutSeconds" "${probe}Probe\.timeoutSeconds=\K.*" k8s/base/deployment.yaml
        rendered same "$health_timeout" "the $probe probe's timeoutSeconds" "${probe}Probe\.timeoutSeconds=\K.*"
    done
    yaml among "$health_timeout" 'timeoutSeconds' '\.timeoutSeconds=\K.*' "${manifests[@]}"
    among "$health_timeout" 'timeoutSeconds' '\btimeoutSeconds: \K\d+' tests/golden/*.yaml "${pages[@]}"
    among "$wanted" "the health check's time limit" "$prose_timeout" "${pages[@]}"
    among "$wanted" "a call's --timeout" 'healthcheck\b.* --timeout[ =]\K[\w.]+' "${pages[@]}" "${scripts[@]}"
}
# How pages write it: in words, in a compose file, as an option of docker or podman.
prose_timeout='(?i:health ?check.*\btimeout `?\K\d+ ?m?s\b)|waits \K\d+ ?m?s(?= at most)|^ +timeout: \K["\w]+|--health-timeout[ =]\K\w+'
mapfile -t scripts < <(find justfile scripts tests/smoke tests/e2e .ci -type f 2>/dev/null | sort)

paths() {
    local probe
    for probe in startup liveness; do
        yaml same /health "what the $probe probe asks" "${probe}Probe\.httpGet\.path=\K.*" k8s/base/deployment.yaml
        rendered same /health "what the $probe probe asks" "${probe}Probe\.httpGet\.path=\K.*"
    done
    yaml same /health/ready 'what the readiness probe asks' 'readinessProbe\.httpGet\.path=\K.*' k8s/base/deployment.yaml
    rendered same /health/ready 'what the readiness probe asks' 'readinessProbe\.httpGet\.path=\K.*'
    yaml same /metrics 'what Prometheus scrapes' 'prometheus\.io/path=\K.*' k8s/base/deployment.yaml
    yaml same /metrics 'what Prometheus scrapes' 'spec\.endpoints\.path=\K.*' k8s/components/service-monitor/service-monitor.yaml
    # A pod template's paths, wherever: each is one of the service's routes.
    yaml among "$routes" 'route' '(Probe\.httpGet\.path|prometheus\.io/path|endpoints\.path)=\K.*' "${manifests[@]}"
    rendered among "$routes" 'route' '(Probe\.httpGet\.path|prometheus\.io/path)=\K.*'
    for probe in / /version /health /health/ready /metrics; do
        from=$home same "$probe" 'a route of the contract' "PATHS: .*\"\K$probe(?=\")" src/routes.rs
    done
}
