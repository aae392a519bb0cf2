# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# vm.sh: a guest with a Debian kernel under QEMU, for the scripts beside it. Sourced behind e2e/lib.sh, whose
# exit trap ends the guest. QEMU translates the guest's instructions (TCG): that works on every machine, in
# other virtual machines too, and how fast a guest is says nothing.
#
# One thread translates for both virtual CPUs. Where each has a thread, QEMU before 8.1 (Debian 12 has 7.2) reads code
# before it locks the page: code that another CPU changes meanwhile may come out translated as it was, and runs so
# later. Linux changes its code while it runs, by an int3 that is there for a moment (text_poke_bp()), for example at
# each BPF_PROG_RUN of an XDP program; a guest that met such an int3 afterwards ended in "Oops: int3", at
# bpf_dispatcher_xdp_func, when two programs of tests/bpf ran at a time. It is no bug of the kernel's, nor of the
# classifier: see QEMU's commit deba78709ae8 ("accel/tcg: Always lock pages before translation"), and
# "qemu-x86_64 booting with 8.0.0 stil see int3" on linux-kernel, July and August 2023.
VM_MACHINE=(-nodefaults -no-user-config -no-reboot -display none -M q35 -accel "tcg,thread=single" -cpu max -smp 2)

# Linux checks at boot that its timer ticks, which on a busy machine may come too late ("8254 timer not connected to
# IO-APIC"), and panics if it finds none. BPF_PROG_RUN of an XDP program waits for RCU at each call; expedited, so that
# it waits less.
VM_KERNEL_WORDS=(console=ttyS0 quiet panic=-1 mitigations=off nokaslr random.trust_cpu=on no_timer_check
	rcupdate.rcu_expedited=1)

VM_PARTS=$E2E_ROOT/tests/vm
VM_TOOLS=(qemu-system-x86_64 busybox cpio gzip xz modprobe depmod dpkg-deb apt-get)

# vm_skip REASON: this machine cannot run the script; it ends with one skipped test
vm_skip() {
	skip "kernel $VM_SERIES" "$1"
	tap_end
}

# vm_prepare SERIES BUILD-DIR: sets VM_DIR, where kernels and their part of the initial file system stay. Ends
# the script as skipped where there is no QEMU or no such kernel.
vm_prepare() {
	local tool status said
	VM_SERIES=$1 VM_DIR=$2/vm
	for tool in "${VM_TOOLS[@]}"; do
		command -v "$tool" > /dev/null || vm_skip "there is no $tool; \`make deps\` installs it"
	done
	said=$(timeout 60 qemu-system-x86_64 "${VM_MACHINE[@]}" -m 1024 -S -monitor stdio <<< quit 2>&1) ||
		vm_skip "QEMU does not run here: $(tail -n 1 <<< "$said")"
	VM_KERNEL=$("$VM_PARTS/get-kernel" "$VM_SERIES" "$VM_DIR" 2> "$DIR/get-kernel")
	status=$?
	[ $status -eq 0 ] || vm_skip "$(tail -n 1 "$DIR/get-kernel")"
	VM_INITRD=$VM_KERNEL.cpio.gz
	( # scripts may run side by side
		flock 9
		if [ ! -e "$VM_INITRD" ] || [ "$VM_PARTS/init" -nt "$VM_INITRD" ] ||
			[ "$VM_PARTS/make-initrd" -nt "$VM_INITRD" ] || [ "$VM_KERNEL/vmlinuz" -nt "$VM_INITRD" ]; then
			"$VM_PARTS/make-initrd" kernel "$VM_KERNEL" "$VM_INITRD"
		fi
	) 9> "$VM_DIR/lock" || die "cannot make $VM_INITRD"
}

# vm_boot ROLE MEGABYTES PROGRAMS [QEMU-ARGUMENT...]: starts the guest in a namespace; returns when it takes
# commands. PROGRAMS is the archive of make-initrd with what is to be there.
vm_boot() {
	local role=$1 memory=$2 programs=$3 start=$SECONDS
	shift 3
	VM_PORT=$DIR/guest-port VM_CONSOLE=$DIR/guest-console
	cat "$VM_INITRD" "$programs" > "$DIR/initrd" || die "cannot make the guest's initial file system"
	spawn "$role" qemu qemu-system-x86_64 "${VM_MACHINE[@]}" -m "$memory" \
		-kernel "$VM_KERNEL/vmlinuz" -initrd "$DIR/initrd" \
		-append "${VM_KERNEL_WORDS[*]}" \
		-serial "file:$VM_CONSOLE" -device virtio-rng-pci -device virtio-serial-pci \
		-chardev "socket,id=control,path=$VM_PORT,server=on,wait=off" \
		-device virtserialport,chardev=control,name=control "$@"
	VM_PID=$SPAWNED
	wait_for 300 vm_ready || die "the guest does not start: $(tail -n 5 "$DIR/qemu" "$VM_CONSOLE")"
	! ended "$VM_PID" || die "QEMU has ended: $(tail -n 5 "$DIR/qemu" "$VM_CONSOLE")"
	echo "# Linux $(vm_run 5 uname -r) under QEMU, ready after $((SECONDS - start)) s"
}

# An end of QEMU is not waited out.
vm_ready() {
	ended "$VM_PID" || grep -q 'init: ready' "$VM_CONSOLE"
}

# vm_run SECONDS COMMAND...: in the guest's shell; status and output are those there
vm_run() {
	local seconds=$1
	shift
	"$PYTHON" "$E2E_ROOT/tests/tools/guest.py" "$VM_PORT" "$seconds" <<< "$*"
}
