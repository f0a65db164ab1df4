# SPDX-License-Identifier: GPL-2.0-only
# bash completion for hicampctl(8): commands and options.

_hicampctl()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local word words=() all

    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == -* ]] || words+=("$word")
    done

    if [[ $prev == --batch ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
    fi

    case "${words[*]}" in
    '')               all='info port uplink flow meter domain param admin' ;;
    port)             all='list show stats create destroy set rate addrs' ;;
    uplink)           all='add del list' ;;
    uplink\ add|uplink\ del)
                      all=$(ls /sys/class/net) ;;
    flow)             all='add del dump flush' ;;
    meter)            all='list set del' ;;
    admin)            all='set' ;;
    domain)           all='list set' ;;
    param)            all='list get set' ;;
    'meter set'*)     all='--packets' ;;
    'domain set'*)    all='--quota --tenant' ;;
    'param list'*)    all='--port' ;;
    'param get'*|'param set'*)
                      all='borrow-age borrow-pair quota orphan-life rx-event
                           rx-event-packets offload weight straight
                           tx-poll tx-poll-idle --port' ;;
    'port stats'*)    all='--watch --count' ;;
    'port create'*)   all='--mac --mtu --antispoof --copy' ;;
    'port set'*)      all='--mac --mtu --antispoof --no-antispoof
                           --copy --no-copy' ;;
    'flow flush'*)    all='--orphans' ;;
    'flow add'*)      all='--batch --cookie --replace' ;;
    *)                all='' ;;
    esac

    mapfile -t COMPREPLY < <(compgen -W "$all --json --help" -- "$cur")
}

complete -F _hicampctl hicampctl
