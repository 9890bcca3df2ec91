#!/usr/bin/env bash
# As the official image does: as root it gives the folder to `postgres` and becomes that user; the first time it
# runs initdb and makes the database, by a server that listens on its socket alone.
set -Eeo pipefail
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chmod 00700 "$PGDATA"
    find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "$BASH_SOURCE" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    eval "initdb --username=\"$POSTGRES_USER\" --pwfile=\"$POSTGRES_PASSWORD_FILE\" $POSTGRES_INITDB_ARGS"
    printf '\nhost all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
    pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -c unix_socket_directories=/tmp -p 5432" -w start
    export PGPASSWORD="$(cat "$POSTGRES_PASSWORD_FILE")"
    psql -v ON_ERROR_STOP=1 --host=/tmp --username="$POSTGRES_USER" --dbname=postgres \
        -c "CREATE DATABASE \"$POSTGRES_DB\""
    unset PGPASSWORD
    pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec "$@"
