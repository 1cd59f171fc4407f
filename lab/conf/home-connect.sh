#!/bin/bash
# A home gateway dials in: a DHCP lease, then an authenticated IKEv2 session for everything else.
set -e
ip addr flush dev eth0
udhcpc -i eth0 -n -q -t 8 -T 1 -s @D@/lease.sh >@D@/udhcpc.log 2>&1
export STRONGSWAN_CONF=@D@/strongswan.conf SWANCTL_DIR=@D@/swanctl
rm -f /run/charon.vici /run/charon.pid
setsid /usr/lib/ipsec/charon </dev/null >/dev/null 2>&1 &
echo $! >@D@/charon.pid
for _ in $(seq 100); do [ -S /run/charon.vici ] && break; sleep 0.05; done
swanctl --load-all >@D@/swanctl.log 2>&1
exec swanctl --initiate --child internet --timeout "$1"
