# sourced by the access router's start: DHCPv4 and its REST control agent
mkdir -p /run/kea /run/lock/kea
export KEA_LOCKFILE_DIR=/run/kea KEA_PIDFILE_DIR=/run/kea
setsid kea-dhcp4 -c @D@/kea-dhcp4.json </dev/null >@D@/kea-dhcp4.out 2>&1 &
setsid kea-ctrl-agent -c @D@/kea-ctrl-agent.json </dev/null >@D@/kea-ctrl-agent.out 2>&1 &
