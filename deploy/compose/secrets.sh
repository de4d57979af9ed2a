#!/bin/sh -eu
# Make each secret of the Compose project once: random, in a volume that only its containers see. To use one of your own, put it
# there before the first start; to change one, remove its files and the servers' data, or change it in the servers too.
cd "${1:?usage: secrets.sh FOLDER}"
umask 022 # three different users read them; who can open the volume at all is root on this machine

put() { # put FILE: standard input becomes FILE, whole or not at all
  cat >".$1" && mv ".$1" "$1"
}
word() { # word FILE: the random word that FILE holds, made now if there is none
  [ -s "$1" ] || head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' | put "$1"
  cat "$1"
}

database=$(word postgres-password)
echo "postgresql://waystation:$database@postgres:5432/waystation" | put database-url

broker=$(word redis-password)
echo "redis://:$broker@redis:6379/0" | put redis-url
# The broker holds doorbells only, which are rung again when they are lost: nothing is worth saving, and nothing may be evicted.
printf '%s\n' "requirepass $broker" 'save ""' 'appendonly no' 'maxmemory-policy noeviction' | put redis.conf

key=$(word s3-key)
secret=$(word s3-secret)
echo "{\"identities\": [{\"name\": \"waystation\", \"credentials\": [{\"accessKey\": \"$key\", \"secretKey\": \"$secret\"}]," \
  "\"actions\": [\"Admin\"]}]}" | put s3.json
