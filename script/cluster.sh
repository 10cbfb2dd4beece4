# shellcheck shell=bash
# cluster.sh — the embedded PostgreSQL of script/server: whose it is, where it lies, how it starts and stops. Sourced.
# shellcheck disable=SC2034 # some of what is set here is read by script/server
# Needs lib.sh. Sets PLACE (folder of all data), PG_USER, RUN_USER, SOCKET, OWNER_URL, SERVICE_URL, POSTGRES (process).

CLUSTER_MARK=whistled.conf # in the data folder; says that the cluster was made by us, whole

# PostgreSQL refuses root, and the service needs no rights: each runs as a system user of its own when root calls.
choose_users() {
    if is_root; then
        PG_USER=whistled-pg
        RUN_USER=whistled
    else
        PG_USER=$(id -un)
        RUN_USER=$PG_USER
    fi
}

make_users() {
    local user
    is_root || return 0
    for user in whistled-pg whistled; do
        id "$user" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --home-dir /nonexistent \
            --shell /usr/sbin/nologin "$user"
    done
}

# as USER COMMAND… — with no right beyond that user's.
as() {
    local user=$1
    shift
    if is_root; then
        env HOME=/ setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all --no-new-privs "$@"
    else
        "$@"
    fi
}

# Data lies in var/. Below a folder that only root may enter (/root/clone) the two users could not reach it: then it
# lies in /var/lib and var/ has links to it.
choose_place() {
    PLACE=$VAR
    if is_root && ! (cd / && as whistled test -x "$VAR") 2>/dev/null; then
        PLACE=/var/lib/whistled-dev/$(clone_hash)
        mkdir -p "$PLACE"
        warn "Only root may enter $ROOT, so the data lies in $PLACE; var/ has links to it."
    fi
}

# Data of an earlier run stays its owner's: root goes on as that user, another user is told.
keep_owner() { # ARGUMENTS of the script
    local owner
    [ -d "$VAR/pg" ] || return 0
    owner=$(stat -L -c %U "$VAR/pg")
    if is_root && [ "$owner" != whistled-pg ] && [ "$owner" != root ]; then
        warn "var/pg belongs to $owner, so the rest runs as that user."
        "$ROOT/script/bootstrap" run
        HOME=$(getent passwd "$owner" | cut -d: -f6) \
            exec setpriv --reuid="$owner" --regid="$(id -g "$owner")" --init-groups "$0" "$@"
    fi
    is_root || [ "$owner" = "$(id -un)" ] ||
        die "var/pg belongs to $owner: call script/server as root, as before, or let root remove var/."
}

# What lay in var/ while the users could still reach it moves along; var/ has a link to it.
settle() {
    [ "$PLACE" != "$VAR" ] || return 0
    if [ -d "$VAR/$1" ] && [ ! -L "$VAR/$1" ]; then
        [ ! -e "$PLACE/$1" ] || die "Both $VAR/$1 and $PLACE/$1 hold data: remove one of them."
        mv "$VAR/$1" "$PLACE/$1"
    fi
    ln -sfn "$PLACE/$1" "$VAR/$1"
}

# private NAME OWNER MODE — a folder of the place, seen as var/NAME.
private() {
    local folder=$PLACE/$1
    settle "$1"
    mkdir -p "$folder"
    chmod "$3" "$folder"
    if is_root; then chown "$2:" "$folder"; fi
}

