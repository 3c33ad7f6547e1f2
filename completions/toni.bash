# Completion of toni(1) for bash. Commands and options are what toni's own --help says; this file knows what stands
# behind an option, and after a command.

_toni_commands() # PROGRAM
{
    "$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'
}

# A line for each option: its name, and what its value is called, if it takes one.
_toni_options() # PROGRAM COMMAND
{
    "$1" "$2" --help 2>/dev/null | awk '/^ +-/ {
        sub(/^ +/, ""); sub(/  .*/, "")
        value = ""
        if (match($0, /=[^ ]*$/)) { value = substr($0, RSTART + 1); $0 = substr($0, 1, RSTART - 1) }
        count = split($0, names, /, */)
        for (i = 1; i <= count; i++) print names[i], value
    }'
}

_toni_words() # WORDS: those that begin with what is typed
{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}

_toni_files() # PATTERN: files of that name, and folders on the way to them
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -X "!$1" -- "$current"; compgen -d -- "$current")
}

_toni_value() # OPTION NAME-OF-VALUE
{
    case $1 in
    -c | --config) [ "$2" = N ] || _toni_files '*.conf' ;; # of bench it is a number
    -l | --log-level) _toni_words 'debug info warn error' ;;
    -f | --format) _toni_words 'text json' ;;
    --kind) _toni_words 'gateway service' ;;
    --language) _toni_words 'c c++' ;;
    *)
        case $2 in
        FILE*) _toni_files '*' ;;
        DIR* | FOLDER*)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            ;;
        esac
        ;;
    esac
}

# Plugins here, and those that come with toni, which are found by their names.
_toni_plugins() # PROGRAM
{
    local shipped
    _toni_files '*.so'
    shipped=$(dirname "$(type -P "$1" 2>/dev/null)" 2>/dev/null)/..
    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(
        compgen -W "$(printf '%s\n' "$shipped"/lib{,/*}/toni/plugins/*.so | sed -n 's|.*/\([^*/]*\.so\)$|\1|p')" -- "$current"
    )
}

_toni()
{
    local program=${COMP_WORDS[0]/#\~/$HOME} command=${COMP_WORDS[1]-}
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options value
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        _toni_words "$(_toni_commands "$program") --help --version"
        return
    fi
    # --config=FILE is three words to bash.
    if [ "$current" = = ]; then
        current=
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    options=$(_toni_options "$program" "$command")
    value=$(awk -v option="$before" '$1 == option { print $2 }' <<<"$options")
    if [ -n "$value" ]; then
        _toni_value "$before" "$value"
    elif [[ $current == -* ]]; then
        _toni_words "$(cut -d ' ' -f 1 <<<"$options")"
    elif [ "$command" = describe ]; then
        _toni_plugins "$program"
    fi
}

complete -F _toni toni
