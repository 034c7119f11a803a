# shellcheck shell=bash disable=SC2016,SC2154 # patterns; what lib.sh and facts.sh set
# Names by which the parts find each other: port, labels, objects, user.

ports() {
    local file
    # From the binary to the pod.
    same "$port" 'the default' '\| `server\.port` \|[^|]*\| `\K\d+' docs/configuration.md
    same "$port/tcp" "the image's port" '"\K\d+/tcp(?=" = )' nix/platform.nix
    same "$port/tcp" 'the port that the image is checked for' '"ExposedPorts": \{"\K[^"]+' tests/image/check
    yaml same "$port" 'the containerPort' '\.containerPort=\K.*' k8s/base/deployment.yaml
    rendered same "$port" 'the containerPort' '\.containerPort=\K.*'
    yaml same "$port" 'the port that Prometheus is told' 'prometheus\.io/port=\K.*' k8s/base/deployment.yaml
    among "$port" 'the port' '^(SERVER__)?PORT=\K.*' k8s/base/config.env
    rendered among "$port" 'the port' '^data\.(SERVER__)?PORT=\K.*'
    # From the pod outwards, by name.
    yaml same http "the container port's name" 'containers\.ports\.name=\K.*' k8s/base/deployment.yaml
    yaml same http 'the port that a probe asks' 'Probe\.httpGet\.port=\K.*' k8s/base/deployment.yaml
    rendered same http 'the port that a probe asks' 'Probe\.httpGet\.port=\K.*'
    yaml same http "the Service's port name" 'spec\.ports\.name=\K.*' k8s/base/service.yaml
    yaml same http "the Service's targetPort" 'spec\.ports\.targetPort=\K.*' k8s/base/service.yaml
    yaml same 80 "the Service's port" 'spec\.ports\.port=\K.*' k8s/base/service.yaml
    yaml same "$port" 'the port that the policy lets in' 'spec\.ingress\.ports\.port=\K.*' k8s/base/networkpolicy.yaml
    rendered same "$port" 'the port that the policy lets in' 'spec\.ingress\.ports\.port=\K.*'
    yaml same http 'the port that the monitor scrapes' 'spec\.endpoints\.port=\K.*' k8s/components/service-monitor/service-monitor.yaml
    # What readers type.
    among "$port" 'the port' '(localhost|127\.0\.0\.1):\K\d+(?=/(version|health|metrics)\b)' README.md docs/{deployment,health,image,logging}.md
    among "80" "the Service's port" 'port-forward.* service/'"$name"' \d+:\K\d+' "${pages[@]}"
    among "$port/tcp" 'the port' '^\| port \| `?\K\d+/tcp' docs/image.md
    for file in justfile scripts/load-image.sh scripts/monitor.sh CONTRIBUTING.md docs/image.md; do
        among "$port" 'the port' '(on port |PORT \(|PORT:-|--publish \d+:)\K\d+' "$file"
    done
}

