#!/bin/bash
# Runs in a router's own network, mount and host-name namespaces; leaves its daemons behind.
set -ex
# FRR's daemons are AgentX clients of snmpd and read its settings as user frr: from below /run, since the home is root's alone.
export VTYSH_HISTFILE=/dev/null MIBS= SNMPCONFPATH=/run/snmp SNMP_PERSISTENT_DIR=@D@/snmp-state
hostname @NODE@
mount -t tmpfs tmpfs /run
# FRR writes crash reports below /var/tmp: it gets one of its own. The home may lie there, so it comes back in.
mkdir -p /run/home
mount --bind @HOME@ /run/home
mount -t tmpfs tmpfs /var/tmp
mkdir -p @HOME@
mount --bind /run/home @HOME@
mkdir -p /run/frr /run/netns /run/softflowd/chroot /run/agentx /run/lldpd /run/sshd /run/snmp
chown frr:frr /run/frr
chmod 755 /run/agentx
ln -s @D@ /run/node
mount --bind @D@/frr /etc/frr
echo 'agentXSocket unix:/run/agentx/master' >/run/snmp/frr.conf
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0

snmpd -C -c @D@/snmpd.conf -Lf @D@/snmpd.log -p /run/snmpd.pid -u root -g root
# -n: a VRF is a network namespace (this kernel has no VRF device)
/usr/lib/frr/zebra -d -n -M snmp
/usr/lib/frr/staticd -d
/usr/lib/frr/ospfd -d -M snmp
/usr/lib/frr/bgpd -d -M snmp
vtysh -b >/dev/null
lldpd -x -X /run/agentx/master -I 'to-*,cust*,acc*,ext*' -S @NODE@
/usr/sbin/sshd -f @D@/sshd_config
rsyslogd -f @D@/rsyslog.conf -i /run/rsyslogd.pid
@EXTRA@
# The anchor keeps the namespaces and tells "exec" where the node is.
setsid sleep infinity </dev/null >/dev/null 2>&1 &
echo $! >@D@/anchor.pid
