# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# napt.sh: two hosts, each behind a NAPT of its own, and a tunnel between them: of strongSwan with ESP in user space, or
# of two xespd with static SAs. Sourced behind lib.sh and strongswan.sh; the second act of the demo.
# shellcheck disable=SC2034 # what it sets in capitals is for lib.sh
#
#   left                    napt1                            napt2                    right
#   10.91.0.1 (inner)       rewrites UDP ports               rewrites UDP ports,      10.92.0.1 (inner)
#                           to 20000-30000                   forwards 500 and 4500
#   l0 10.11.0.1 ---------- i1 10.11.0.254
#                           o1 203.0.113.1 ----------------- o2 203.0.113.2
#                                                            i2 10.12.0.254 --------- r0 10.12.0.1
#
# Who is behind a NAPT can be found only through a mapping. SAs that are static need one that is as well: napt2 forwards
# its port 4500 to the right host. The left host's mapping comes with its first packet, and is kept by keepalives; the
# right host's SA follows it. Mappings that nobody uses go after 4 seconds, so that this can be seen.

LEFT=10.11.0.1
RIGHT=10.12.0.1
NAPT1=203.0.113.1
NAPT2=203.0.113.2
LEFT_INNER=10.91.0.1
RIGHT_INNER=10.92.0.1
MAPPING_SECONDS=4

# plain_cable ROLE-A IFACE-A ADDRESS-A ROLE-B IFACE-B ADDRESS-B: with all offloads, as the kernel makes it
plain_cable() {
	ip link add name "$2" netns "$(ns_name "$1")" type veth peer name "$5" netns "$(ns_name "$4")" ||
		die "cannot make a veth pair"
	ip_in "$1" addr add "$3/24" dev "$2"
	ip_in "$4" addr add "$6/24" dev "$5"
	ip_in "$1" link set "$2" up
	ip_in "$4" link set "$5" up
}