names() {
    local kind label
    # Objects, and who asks for them.
    yaml same "$name" "the object's name" '^metadata\.name=\K.*' k8s/base/{namespace,deployment,service,serviceaccount,networkpolicy}.yaml \
        k8s/components/{hpa/hpa,pdb/pdb,service-monitor/service-monitor,alerts/rules,database/deployment,debug/deployment,log-level/deployment,secrets/deployment,vault/deployment}.yaml
    yaml same "$name" "the pods' service account" '\.serviceAccountName=\K.*' k8s/base/deployment.yaml
    yaml same "$name" "the container's name" '\.containers\.name=\K.*' k8s/base/deployment.yaml
    yaml same "$name" "the container's image" '\.containers\.image=\K.*' k8s/base/deployment.yaml
    yaml same "$name" 'the ConfigMap that the pods take' '\.configMapRef\.name=\K.*' k8s/base/deployment.yaml
    yaml same "$name" "the HPA's target" 'spec\.scaleTargetRef\.name=\K.*' k8s/components/hpa/hpa.yaml
    rendered among "$name" "the HPA's target" 'spec\.scaleTargetRef\.name=\K.*'
    yaml same "$name" 'the container that the HPA counts' 'containerResource\.container=\K.*' k8s/components/hpa/hpa.yaml
    yaml among "$name" 'what it changes' '^(images|replicas|patches\.target|replacements\.(source|targets\.select))\.name=\K.*' "${manifests[@]}"
    yaml among "$name" 'the ConfigMap' '^configMapGenerator\.name=\K.*' k8s/base/kustomization.yaml k8s/overlays/*/kustomization.yaml
    # Labels: those of the pods, and each selector of them.
    for label in app.kubernetes.io/name app.kubernetes.io/instance; do labels_of_pods "$label"; done
    among "$name" "app.kubernetes.io/name" "app\.kubernetes\.io/name[=:] ?\K[\w-]+" justfile scripts/*.sh scripts/lib/*.sh "${pages[@]}"
    among "$name" 'what an expression selects' '\b(job|container|deployment)=\\?"\K[^"\\]+' k8s/components/{alerts/rules.yaml,dashboard/"$name".json}
    # Namespaces, one for each overlay.
    for kind in $environments; do
        yaml same "$name-$kind" 'the namespace' '^namespace=\K.*' "k8s/overlays/$kind/kustomization.yaml"
    done
    # shellcheck disable=SC2086 # words
    among "$(printf "$name-%s\n" $environments '{{ENV}}')" 'namespace' '(--namespace|-n)[ =]\K'"$name-"'(\{\{ ENV \}\}|[a-z]+)' justfile "${pages[@]}"
}

labels_of_pods() { # label
    local kind label=$1
    for kind in 'deployment:spec\.template\.metadata\.labels' 'deployment:spec\.selector\.matchLabels' \
        'deployment:topologySpreadConstraints\.labelSelector\.matchLabels' 'service:spec\.selector' 'networkpolicy:spec\.podSelector\.matchLabels'; do
        yaml same "$name" "the label that ${kind%%:*} has" "${kind#*:}\.\Q$label\E=\K.*" "k8s/base/${kind%%:*}.yaml"
    done
    yaml same "$name" 'the label that the PDB selects' "spec\.selector\.matchLabels\.\Q$label\E=\K.*" k8s/components/pdb/pdb.yaml
    yaml same "$name" 'the label that the monitor selects' "spec\.selector\.matchLabels\.\Q$label\E=\K.*" k8s/components/service-monitor/service-monitor.yaml
    yaml among "$name" "$label" "\Q$label\E=\K.*" "${manifests[@]}"
    rendered same "$name" "$label" "\Q$label\E=\K.*"
}

users() {
    same '${user}:${user}' "the image's user" ' User = "\K[^"]+' nix/platform.nix
    same '${user}:${user}' "the user of /etc/passwd" '"nonroot:x:\K[^:]+:[^:]+(?=:nonroot)' nix/platform.nix
    same "$user:$user" "the image's user" '\| user \| `\K[^`]+' docs/image.md
    same "$user:$user" "the image's user" '"User": "\K[^"]+' tests/image/check
    same "[$user,$user]" 'the user of /etc/passwd' '/etc/passwd", user, \K\[.*\]' tests/image/check
    yaml same "$user" "the pods' user or group" '\b(runAsUser|runAsGroup|fsGroup)=\K.*' k8s/base/deployment.yaml
    rendered same "$user" "the pods' user or group" '\b(runAsUser|runAsGroup|fsGroup)=\K.*'
    yaml among "$user" "the agent's user or group" 'agent-run-as-(user|group)=\K.*' "${manifests[@]}"
    # 65535 is the highest port; any other number like ours is ours, mistyped.
    among "$user" 'the user' '\b6553[0-46-9]\b' "${pages[@]}" "${scripts[@]}"
}
