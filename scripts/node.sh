# Sourced: finds a Node that is new enough for the web page's tools.
NODE_AT_LEAST=20.19
NODE_FETCHED=22.23.3
NPM_FETCHED=10.9.9

node_is_new_enough() {
    command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || return 1
    local version major minor
    version=$(node --version) || return 1
    version=${version#v}
    major=${version%%.*}
    minor=${version#*.}
    minor=${minor%%.*}
    ((major > 22 || (major == 22 && minor >= 12) || (major == 20 && minor >= 19)))
}

# Puts the wanted Node first on PATH; fails where there is none.
use_node() {
    local folder
    if node_is_new_enough; then return 0; fi
    for folder in "$PWD"/.tools/node_modules/node-*/bin; do
        if [[ -x $folder/node ]]; then
            PATH="$folder:$PWD/.tools/node_modules/.bin:$PATH"
            export PATH
            node_is_new_enough && return 0
        fi
    done
    return 1
}
