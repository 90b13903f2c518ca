#!/usr/bin/env bash
# Makes the images that the compose file names, of nothing but what this machine has: a binary that is linked
# dynamically on a base of this machine's libraries, and this machine's PostgreSQL on the tests' busybox.
#
#   images.sh BINARY DOCKERFILE IMAGE POSTGRES_BIN POSTGRES_IMAGE
set -euo pipefail
binary=$1 dockerfile=$2 image=$3 postgres=$4 postgres_image=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The libraries of these programs, as files below a folder.
libraries() {
    local into=$1
    shift
    ldd "$@" | grep -o '/[^ ]*' | grep -v ':$' | sort -u | while read -r library; do
        mkdir -p "$into$(dirname "$library")"
        cp -L "$library" "$into$library"
    done
}

base=$work/base
mkdir "$base" "$base/root"
libraries "$base/root" "$binary"
printf 'FROM scratch\nCOPY root /\n' >"$base/Dockerfile"
docker build -q -t "$image-base" "$base" >&2
context=$work/context
mkdir -p "$context/data"
cp "$binary" "$context/longshore"
: >"$context/ca-certificates.crt"
docker build -q -t "$image" --build-arg "BASE=$image-base" -f "$dockerfile" "$context" >&2

server=$work/server
root=$server/root
share=$("$postgres/pg_config" --sharedir 2>/dev/null || echo "/usr/share/postgresql/$(basename "$(dirname "$postgres")")")
modules=$(dirname "$postgres")/lib
mkdir -p "$root$postgres" "$root$modules" "$root$share" "$root/usr/share/zoneinfo" "$root/etc"
for program in postgres initdb pg_isready; do
    cp "$postgres/$program" "$root$postgres/"
done
# Without what compiles statements: it is switched off, and ten times as large as all the rest.
cp "$modules"/{plpgsql,dict_snowball,libpqwalreceiver}.so "$root$modules/"
cp -rL "$share/." "$root$share/"
cp -rL /usr/share/zoneinfo/{UTC,Etc} "$root/usr/share/zoneinfo/"
libraries "$root" "$root$postgres"/* "$root$modules"/*.so
echo 'postgres:x:999:999::/var/lib/postgresql:/bin/sh' >"$root/etc/passwd"
echo 'postgres:x:999:' >"$root/etc/group"
cat >"$root/entrypoint.sh" <<'SCRIPT'
#!/bin/sh
# As the image of PostgreSQL's own begins: a cluster with this user, password and database, once.
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    echo "$POSTGRES_PASSWORD" >/tmp/password
    initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile=/tmp/password -A scram-sha-256 --locale=C -E UTF8 -N
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA" -j postgres
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c jit=off -c unix_socket_directories=/tmp
SCRIPT
chmod +x "$root/entrypoint.sh"
cat >"$server/Dockerfile" <<FILE
FROM busybox:local
COPY root /
RUN mkdir -p /var/lib/postgresql/data /var/run/postgresql /tmp && \
    chown -R 999:999 /var/lib/postgresql /var/run/postgresql && chmod 1777 /tmp
ENV PATH=$postgres:/bin PGDATA=/var/lib/postgresql/data PGHOST=/tmp
VOLUME /var/lib/postgresql/data
USER 999:999
ENTRYPOINT ["/entrypoint.sh"]
FILE
docker build -q -t "$postgres_image" "$server" >&2
