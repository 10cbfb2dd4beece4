# shellcheck shell=bash
# lib.sh — what the scripts share: where things are, how to speak, how to fail in one sentence. Sourced, never run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
VAR=$ROOT/var
LOGS=$VAR/log
export ROOT VAR LOGS
# Tools must find Debian's Python, not one of the caller's own: the packages are installed for the former.
export PATH=/usr/bin:/usr/sbin:/bin:/sbin:$PATH

say() {
    printf '%s\n' "$*"
}

step() {
    printf '==> %s\n' "$*"
}

warn() {
    printf 'Note: %s\n' "$*" >&2
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

is_root() {
    [ "$(id -u)" = 0 ]
}

# quietly LOG COMMAND… — output goes to LOG; a terminal sees the seconds pass. Status is the command's.
# The command stays in the foreground: in the background it would not hear Ctrl-C.
quietly() {
    local log=$1 began=$SECONDS ticker='' status=0
    shift
    mkdir -p "$(dirname "$log")"
    if [ -t 1 ]; then
        (while sleep 1 && kill -0 $$ 2>/dev/null; do printf '\r    %d s ' $((SECONDS - began)); done) &
        ticker=$!
    fi
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ -n "$ticker" ]; then
        kill "$ticker" 2>/dev/null || true
        wait "$ticker" 2>/dev/null || true
        printf '\r              \r'
    fi
    [ $((SECONDS - began)) -lt 2 ] || say "    $((SECONDS - began)) s"
    return $status
}

# A log starts anew when it has grown large; one old one is kept.
rotate() {
    [ -z "$(find "$1" -size +64M 2>/dev/null)" ] || mv "$1" "$1.old"
}

# need_space FOLDER MEBIBYTES
need_space() {
    local folder=$1 free
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    free=$(($(df -Pk "$folder" | awk 'NR == 2 { print $4 }') / 1024))
    [ "$free" -ge "$2" ] ||
        die "Only $free MiB are free under $folder and $2 MiB are needed: make room, or clone to another disk."
}

port_is_taken() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A path as part of a connection URL.
url_encode() {
    local text=$1 out='' i c
    local LC_ALL=C
    for ((i = 0; i < ${#text}; i++)); do
        c=${text:i:1}
        case $c in
        [a-zA-Z0-9._~/-]) out+=$c ;;
        *) out+=$(printf '%%%02X' "'$c") ;;
        esac
    done
    printf '%s' "$out"
}

# Short and always the same for one clone: names what must live outside of it.
clone_hash() {
    printf '%s' "$ROOT" | sha256sum | cut -c1-12
}
