#!/bin/bash
# The database container: makes the cluster, its roles and extensions at the first start, then is PostgreSQL.
set -euo pipefail

DATA=/var/lib/postgresql/data
MARK=$DATA/whistled.conf

# Beside the real socket, so that nobody takes a half-made database for a ready one.
prepare() {
    local socket
    socket=$(mktemp -d)
    find "$DATA" -mindepth 1 -delete
    initdb -D "$DATA" -U postgres -E UTF8 --locale=C.UTF-8 --lc-collate=C --auth=peer --data-checksums
    pg_ctl -D "$DATA" -w -o "-c listen_addresses='' -c unix_socket_directories=$socket" start
    psql -X -v ON_ERROR_STOP=1 -h "$socket" -U postgres -d postgres \
        -c 'CREATE ROLE whistled_owner LOGIN' -c 'CREATE ROLE whistled LOGIN' -c 'CREATE DATABASE whistled OWNER whistled_owner'
    psql -X -v ON_ERROR_STOP=1 -h "$socket" -U postgres -d whistled \
        -c 'CREATE EXTENSION postgis' -c 'CREATE EXTENSION btree_gist'
    pg_ctl -D "$DATA" -w -m fast stop
    echo "include_if_exists = 'whistled.conf'" >>"$DATA/postgresql.conf"
    touch "$MARK"
}

[ -f "$MARK" ] || prepare

cat >"$MARK" <<'EOF'
listen_addresses = ''
unix_socket_directories = '/run/postgresql'
max_connections = 300
shared_buffers = 256MB
jit = off
EOF
exec postgres -D "$DATA"
