#!/bin/bash
# The home gateway hangs up: it tells the access gateway, then its daemon ends.
export STRONGSWAN_CONF=@D@/strongswan.conf SWANCTL_DIR=@D@/swanctl
[ -e @D@/charon.pid ] || exit 0
pid=$(cat @D@/charon.pid)
swanctl --terminate --ike home --timeout 2 >@D@/terminate.log 2>&1
kill "$pid" 2>/dev/null
for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
kill -9 "$pid" 2>/dev/null
rm -f @D@/charon.pid
