# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# lib.sh: what every end-to-end script shares: namespaces, processes, waiting, counters, TAP, cleanup.
# Source it, then call e2e_start. Everything that a script makes carries its name and pid, so that scripts
# run beside each other and twice in a row; the exit trap ends the script's own processes (by pid), deletes
# its own namespaces and its directory, whatever happened before.
# shellcheck disable=SC2034 # what it sets in capitals is for the scripts
set -u

E2E_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PYTHON=/usr/bin/python3 # Debian's: it has python3-cryptography and scapy, another one in PATH may not

# ---- TAP -----------------------------------------------------------------------------------------------

tap_count=0
tap_failed=0

# tap_result STATUS TEXT [DIAGNOSTICS]: one test point
tap_result() {
	tap_count=$((tap_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_count - $2"
		return 0
	fi
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $2"
	[ -n "${3:-}" ] && printf '#   %s\n' "${3//$'\n'/$'\n'#   }"
	return 1
}

# check TEXT COMMAND...: passes if the command succeeds; shows what it printed if not
check() {
	local text=$1 output status
	shift
	output=$("$@" 2>&1)
	status=$?
	tap_result $status "$text" "$output"
}

# check_fails TEXT COMMAND...: passes if the command ends with a status from 1 to 125, so neither success
# nor a crash nor a command that could not be run
check_fails() {
	local text=$1 output status
	shift
	output=$("$@" 2>&1)
	status=$?
	[ $status -ge 1 ] && [ $status -le 125 ]
	tap_result $? "$text" "status $status: $output"
}

# check_equal TEXT WANTED GOT
check_equal() {
	[ "$2" = "$3" ]
	tap_result $? "$1" "wanted: $2"$'\n'"got:    $3"
}

# check_match TEXT REGEX GOT
check_match() {
	grep -q -E -e "$2" <<< "$3"
	tap_result $? "$1" "wanted a match of: $2"$'\n'"got: $3"
}

# skip TEXT REASON: only for what a machine may lack without the test losing its point
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# Prints the plan and ends the script.
tap_end() {
	echo "1..$tap_count"
	[ $tap_failed -eq 0 ]
	exit
}

# ---- start and end ---------------------------------------------------------------------------------------

e2e_pids=()
e2e_namespaces=()
e2e_dir=

# die TEXT: what the script cannot go on without is missing; counts as a failure
die() {
	[[ ${0##*/} == test-* ]] && echo "not ok $((tap_count + 1)) - ${0##*/}: $1"
	echo "${0##*/}: $1" >&2
	exit 1
}

e2e_cleanup() {
	local status=$? pid ns
	trap - EXIT INT TERM HUP
	if [ $status -ne 0 ] || [ $tap_failed -ne 0 ]; then
		# What a person needs to find the cause; the daemon's log holds no keys.
		for log in "$e2e_dir"/xespd*.log; do
			[ -s "$log" ] && { echo "--- ${log##*/}" && tail -n 30 "$log"; } >&2
		done
	fi
	for pid in ${e2e_pids[@]+"${e2e_pids[@]}"}; do
		stop "$pid" 2> /dev/null
	done
	for ns in ${e2e_namespaces[@]+"${e2e_namespaces[@]}"}; do
		ip netns del "$ns" 2> /dev/null
	done
	[ -n "$e2e_dir" ] && rm -rf "$e2e_dir"
	exit $status
}

# e2e_start BUILD-DIR TOOL...: checks what is needed; sets DIR (scratch), XESP, XESPD
e2e_start() {
	local build=${1:-build} tool
	shift
	[ "$(id -u)" -eq 0 ] || die "needs root: it makes network namespaces and attaches XDP programs"
	for tool in ip ethtool jq tcpdump "$PYTHON" "$@"; do
		command -v "$tool" > /dev/null || die "needs '$tool'; \`make deps\` installs it"
	done
	case $build in /*) ;; *) build=$E2E_ROOT/$build ;; esac
	XESP=$build/xesp
	XESPD=$build/xespd
	{ [ -x "$XESP" ] && [ -x "$XESPD" ]; } || die "no xesp and xespd in $build; run \`make\` first"
	e2e_name=xesp-${0##*/}-$$
	e2e_dir=$(mktemp -d "/tmp/$e2e_name-XXXXXX") || die "cannot make a directory under /tmp"
	trap e2e_cleanup EXIT
	trap 'exit 130' INT TERM HUP
	DIR=$e2e_dir
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf || die "cannot mount /sys/fs/bpf"
}

# ---- namespaces and processes ------------------------------------------------------------------------------

# ns_add ROLE...: the namespace's real name has the script's name and pid in front
ns_add() {
	local role
	for role in "$@"; do
		ip netns add "$e2e_name-$role" || die "cannot make a network namespace"
		e2e_namespaces+=("$e2e_name-$role")
		ip -n "$e2e_name-$role" link set lo up
	done
}

ns_name() {
	echo "$e2e_name-$1"
}

# in_ns ROLE COMMAND...
in_ns() {
	local role=$1
	shift
	ip netns exec "$e2e_name-$role" "$@"
}

# ip_in ROLE ARGUMENT...: ip(8) inside the namespace
ip_in() {
	local role=$1
	shift
	ip -n "$e2e_name-$role" "$@"
}

# veth_add ROLE-A IFACE-A ROLE-B IFACE-B [NUMBER-OF-QUEUES]: a cable between two namespaces
# Checksums and segments are made in software, so that captures at both ends show the same bytes.
veth_add() {
	local queues=${5:-1}
	ip link add name "$2" netns "$e2e_name-$1" numtxqueues "$queues" numrxqueues "$queues" type veth \
		peer name "$4" netns "$e2e_name-$3" numtxqueues "$queues" numrxqueues "$queues" ||
		die "cannot make a veth pair"
	in_ns "$1" ethtool -K "$2" tx off gro off > /dev/null
	in_ns "$3" ethtool -K "$4" tx off gro off > /dev/null
	ip_in "$1" link set "$2" up
	ip_in "$3" link set "$4" up
}

# spawn ROLE LOG COMMAND...: runs in the background, output to DIR/LOG; its pid is in SPAWNED
spawn() {
	local role=$1 log=$DIR/$2
	shift 2
	ip netns exec "$e2e_name-$role" "$@" > "$log" 2>&1 < /dev/null &
	SPAWNED=$!
	e2e_pids+=("$SPAWNED")
}

# ended PID: nothing of the process is left, but perhaps a zombie that waits for its parent
ended() {
	local state threads
	read -r state threads <<< "$(ps -o stat=,nlwp= -p "$1")"
	case $state in
	'') return 0 ;;
	Z*) [ "$threads" -le 1 ] ;;
	*) return 1 ;;
	esac
}

# stop PID [SIGNAL]: ends a process that spawn started; its status is in STOPPED (137: had to be killed)
stop() {
	local pid=$1 i
	kill -s "${2:-TERM}" "$pid" 2> /dev/null
	for ((i = 0; i < 100; i++)); do
		ended "$pid" && break
		sleep 0.05
	done
	kill -KILL "$pid" 2> /dev/null
	wait "$pid" 2> /dev/null
	STOPPED=$?
}

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
	local limit=$((SECONDS + $1 + 1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ $SECONDS -lt $limit ] || return 1
		sleep 0.05
	done
}

# ---- captures ----------------------------------------------------------------------------------------------

# capture_start ROLE IFACE FILE [TCPDUMP-ARGUMENT...]: returns when the capture runs; pid in SPAWNED
# The ring's slots are as long as the longest packet to keep, CAPTURE_BYTES: where they are short there are many.
capture_start() {
	local role=$1 iface=$2 file=$DIR/$3
	shift 3
	spawn "$role" "${file##*/}.log" tcpdump -i "$iface" -w "$file" -U -Z root --immediate-mode -n \
		-B 16384 -s "${CAPTURE_BYTES:-2048}" "$@"
	wait_for 5 grep -q 'listening on' "$file.log" || die "tcpdump does not start: $(cat "$file.log")"
	sleep 0.2 # it says so before it has installed its filter, and throws away what comes until then
}

# capture_stop PID FILE: fails if the capture lost packets
capture_stop() {
	stop "$1" INT
	grep -q '^0 packets dropped by kernel' "$DIR/$2.log"
}

# ---- xespd -------------------------------------------------------------------------------------------------

# More arguments of every xespd_start; for who sources this.
XESPD_OPTIONS=()

# How they send; for who sources this. A capture at the sender sees nothing of what leaves through AF_XDP.
XESPD_SEND=${XESPD_SEND:-packet}

# xespd_start ROLE [ARGUMENT...]: waits until it serves; XESPD_PID, SOCKET and XESPD_LOG are set
xespd_start() {
	local role=$1
	shift
	XESPD_ROLE=$role
	SOCKET=$DIR/control-$role
	XESPD_LOG=$DIR/xespd-$role.log
	spawn "$role" "xespd-$role.log" "$XESPD" --socket "$SOCKET" --tun xesp0 --send "$XESPD_SEND" \
		${XESPD_OPTIONS[@]+"${XESPD_OPTIONS[@]}"} "$@"
	XESPD_PID=$SPAWNED
	wait_for 10 xesp status || die "xespd does not start: $(tail -n 5 "$XESPD_LOG")"
}

# Inside the daemon's namespace, where the addresses are that `sa load` looks for.
xesp() {
	in_ns "$XESPD_ROLE" "$XESP" --socket "$SOCKET" "$@"
}

# Of one interface; for jq, which knows $dev.
# shellcheck disable=SC2016 # $dev is of jq
COUNTERS='[.interfaces[] | select(.dev == $dev) | .counters[]] |'

# counter IFACE REASON: packets counted under a reason; 0 if it is not listed
counter() {
	xesp stats --json | jq --arg dev "$1" --arg name "$2" \
		"$COUNTERS"' [.[] | select(.name == $name) | .packets] | add // 0'
}

# counters_snapshot IFACE FILE: all counters, "name exit packets" a line
counters_snapshot() {
	xesp stats --json | jq -r --arg dev "$1" \
		"$COUNTERS"' .[] | "\(.name) \(.number) \(.exit) \(.packets)"' \
		> "$DIR/$2"
}

# exit_sum IFACE EXIT: packets that took an exit ("passed", "dropped", ...), all reasons together
exit_sum() {
	xesp stats --json | jq --arg dev "$1" --arg exit "$2" \
		"$COUNTERS"' [.[] | select(.exit == $exit) | .packets] | add // 0'
}
