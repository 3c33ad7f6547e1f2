# Completion of toni(1) for fish. Commands and options are what toni's own --help says; this file knows what stands
# behind an option, and after a command.

function __toni_commands
    set -l words (commandline -opc)
    $words[1] --help 2>/dev/null | string replace -rf '^  ([a-z][a-z-]*) +(.*)' '$1\t$2'
    printf '%s\n' --help\t'prints the commands' --version\t'prints the version'
end

# A line for each option of a command: its name, what its value is called, if it takes one, and what it is.
function __toni_options
    set -l words (commandline -opc)
    for line in ($words[1] $words[2] --help 2>/dev/null | string match -r '^ +-.*')
        set -l found (string match -r -- '^ +((?:-[^ ,-])?)(?:, )?((?:--[a-z-]+)?)(?:\[?=)?([^ \]]*)\]? *(.*)$' $line)
        for name in $found[2..3]
            test -z "$name"; or string join -- \t $name "$found[4]" "$found[5]"
        end
    end
end

# Files whose names end so, and folders on the way to them.
function __toni_files # ENDING TYPED
    __fish_complete_path $argv[2] | string match -r '^[^\t]*(?:/|'(string escape --style=regex -- $argv[1])')(?:\t.*)?$'
end

# What can stand behind an option: each with what stands before it in the same word.
function __toni_values # OPTION NAME-OF-VALUE BEFORE TYPED
    switch $argv[1]
        case -c --config
            test "$argv[2]" = N; and return # of bench it is a number
            __toni_files .conf "$argv[4]" | string replace -r -- '^' "$argv[3]"
        case -l --log-level
            printf '%s\n' $argv[3]{debug,info,warn,error}
        case -f --format
            printf '%s\n' $argv[3]{text,json}
        case --kind
            printf '%s\n' $argv[3]{gateway,service}
        case --language
            printf '%s\n' $argv[3]{c,c++}
        case '*'
            switch $argv[2]
                case 'FILE*'
                    __fish_complete_path "$argv[4]" | string replace -r -- '^' "$argv[3]"
                case 'DIR*' 'FOLDER*'
                    __fish_complete_directories "$argv[4]" | string replace -r -- '^' "$argv[3]"
            end
    end
end

# Plugins here, and those that come with toni, which are found by their names.
function __toni_plugins
    set -l words (commandline -opc)
    set -l program (command -s $words[1])
    for plugin in (path dirname $program)/../lib/toni/plugins/*.so (path dirname $program)/../lib/*/toni/plugins/*.so
        path basename $plugin
    end
    __toni_files .so (commandline -ct)
end

function __toni_arguments
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l options (__toni_options)
    set -l option $words[-1]
    set -l before
    if string match -q -- '--*=*' $typed
        set option (string replace -r -- '=.*' '' $typed)
        set before $option=
        set typed (string replace -r -- '^[^=]*=' '' $typed)
    end
    for line in $options
        set -l found (string split \t -- $line)
        if test "$found[1]" = "$option"; and test -n "$found[2]"
            __toni_values $option $found[2] "$before" "$typed"
            return
        end
    end
    if string match -q -- '-*' $typed
        string replace -r -- '^([^\t]*)\t[^\t]*\t' '$1\t' $options
    else if test "$words[2]" = describe
        __toni_plugins
    end
end

complete -c toni -f -n 'test (count (commandline -opc)) -eq 1' -a '(__toni_commands)'
complete -c toni -f -n 'test (count (commandline -opc)) -gt 1' -a '(__toni_arguments)'
