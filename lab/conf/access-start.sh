#!/bin/bash
# Starts the IKEv2 access gateway; used at boot and again after a crash.
set -e
export STRONGSWAN_CONF=@D@/strongswan.conf SWANCTL_DIR=@D@/swanctl
rm -f /run/charon.vici /run/charon.pid @D@/live/*
setsid /usr/lib/ipsec/charon </dev/null >/dev/null 2>&1 &
echo $! >@D@/charon.pid
for _ in $(seq 100); do [ -S /run/charon.vici ] && break; sleep 0.05; done
swanctl --load-all >@D@/swanctl.log 2>&1
