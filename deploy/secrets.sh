#!/bin/sh -eu
# secrets.sh FOLDER: make each secret that Waystation's servers need, random, as files; what is there already is kept.
#
# Compose runs it at its first start, into a volume that only its containers see. For the demo on Kubernetes run it yourself:
#   deploy/secrets.sh deploy/kubernetes/overlays/demo/secrets
# To use a password of your own, put it there first. To change one later, change it in its server too.
folder=${1:?usage: secrets.sh FOLDER}
[ -d "$folder" ] || mkdir -m 700 "$folder"
cd "$folder"
umask 022 # in a volume three different users read them; the folder says who comes so far

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
