#!/bin/sh
# Generates the secrets for deploy/compose.yaml. It changes nothing if they exist.
set -eu
cd "$(dirname "$0")"
[ ! -e secrets ] || { echo "deploy/secrets exists already. To generate new secrets, remove it and the volume items."; exit 0; }
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
umask 022
mkdir -m 700 secrets.new # closed to other users; the files in it are readable, because each container has its own user id
cd secrets.new
redis=$(random)
postgres=$(random)
random >session_secret
printf %s "$postgres" >postgres_password
printf %s "postgres://api:$postgres@postgres:5432/api?sslmode=disable" >database_url
printf %s "redis://api:$redis@redis:6379/0" >redis_url
# The user of the API may run the limiter's commands on the limiter's keys only.
# Without a password, a client may only send PING, for the health check.
printf '%s\n' "user default on nopass resetkeys -@all +ping" \
  "user api on >$redis ~ratelimit:* -@all +eval +evalsha +time +set +get +del +ping +select +hello +auth +client" >redis_acl
cd ..
mv secrets.new secrets
echo "generated deploy/secrets"