# The socket's name must fit into 107 bytes, however long the clone's path is.
choose_socket() {
    SOCKET=$PLACE/run
    if [ ${#SOCKET} -gt 80 ]; then
        SOCKET=/tmp/whistled-$(id -u)-$(clone_hash)
        [ -d "$SOCKET" ] || mkdir -m 755 "$SOCKET"
        [ -O "$SOCKET" ] || [ "$(stat -c %U "$SOCKET")" = "$PG_USER" ] || die "$SOCKET belongs to somebody else: remove it."
        if is_root; then chown "$PG_USER:" "$SOCKET"; fi
    fi
    OWNER_URL="postgresql://whistled_owner@/whistled?host=$(url_encode "$SOCKET")&port=5432"
    SERVICE_URL="postgresql://whistled@/whistled?host=$(url_encode "$SOCKET")&port=5432"
}

# Programs of the release that made the data, else the newest that is installed.
pg_programs() {
    local version
    if [ -f "$PLACE/pg/PG_VERSION" ]; then
        version=$(cat "$PLACE/pg/PG_VERSION")
    else
        version=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -1 | cut -d/ -f5)
    fi
    PG_BIN=/usr/lib/postgresql/$version/bin
    [ -x "$PG_BIN/postgres" ] ||
        die "var/pg was made by PostgreSQL $version, which is not installed: install it, or start anew with --fresh."
}

# Made beside and moved into place: a run that was cut off leaves no half cluster.
make_cluster() {
    [ ! -f "$PLACE/pg/$CLUSTER_MARK" ] || return 0
    step "Making the database cluster in var/pg"
    need_space "$PLACE" 1024
    rm -rf "$PLACE/pg" "$PLACE/pg.new"
    (umask 077 && mkdir "$PLACE/pg.new")
    if is_root; then chown "$PG_USER:" "$PLACE/pg.new"; fi
    (cd / && quietly "$LOGS/initdb.log" as "$PG_USER" "$PG_BIN/initdb" -D "$PLACE/pg.new" -U postgres -E UTF8 \
        --locale=C.UTF-8 --lc-collate=C --auth=peer --data-checksums) || die "initdb failed: $(tail -1 "$LOGS/initdb.log")"
    as "$PG_USER" touch "$PLACE/pg.new/$CLUSTER_MARK"
    mv "$PLACE/pg.new" "$PLACE/pg"
}

# Written anew at each start, so that a newer script's settings reach old data. Peer authentication: who connects is who
# the kernel says; the service's user can be the service's role and nothing else.
configure_cluster() {
    local user role
    as "$PG_USER" tee "$PLACE/pg/$CLUSTER_MARK" >/dev/null <<EOF
listen_addresses = ''
port = 5432
unix_socket_directories = '$(printf '%s' "$SOCKET" | sed "s/'/''/g")'
max_connections = $((100 + 8 * $(nproc)))
shared_buffers = 256MB
fsync = on
synchronous_commit = on
full_page_writes = on
jit = off
log_line_prefix = '%m [%p] '
EOF
    grep -q "^include_if_exists = '$CLUSTER_MARK'" "$PLACE/pg/postgresql.conf" ||
        echo "include_if_exists = '$CLUSTER_MARK'" | as "$PG_USER" tee -a "$PLACE/pg/postgresql.conf" >/dev/null
    echo 'local all all peer map=whistled' | as "$PG_USER" tee "$PLACE/pg/pg_hba.conf" >/dev/null
    {
        for user in $(printf '%s\n' "$PG_USER" "$(id -un)" | sort -u); do
            for role in postgres whistled_owner whistled; do echo "whistled $user $role"; done
        done
        [ "$RUN_USER" = "$PG_USER" ] || echo "whistled $RUN_USER whistled"
    } | as "$PG_USER" tee "$PLACE/pg/pg_ident.conf" >/dev/null
}

works_on_our_data() {
    local data cwd
    data=$(readlink -f "$PLACE/pg")
    for cwd in /proc/$1/cwd; do # may be a star
        [ "$(readlink "$cwd" 2>/dev/null)" != "$data" ] || return 0
    done
    return 1
}

# What a killed run left: a server that still works on our data is stopped; of a dead one the notes are removed, once the
# last of its processes has noticed. PostgreSQL does so itself, but is misled by a number that was given to another.
clear_leftovers() {
    local pid
    [ -f "$PLACE/pg/postmaster.pid" ] || return 0
    pid=$(head -1 "$PLACE/pg/postmaster.pid")
    if works_on_our_data "$pid"; then
        warn "A database server of an earlier run still works on var/pg; it is stopped first."
        (cd / && as "$PG_USER" "$PG_BIN/pg_ctl" -D "$PLACE/pg" -m fast -w -t 60 stop >/dev/null) ||
            die "The database server of an earlier run (process $pid) does not stop."
    fi
    for _ in {1..100}; do
        works_on_our_data '*' || break
        sleep 0.1
    done
    rm -f "$PLACE/pg/postmaster.pid" "$SOCKET/.s.PGSQL.5432" "$SOCKET/.s.PGSQL.5432.lock"
}

# Both servers are session leaders, so that Ctrl-C reaches this script alone and it stops them in order; should it be
# killed, the kernel tells them.
child() { # SIGNAL USER COMMAND… — takes the place of the (sub)shell
    local words=(setsid setpriv --pdeathsig "$1") user=$2
    shift 2
    cd /
    if is_root; then
        export HOME=/
        words+=(--reuid="$user" --regid="$user" --clear-groups --inh-caps=-all --no-new-privs)
    fi
    exec "${words[@]}" "$@"
}

start_postgres() {
    rotate "$LOGS/postgres.log"
    child INT "$PG_USER" "$PG_BIN/postgres" -D "$PLACE/pg" >>"$LOGS/postgres.log" 2>&1 </dev/null 9>&- &
    POSTGRES=$!
    local deadline=$((SECONDS + 120))
    until "$PG_BIN/pg_isready" -q -U postgres -d postgres -h "$SOCKET" -p 5432; do
        kill -0 "$POSTGRES" 2>/dev/null || die "PostgreSQL did not start: $(tail -1 "$LOGS/postgres.log") (log: var/log/postgres.log)"
        [ $SECONDS -lt $deadline ] || die "PostgreSQL is not ready after two minutes (log: var/log/postgres.log)."
        sleep 0.1
    done
}

admin_sql() {
    "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$SOCKET" -p 5432 -U postgres -d "$1" 2>>"$LOGS/postgres.log"
}

# Roles, database and extensions need a superuser; all that follows is done by the owner.
make_database() {
    admin_sql postgres <<'EOF' || die "Roles and database could not be made (log: var/log/postgres.log)."
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['whistled_owner', 'whistled']) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles) \gexec
SELECT 'CREATE DATABASE whistled OWNER whistled_owner' WHERE 'whistled' NOT IN (SELECT datname FROM pg_database) \gexec
EOF
    admin_sql whistled <<'EOF' || die "The extensions postgis and btree_gist could not be made (log: var/log/postgres.log)."
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;
EOF
}
