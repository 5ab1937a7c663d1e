#!/bin/sh
# make run: starts the server of the build folder $1 on the default configuration, in the foreground.
# Its database, key and control socket are in run/, or in $RUN_DIR.
set -eu
build=$1
dir=${RUN_DIR:-run}
mkdir -p "$dir"
chmod 700 "$dir"
echo "culvert runs in the foreground; end it with Ctrl-C. Its files are in $dir/."
echo "Phones: any SIP phone; registrar = an address printed below, UDP or TCP, port 5060; TLS 5061."
echo "Users:  two accounts are made and shown at the first start (table subscriber afterwards)."
echo "Look:   $build/culvertctl -s $dir/culvert.sock bindings   (or: media, stats, help)"
echo "Firewall: open 5060 UDP and TCP, 5061 TCP, and 30000-39999 UDP."
exec "$build/culvert" -f "${CONFIG:-conf/culvert.cfg}" -D -E -w "$dir" ${CULVERT_FLAGS:-}
