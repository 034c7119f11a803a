# Requests that take two seconds are finished by the pods that began them.
# shellcheck shell=bash disable=SC2034,SC2086,SC2153,SC2154 # the variables of lib.sh

fresh faults "$repository:faults"
load_path=/sleep/2000
load_begin --keep-alive 40 --fresh 40 --rate 20 --timeout 10000 --at-least 200
k rollout restart deployment/pcf-api >/dev/null
settled
lost_none 'requests of 2 s in flight during a restart of all pods' 200
unset load_path
