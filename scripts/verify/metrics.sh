# shellcheck shell=bash disable=SC2016,SC2154 # patterns; what lib.sh and facts.sh set
# Metrics and alerts: what dashboard, rules, autoscaler and pages name is what the service exports,
# what tests/monitoring/external.prom has of others, or what prometheus-adapter serves.

metrics() {
    local own histograms external served all
    own=$(tr '\n' ' ' <"$home/src/metrics/table.rs" | grep -oP '\(\s*"\K[a-z_]+(?=",\s*(Counter|Gauge|Histogram))')
    # A service of one's own has metrics of its own: whatever its source names.
    [ -n "$is_own" ] || own+=$'\n'$(grep -rohP '"\K[a-z][a-z0-9_]+(?=")' src || true)$'\n'${name//-/_}_build_info
    histograms=$(tr '\n' ' ' <"$home/src/metrics/table.rs" | grep -oP '\(\s*"\K[a-z_]+(?=",\s*Histogram)')
    external=$(grep -oP '^[a-z_]+(?=\{)' "$home/tests/monitoring/external.prom" | sort -u)
    served=$(from=$work/yaml first '^rules\.name\.as=\K.*' k8s/components/prometheus-adapter/config.yaml)
    all=$(printf '%s\n' "$own" "$external" "$served"
        printf '%s\n' "${histograms//$'\n'/$'_bucket\n'}_bucket" "${histograms//$'\n'/$'_sum\n'}_sum" "${histograms//$'\n'/$'_count\n'}_count")

    same "$own" 'metric' '^\| `\K[a-z_]+' docs/metrics.md
    local one
    [ -z "$is_own" ] || for one in $own; do
        grep -q "^| \`$one\`" docs/metrics.md || wrong docs/metrics.md:1 "it lacks the metric $one: run just docs"
    done
    # A name that looks like a metric's is one.
    local pattern='\b(?:(?:http|runtime|dependency|process|container|kube)_[a-z_]+_(?:total|alive|depth|seconds|bytes|bucket|sum|count|flight|active|max|fds|per_second|limits|requests|replicas|available)|dependency_up|health_status|log_lines_\w+|'${name//-/_}'_(?!client)\w+_info)\b(?!::)'
    same "$all" 'metric' "$pattern" k8s/components/{alerts/rules.yaml,canary/analysis.yaml,dashboard/"$name".json,prometheus-adapter/config.yaml} "${pages[@]}"
    # In an expression, whatever has a selector.
    same "$all up" 'metric' '\b[a-z_]+(?=\{(?!\{))' k8s/components/{alerts/rules.yaml,canary/analysis.yaml,dashboard/"$name".json}
    same "$served" 'the metric that the HPA asks for' 'metric: \{ name: \K[^ }]+' k8s/components/hpa-requests/kustomization.yaml
    rendered among "$served" 'the metric that the HPA asks for' 'metrics\.pods\.metric\.name=\K.*'
}

alerts() {
    local known headings alert
    known=$(grep -oP '^ +- alert: \K\w+' k8s/components/alerts/rules.yaml)
    headings=$(grep -oP '^#+ \K.*' "$home/docs/troubleshooting.md" | tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9-\n')
    same "$known" 'alert' '\bPcfApi[A-Z]\w+' docs/monitoring.md docs/troubleshooting.md tests/monitoring/rules_test.yaml
    yaml same "$headings" 'section of docs/troubleshooting.md' 'runbook_url=#\K.*' k8s/components/alerts/rules.yaml
    [ -n "$is_own" ] || return 0
    for alert in $known; do
        grep -q "\`$alert\`" docs/monitoring.md || wrong "$(line_of "alert: $alert" k8s/components/alerts/rules.yaml)" "docs/monitoring.md does not tell of $alert"
    done
}
