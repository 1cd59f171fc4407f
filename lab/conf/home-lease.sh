#!/bin/sh
# udhcpc calls this with the lease it got.
case $1 in bound | renew) ip addr replace "$ip/24" dev "$interface" ;; esac
echo "$1 ${ip:-}" >>@D@/dhcp.log
