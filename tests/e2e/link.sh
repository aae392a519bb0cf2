# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# link.sh: the smallest set-up: a peer that is a packet generator, and a gateway with xespd, one cable.
# Sourced behind lib.sh.
# shellcheck disable=SC2034 # constants for the scripts
#
#   peer                                     gateway
#   10.81.0.1, fd81::1 (inner)               10.82.0.1, fd82::1 (inner), UDP socket on port 7777
#   p0 192.0.2.1, 2001:db8::1 -------------- g0 192.0.2.2, 2001:db8::2; xespd with xesp0

PEER_MAC=02:00:00:00:00:01
GATEWAY_MAC=02:00:00:00:00:02
PEER4=192.0.2.1 GATEWAY4=192.0.2.2
PEER6=2001:db8::1 GATEWAY6=2001:db8::2
KEY=0x000102030405060708090a0b0c0d0e0f10111213 # of every SA here, as in probe.py; no secret

# What comes out of the TUN device is looked at packet by packet.
XESPD_OPTIONS=(--no-merge)

# link_up QUEUES
link_up() {
	ns_add peer gateway
	ip_in peer addr add 10.81.0.1/32 dev lo
	ip_in peer addr add fd81::1/128 dev lo nodad
	ip_in gateway addr add 10.82.0.1/32 dev lo
	ip_in gateway addr add fd82::1/128 dev lo nodad
	link_cable "$1"
}

# link_cable QUEUES: neighbours are fixed and addresses are not generated, so that the cable is silent
link_cable() {
	veth_add peer p0 gateway g0 "$1"
	local end role iface mac own4 own6 other4 other6 other_mac
	for end in "peer p0 $PEER_MAC $PEER4 $PEER6 $GATEWAY4 $GATEWAY6 $GATEWAY_MAC" \
		"gateway g0 $GATEWAY_MAC $GATEWAY4 $GATEWAY6 $PEER4 $PEER6 $PEER_MAC"; do
		read -r role iface mac own4 own6 other4 other6 other_mac <<< "$end"
		ip_in "$role" link set "$iface" down
		ip_in "$role" link set "$iface" address "$mac" addrgenmode none
		ip_in "$role" link set "$iface" up
		ip_in "$role" addr add "$own4/24" dev "$iface"
		ip_in "$role" addr add "$own6/64" dev "$iface" nodad
		ip_in "$role" neigh replace "$other4" lladdr "$other_mac" dev "$iface" nud permanent
		ip_in "$role" neigh replace "$other6" lladdr "$other_mac" dev "$iface" nud permanent
	done
	# A way back to the inner networks, as a host has one; rp_filter asks for it.
	ip_in gateway route add 10.80.0.0/14 via $PEER4
	ip_in gateway -6 route add fd81::/64 via $PEER6
}

# watch_start, watch_stop: the places where packets can come out; xespd must run. What probe.py looks at.
watch_start() {
	watch_pids=()
	spawn gateway sink.log "$PYTHON" "$E2E_ROOT/tests/tools/udp_sink.py" 7777 "$DIR/sink"
	watch_pids+=("$SPAWNED")
	capture_start gateway g0 kernel.pcap -Q in \
		"ether src $PEER_MAC and (udp or ip proto 50 or ip6 proto 50 or ip6 proto 60 or vlan)"
	watch_pids+=("$SPAWNED")
	capture_start gateway xesp0 tun.pcap -Q in
	watch_pids+=("$SPAWNED")
	wait_for 5 grep -q listening "$DIR/sink.log" || die "no UDP socket: $(cat "$DIR/sink.log")"
}

watch_stop() {
	local pid
	for pid in "${watch_pids[@]}"; do
		stop "$pid"
	done
}

# probe ARGUMENT...: probe.py with what is the same for all
probe() {
	in_ns peer "$PYTHON" "$E2E_ROOT/tests/tools/probe.py" --iface p0 \
		--src-mac $PEER_MAC --dst-mac $GATEWAY_MAC \
		--tun "$DIR/tun.pcap" --kernel "$DIR/kernel.pcap" --sink "$DIR/sink" "$@"
}

# mark, delta REASON: how much a counter has grown since the mark
mark() {
	counters_snapshot g0 mark
}

delta() {
	local before
	before=$(awk -v name="$1" '$1 == name { print $NF }' "$DIR/mark")
	echo $(($(counter g0 "$1") - ${before:-0}))
}