# napt ROLE INSIDE OUTSIDE [HOST]: one that forwards the ports of IPsec to HOST
napt() {
	local forward=""
	[ $# -lt 4 ] || forward="iifname \"$3\" udp dport { 500, 4500 } dnat to $4"
	in_ns "$1" sysctl -qw net.ipv4.ip_forward=1
	in_ns "$1" nft -f - <<- END || die "this kernel has no nftables NAT"
		table ip nat {
			chain prerouting {
				type nat hook prerouting priority dstnat
				$forward
			}
			chain postrouting {
				type nat hook postrouting priority srcnat
				oifname "$3" meta l4proto udp masquerade to :20000-30000
				oifname "$3" masquerade
			}
			chain forward {
				type filter hook forward priority filter; policy drop
				iifname "$2" accept
				iifname "$3" ct state established,related accept
				iifname "$3" ct status dnat accept
			}
			counter clear { }
			chain watch {
				type filter hook prerouting priority raw
				ip saddr { $LEFT_INNER, $RIGHT_INNER } counter name clear
				ip daddr { $LEFT_INNER, $RIGHT_INNER } counter name clear
			}
		}
	END
	in_ns "$1" sysctl -qw net.netfilter.nf_conntrack_udp_timeout=$MAPPING_SECONDS \
		net.netfilter.nf_conntrack_udp_timeout_stream=$MAPPING_SECONDS
}

napt_up() {
	ns_add left napt1 napt2 right
	plain_cable left l0 $LEFT napt1 i1 10.11.0.254
	plain_cable napt1 o1 $NAPT1 napt2 o2 $NAPT2
	plain_cable right r0 $RIGHT napt2 i2 10.12.0.254
	ip_in left route add default via 10.11.0.254
	ip_in right route add default via 10.12.0.254
	ip_in left addr add $LEFT_INNER/32 dev lo
	ip_in right addr add $RIGHT_INNER/32 dev lo
	# While there is no tunnel, inner packets would take the default route, in the clear.
	ip_in left route add unreachable $RIGHT_INNER/32 metric 4000
	ip_in right route add unreachable $LEFT_INNER/32 metric 4000
	napt napt1 i1 o1
	napt napt2 i2 o2 $RIGHT
}

# napt_clear: packets with inner addresses that either NAPT saw
napt_clear() {
	local role
	for role in napt1 napt2; do
		in_ns "$role" nft -j list counters
	done | jq -s '[.[].nftables[] | .counter // empty | .packets] | add'
}

# ---- strongSwan ------------------------------------------------------------------------------------------

napt_strongswan_up() {
	charon_start left
	napt_charons=("$SPAWNED")
	charon_start right
	napt_charons+=("$SPAWNED")
	charon_configure right $RIGHT %any $RIGHT_INNER/32 $LEFT_INNER/32
	charon_configure left $LEFT $NAPT2 $LEFT_INNER/32 $RIGHT_INNER/32
	swanctl_in left --initiate --child tunnel --timeout 15 > "$DIR/initiate" 2>&1 ||
		die "IKE fails: $(tail -n 3 "$DIR/initiate")"
}

napt_strongswan_down() {
	local pid
	swanctl_in left --terminate --ike tunnel > "$DIR/terminate" 2>&1
	for pid in "${napt_charons[@]}"; do
		stop "$pid"
	done
}

# ---- xesp ------------------------------------------------------------------------------------------------

# on ROLE COMMAND...: xesp of one of the hosts
on() {
	XESPD_ROLE=$1 SOCKET=$DIR/control-$1
	shift
	xesp "$@"
}

# napt_host ROLE DEV CPU: a worker stays on the first CPU that xespd may use; that of the other host is another, as it
# would be on a machine of its own.
napt_host() {
	local all
	all=$(taskset -pc $$ | sed 's/.*: //')
	taskset -pc "$3" $$ > "$DIR/taskset" 2>&1
	xespd_start "$1" --routes --keepalive 1
	taskset -pc "$all" $$ > "$DIR/taskset" 2>&1
	on "$1" attach "$2" > "$DIR/attach" || die "attach fails: $(cat "$DIR/attach")"
}

# A key for each direction, AES-128 and 4 bytes of salt, that nobody else sees.
napt_keys() {
	local name
	for name in there back; do
		(umask 077 && od -An -N 20 -tx1 /dev/urandom | tr -d ' \n' > "$DIR/$name.key")
	done
}

# napt_sa ROLE KEY SPI WORD...
napt_sa() {
	local role=$1 key=$2 spi=$3
	shift 3
	on "$role" sa add spi "$spi" mode tunnel aead 'rfc4106(gcm(aes))' "file:$DIR/$key.key" 128 \
		encap espinudp 4500 4500 0.0.0.0 reqid 1 "$@" || die "sa add fails"
}

napt_xesp_up() {
	local there=(sel src "$LEFT_INNER/32" dst "$RIGHT_INNER/32") back=(sel src "$RIGHT_INNER/32" dst "$LEFT_INNER/32")
	napt_host left l0 0
	napt_host right r0 "$(($(nproc) - 1))"
	napt_keys
	napt_sa right there 0x1001 src $NAPT1 dst $RIGHT replay-window 1024 "${there[@]}"
	napt_sa right back 0x1002 dir out src $RIGHT dst $NAPT1 extra-flag follow "${back[@]}"
	napt_sa left back 0x1002 src $NAPT2 dst $LEFT replay-window 1024 "${back[@]}"
	napt_sa left there 0x1001 dir out src $LEFT dst $NAPT2 "${there[@]}"
}

# Where the right host sends to.
napt_peer() {
	on right sa show --json | jq -r '.sas[] | select(.sa.dir == "out") | "\(.peer) \(.peer_port)"'
}

# napt_packets KEY: of both hosts' SAs: packets opened and sealed, or dropped
napt_packets() {
	local role
	for role in left right; do
		on "$role" sa show --json
	done | jq -s --arg key "$1" '[.[].sas[][$key]] | add'
}
