# Whether the service takes a URL of a dependency. The rule is the service's, in src/health/target.rs; that
# the two agree is held by tests/dependency-urls.txt, which the tests of both go through. Sourced by scripts
# that have bash 4.4.
# shellcheck shell=bash

url_kinds='no URL that the service knows: tcp://host:port, http://host/path, postgres://host/database or redis://host'
url_port='no port from 1 to 65535 after the host; in a password / ? # @ are written %2F %3F %23 %40'
url_socket='a Unix socket, which health checks do not ask: a host is needed'

# What is wrong with a URL, which is never repeated; nothing where the service takes it.
url_problem() { # URL
    local kind=${1%%://*} rest=${1#*://} authority user='' places
    [[ $1 == *://* ]] || { echo "$url_kinds"; return; }
    case $kind in
        tcp | http | postgres | postgresql | redis) ;;
        # Taken by an image that is built with the feature tls.
        https | rediss) kind=${kind%s} ;;
        *) echo "$url_kinds"; return ;;
    esac
    authority=${rest%%[/?#]*} rest=${rest#"${rest%%[/?#]*}"}
    places=${authority##*@}
    [[ $authority != *@* ]] || user=${authority%@*}
    is_decodable "$user" || { echo 'a user or password with a control character, or that is not UTF-8'; return; }
    case $kind in
        tcp) hosts_problem "$places" needs-port ;;
        redis) hosts_problem "$places" ;;
        http)
            if [[ $authority == *@* ]]; then echo 'a user in an http URL, which health checks do not send'
            elif [[ $rest =~ [^!-~] || $places == *,* ]]; then echo "$url_kinds"
            else host_problem "$places"; fi ;;
        *) postgres_problem "$places" "$rest" ;;
    esac
}

postgres_problem() { # hosts, path and query
    local path=${2%%\?*} query='' pair pairs value places=$1 ports=() list='' port problem
    [[ $2 != *\?* ]] || query=${2#*\?}
    is_decodable "$path" || { echo 'a database with a control character, or that is not UTF-8'; return; }
    IFS='&' read -ra pairs <<<"$query"
    for pair in ${pairs[@]+"${pairs[@]}"}; do
        value=${pair#*=}
        case $pair in
            host=?* | port=* | user=* | dbname=*) is_decodable "$value" || { echo 'a parameter with a control character, or that is not UTF-8'; return; } ;;&
            host=?*) places=$(printf '%b' "${value//%/\\x}") ;;
            port=*) list=$(printf '%b' "${value//%/\\x}") ;;
        esac
    done
    problem=$(hosts_problem "$places")
    [ -z "$problem" ] || { echo "$problem"; return; }
    IFS=, read -ra ports <<<"$list"
    list=${places//[^,]/}
    [ ${#ports[@]} -le 1 ] || [ ${#ports[@]} = $((${#list} + 1)) ] || { echo 'not one port for all hosts or one for each'; return; }
    for port in ${ports[@]+"${ports[@]}"}; do is_port "$port" || { echo "$url_port"; return; }; done
}

hosts_problem() { # hosts, whether each needs its port
    local host problem rest=$1, count=0
    while [ -n "$rest" ]; do
        host=${rest%%,*} rest=${rest#*,}
        problem=$(host_problem "$host" "${2:-}")
        [ -z "$problem" ] || { echo "$problem"; return; }
        count=$((count + 1))
    done
    [ $count -le 16 ] || echo 'more than 16 hosts'
}

host_problem() { # host, whether it needs a port
    local name=$1 port=''
    case $1 in
        /* | @* | %2*) echo "$url_socket"; return ;;
        \[*\]) name=${1:1:-1} ;;
        \[*\]:*) name=${1%%]*} name=${name:1} port=${1#*]:} ;;
        *:*) name=${1%%:*} port=${1#*:} ;;
    esac
    if [[ $1 == *: || -n $port ]] && ! is_port "$port"; then echo "$url_port"
    elif [[ ! $name =~ ^[A-Za-z0-9._:%-]+$ ]]; then echo "$url_kinds"
    elif [ -n "${2:-}" ] && [ -z "$port" ]; then echo 'a tcp:// without a port: tcp://host:port'; fi
}

is_port() { [[ $1 =~ ^[0-9]{1,5}$ ]] && [ $((10#$1)) -ge 1 ] && [ $((10#$1)) -le 65535 ]; }

# Whether a percent-encoded text is UTF-8 without a NUL or an end of a line.
is_decodable() {
    [[ ! $1 =~ %0[0aAdD] ]] && printf '%b' "$(sed -E 's/\\/\\\\/g; s/%([0-9A-Fa-f]{2})/\\x\1/g' <<<"$1")" | iconv -f UTF-8 -t UTF-8 >/dev/null 2>&1
}
