#!/bin/sh
# Makes the secrets of deploy/compose.yaml, once: what is there stays.
set -eu
cd "$(dirname "$0")"
[ ! -e secrets ] || { echo "deploy/secrets is there already; remove it for new ones (and the volume items with it)"; exit 0; }
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
umask 022
mkdir -m 700 secrets.new # nobody else gets in; each container gets its own files, under a user id of its own
cd secrets.new
redis=$(random)
postgres=$(random)
random >session_secret
printf %s "$postgres" >postgres_password
printf %s "postgres://api:$postgres@postgres:5432/api?sslmode=disable" >database_url
printf %s "redis://api:$redis@redis:6379/0" >redis_url
# The API's user may do what the limiter does and touch no other key; who
# gives no password may ask whether Redis lives.
printf '%s\n' "user default on nopass resetkeys -@all +ping" \
  "user api on >$redis ~ratelimit:* -@all +eval +evalsha +time +set +get +del +ping +select +hello +auth +client" >redis_acl
cd ..
mv secrets.new secrets
echo "made deploy/secrets"
