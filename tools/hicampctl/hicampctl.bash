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
    '')               all='info port flow admin' ;;
    port)             all='list show stats create destroy set' ;;
    flow)             all='add del dump flush' ;;
    admin)            all='set' ;;
    'port stats'*)    all='--watch --count' ;;
    'port create'*)   all='--mac --mtu --antispoof' ;;
    'port set'*)      all='--mac --mtu --antispoof --no-antispoof' ;;
    'flow add'*)      all='--batch --cookie --replace' ;;
    *)                all='' ;;
    esac

    mapfile -t COMPREPLY < <(compgen -W "$all --json --help" -- "$cur")
}

complete -F _hicampctl hicampctl
