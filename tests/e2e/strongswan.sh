# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# strongswan.sh: IKEv2 daemons with ESP in user space (plugin kernel-libipsec: a kernel may lack ESP), one a
# namespace, without touching the system's own strongSwan. Sourced behind lib.sh. Needs DIR mode 0700: the
# logs show keys (chd = 4), which is how a test learns them.

CHARON=/usr/sbin/charon-systemd
CHARON_PLUGINS="aes sha1 sha2 random nonce openssl kdf hmac gcm curve25519 kernel-libipsec kernel-netlink
	socket-default vici"

# charon_start ROLE: returns when the daemon listens
charon_start() {
	local role=$1 home=$DIR/$1
	mkdir -p "$home"
	cat > "$home/strongswan.conf" <<- END
		charon-systemd {
			load = $(tr -s '\n\t ' ' ' <<< "$CHARON_PLUGINS")
			keep_alive = 1s
			install_virtual_ip = no
			retransmit_tries = 2
			plugins { vici { socket = unix://$home/vici } }
			journal { default = -1 }
			filelog {
				log {
					path = $home/charon.log
					default = 1
					chd = 4
					flush_line = yes
				}
			}
		}
	END
	spawn "$role" "$role/stdout" env "STRONGSWAN_CONF=$home/strongswan.conf" "$CHARON"
	wait_for 10 test -S "$home/vici" ||
		die "charon does not start: $(tail -n 3 "$home/charon.log" "$home/stdout")"
}

# swanctl_in ROLE ARGUMENT...
swanctl_in() {
	local role=$1
	shift
	in_ns "$role" swanctl "$@" --uri "unix://$DIR/$role/vici"
}

# charon_configure ROLE LOCAL REMOTE LOCAL-TS REMOTE-TS [SUITE]: one connection and child, both named `tunnel`.
# IKE starts on port 500; that a NAT is there moves it to 4500, and the ESP into UDP (RFC 7296 section 2.23).
charon_configure() {
	cat > "$DIR/$1/swanctl.conf" <<- END
		connections {
			tunnel {
				version = 2
				local_addrs = $2
				remote_addrs = $3
				proposals = aes128gcm16-prfsha256-x25519
				mobike = no
				local {
					auth = psk
					id = $1@xesp.test
				}
				remote {
					auth = psk
				}
				children {
					tunnel {
						local_ts = $4
						remote_ts = $5
						esp_proposals = ${6:-aes128gcm16}
						rekey_time = 0
						replay_window = 128
					}
				}
			}
		}
		secrets {
			ike {
				secret = "only for this test"
			}
		}
	END
	swanctl_in "$1" --load-all --file "$DIR/$1/swanctl.conf" > "$DIR/$1/load.log" 2>&1 ||
		die "swanctl does not take the configuration: $(tail -n 3 "$DIR/$1/load.log")"
}

# charon_packets_in ROLE: packets that strongSwan itself opened
charon_packets_in() {
	swanctl_in "$1" --list-sas --raw | grep -o 'packets-in=[0-9]*' |
		awk -F = '{ sum += $2 } END { print sum + 0 }'
}

# charon_packets ROLE: packets that strongSwan itself opened and sealed
charon_packets() {
	swanctl_in "$1" --list-sas --raw | grep -o -E 'packets-(in|out)=[0-9]*' |
		awk -F = '{ sum += $2 } END { print sum + 0 }'
}

# charon_peer ROLE: address and port of the other end, as this one sees them
charon_peer() {
	swanctl_in "$1" --list-sas --raw |
		sed -n -E 's/.* remote-host=([^ ]+) remote-port=([0-9]+) .*/\1 \2/p'
}

# charon_ike_spis ROLE: names the IKE SA; another pair after a rekey
charon_ike_spis() {
	swanctl_in "$1" --list-sas --raw | grep -o -E '(initiator|responder)-spi=[0-9a-f]+' | sort |
		tr '\n' ' '
}
