# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# guest_link.sh: a link between a guest and namespace `host`, with the outer addresses at both ends; what is inside
# is for the scripts beside it. Sourced behind vm.sh.
#
#   eth0 192.0.2.1, 2001:db8::1 --- QEMU --- tap0 192.0.2.2, 2001:db8::2
# shellcheck disable=SC2034 # what it sets in capitals is for the scripts

GUEST_MAC=52:54:00:00:00:01 HOST_MAC=52:54:00:00:00:02
GUEST_IP=/usr/sbin/ip # busybox' shell takes its own where no path is given, and that knows nothing of IPsec

# More arguments of vm_boot.
GUEST_LINK=(-netdev "tap,id=link,ifname=tap0,script=no,downscript=no,vhost=off"
	-device "virtio-net-pci,netdev=link,mac=$GUEST_MAC")

# Neighbours are fixed at both ends: they would have to be found through the SAs otherwise.
host_up() {
	ns_add host
	ip_in host tuntap add tap0 mode tap || die "cannot make a TAP device"
	ip_in host link set tap0 address $HOST_MAC addrgenmode none
	ip_in host link set tap0 up
	ip_in host addr add 192.0.2.2/24 dev tap0
	ip_in host addr add 2001:db8::2/64 dev tap0 nodad
	ip_in host addr add 10.82.0.1/32 dev lo
	ip_in host addr add fd82::1/128 dev lo nodad
	ip_in host neigh add 192.0.2.1 lladdr $GUEST_MAC dev tap0 nud permanent
	ip_in host neigh add 2001:db8::1 lladdr $GUEST_MAC dev tap0 nud permanent
}

guest_up() {
	vm_run 20 "$GUEST_IP -batch - <<- END
		link set eth0 addrgenmode none
		link set eth0 up
		addr add 192.0.2.1/24 dev eth0
		addr add 2001:db8::1/64 dev eth0 nodad
		neigh add 192.0.2.2 lladdr $HOST_MAC dev eth0 nud permanent
		neigh add 2001:db8::2 lladdr $HOST_MAC dev eth0 nud permanent
		END" || die "the guest has no addresses"
}
