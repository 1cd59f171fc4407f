#!/bin/bash
# Installs the Debian packages the laboratory needs. Run as root on Debian 12 or a derivative.
# Running it again costs a fraction of a second; no service is started by it.
set -eu

packages=(
  frr frr-snmp frr-pythontools                     # routers
  snmpd snmp snmptrapd lldpd rsyslog               # what routers say to a management system
  openssh-server openssh-client                    # the operator's way in
  freeradius freeradius-rest freeradius-utils      # AAA, asking the platform over HTTP
  strongswan strongswan-swanctl libcharon-extra-plugins libcharon-extauth-plugins
  libstrongswan-standard-plugins libstrongswan-extra-plugins
  kea-dhcp4-server kea-ctrl-agent udhcpc           # address assignment
  softflowd nfdump iperf3                          # traffic and its measurement
  iproute2 iputils-ping openssl curl procps
)

refuse() { echo "install.sh: $1" >&2; exit 2; }

[ "$(id -u)" = 0 ] || refuse "the laboratory needs root (namespaces, routing daemons); run it with sudo."
command -v apt-get >/dev/null && command -v dpkg-query >/dev/null && [ -e /etc/debian_version ] ||
  refuse "this script installs Debian packages, and this is not a Debian system. Install the equivalents of: ${packages[*]}"

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null | sed -n 's/^installed //p')
missing=()
for package in "${packages[@]}"; do
  grep -qx -- "$package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} = 0 ]; then
  echo "laboratory: all ${#packages[@]} packages are installed."
  exit 0
fi
echo "laboratory: installing ${missing[*]}"

# Debian starts a daemon as soon as its package is unpacked, unless a policy forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends "${missing[@]}"
