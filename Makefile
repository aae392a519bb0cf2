# SPDX-License-Identifier: BSD-2-Clause
# xesp: `make help` lists the targets. Everything generated lies under $(O).

O      ?= build
V      ?= 0
PREFIX ?= /usr/local
DESTDIR ?=
CC     ?= cc
CLANG  ?= clang
BPFTOOL ?= $(or $(shell command -v bpftool 2>/dev/null),/usr/sbin/bpftool)
SAN    ?=
VERSION := 0.1.0

# What a fresh Debian 12 needs beside make itself. `deps` installs it without starting services.
DEPS_BUILD := gcc libc6-dev clang llvm bpftool libbpf-dev libxdp-dev libnl-3-dev libnl-route-3-dev \
	libipsec-mb-dev libssl-dev libjansson-dev libsystemd-dev libcap-ng-dev libpcap-dev uthash-dev
DEPS_TEST := libcmocka-dev iproute2 nftables ethtool procps iputils-ping iperf3 tcpdump jq python3 \
	python3-scapy python3-cryptography groff-base charon-systemd strongswan-swanctl libcharon-extra-plugins \
	libstrongswan-standard-plugins libstrongswan-extra-plugins libclang-rt-14-dev tshark wireguard-go wireguard-tools
DEPS_VM := qemu-system-x86 busybox-static cpio kmod xz-utils
# Only to measure librte_ipsec beside xesp: 200 packages, 100 MB.
DEPS_BENCH := libdpdk-dev pkg-config
DEPS_LINT := clang-format clang-tidy cppcheck shellcheck universal-ctags git

ifeq ($(V),1)
Q :=
say =
else
Q := @
say = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(CURDIR)/%,%,$(2))'
endif

WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wpointer-arith -Wwrite-strings -Werror
OPT  ?= -O2 -g
HARDEN := -fstack-protector-strong -fPIE
SAN_1 := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# gcc warns of fences, which its ThreadSanitizer does not know. What is shared is ordered by more than fences.
SAN_thread := -fsanitize=thread -fno-omit-frame-pointer $(if $(findstring clang,$(CC)),,-Wno-tsan)
SAN_FLAGS := $(if $(SAN),$(SAN_$(SAN)),-D_FORTIFY_SOURCE=2)
ALL_CFLAGS = -std=gnu11 $(OPT) $(WARN) $(HARDEN) $(SAN_FLAGS) -DXESP_VERSION='"$(VERSION)"' -D_GNU_SOURCE \
	-Iinclude -Iloader -I. -I$(O) -isystem /usr/include/libnl3 -pthread -MMD -MP $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread $(SAN_FLAGS) $(LDFLAGS)
LIBS := -lxdp -lbpf -lnl-route-3 -lnl-3 -lIPSec_MB -lcrypto -ljansson -lsystemd -lcap-ng
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion \
	-Werror -Iinclude -I. -isystem /usr/include/$(shell uname -m)-linux-gnu -MMD -MP

LIB_SRC  := $(wildcard loader/base/*.c loader/control/*.c loader/dataplane/*.c loader/host/*.c) bpf/native.c bpf/inner.c
CLI_SRC  := $(wildcard loader/cli/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
BPFT_SRC := $(wildcard tests/bpf/test_*.c)
TLIB_SRC := $(wildcard tests/lib/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
VM_SRC   := $(wildcard tests/vm/*.c)

obj = $(patsubst %.c,$(O)/%.o,$(1))
LIB_OBJ  := $(call obj,$(LIB_SRC))
CLI_OBJ  := $(call obj,$(CLI_SRC))
TLIB_OBJ := $(call obj,$(TLIB_SRC))
UNIT_BIN := $(patsubst %.c,$(O)/%,$(UNIT_SRC))
BPFT_BIN := $(patsubst %.c,$(O)/%,$(BPFT_SRC))
FUZZ_BIN := $(patsubst %.c,$(O)/%,$(FUZZ_SRC))
VM_BIN   := $(patsubst %.c,$(O)/%,$(VM_SRC))
GENERATED := $(O)/bpf/xesp.skel.h $(O)/org.xesp.varlink.inc

.DELETE_ON_ERROR:
.SUFFIXES:
# Nothing is temporary: what only pattern rules name (skeleton, objects of tests) would be built anew each time.
.SECONDARY:
.PHONY: all deps deps-bench check check-unit check-bpf check-e2e check-vm check-all lint demo bench bench-quick record-counts \
	install uninstall clean help test-programs fuzz-programs fuzz generated

all: $(O)/xespd $(O)/xesp $(O)/docs/xesp-reasons.7

help:
	@printf '%s\n' \
	'make            build $(O)/xespd and $(O)/xesp' \
	'make deps       install the Debian packages that building and testing need (root)' \
	'make deps-bench   those that only measuring DPDK beside xesp needs (root)' \
	'make demo       xesp opens what strongSwan sends through a NAT; two xespd are a tunnel between two NAPTs (root)' \
	'make check      all tests (root; network namespaces); ends with "N passed, N failed, N skipped"' \
	'make check-unit | check-bpf | check-e2e      parts of it' \
	'make check-vm   with the kernels 6.1 and 6.12 in QEMU: the classifier there, their ESP opened here (root)' \
	'make check-all  check and check-vm, counted together' \
	'make bench      speed of every part, beside strongSwan, wireguard-go and bare loops; 30 minutes (root)' \
	'make bench-quick   the same in 3 minutes, with wider spread (root)' \
	'make record-counts what a burst costs, as tests/data/counts has it, anew' \
	'make lint       clang-format, clang-tidy, cppcheck, shellcheck, rules of this project' \
	'make fuzz       fuzz targets, a short run of each (clang)' \
	'make install    to DESTDIR=$(DESTDIR) PREFIX=$(PREFIX); make uninstall' \
	'make clean      remove $(O)' \
	'Variables: V=1 shows commands; O=DIR builds elsewhere; CC, CFLAGS, LDFLAGS; SAN=1 or SAN=thread sanitizers'

# ---- packages ------------------------------------------------------------------------------------------

# A daemon's postinst must not start it: policy-rc.d with exit 101 is Debian's way to say so.
deps:
	$(Q)tests/tools/install-deps $(DEPS_BUILD) $(DEPS_TEST) $(DEPS_VM) $(DEPS_LINT)

deps-bench: | $(filter deps,$(MAKECMDGOALS))
	$(Q)tests/tools/install-deps $(DEPS_BENCH)

# `make deps check` installs before it builds, also with -j.
AFTER_DEPS := $(filter deps deps-bench,$(MAKECMDGOALS))

# ---- programs ------------------------------------------------------------------------------------------

$(O)/xespd: $(O)/loader/xespd.o $(O)/libxesp.a
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

$(O)/xesp: $(CLI_OBJ) $(O)/libxesp.a
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(LIBS) -lpcap

$(O)/libxesp.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/%.o: %.c | $(GENERATED) $(AFTER_DEPS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(O)/bpf/%.bpf.o: bpf/%.bpf.c | $(AFTER_DEPS)
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(O)/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# What clang-tidy needs to read the sources.
generated: $(GENERATED)

# The manual page of the reasons, from the list that the programs are made from.
$(O)/docs/reasons: $(O)/docs/reasons.o
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS)

$(O)/docs/xesp-reasons.7: $(O)/docs/reasons
	$(call say,GEN,$@)
	$(Q)$< > $@

# The interface description as a C string, for GetInterfaceDescription.
$(O)/org.xesp.varlink.inc: include/xesp/org.xesp.varlink
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $< > $@

# ---- tests ---------------------------------------------------------------------------------------------

$(O)/tests/unit/test_%: $(O)/tests/unit/test_%.o $(TLIB_OBJ) $(O)/libxesp.a
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lcmocka $(LIBS) -lpcap

$(O)/tests/bpf/test_%: $(O)/tests/bpf/test_%.o $(TLIB_OBJ) $(O)/libxesp.a
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lcmocka $(LIBS)

# For the guests of tests/vm, which have no library of ours.
$(O)/tests/vm/%: $(O)/tests/vm/%.o
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS)

$(O)/tests/bench/%: $(O)/tests/bench/%.o $(TLIB_OBJ) $(O)/libxesp.a
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lcmocka $(LIBS)

# The peer is DPDK's, whose headers neither our warnings nor our flags suit. Without DPDK the program says so.
DPDK := $(or $(filter deps-bench,$(MAKECMDGOALS)),$(shell pkg-config --exists libdpdk 2>/dev/null && echo installed))
DPDK_LIBS := -lrte_ipsec -lrte_security -lrte_cryptodev -lrte_bus_vdev -lrte_mbuf -lrte_mempool -lrte_ring -lrte_eal
$(O)/tests/bench/rte_peer.o: ALL_CFLAGS += -DALLOW_EXPERIMENTAL_API $(subst -I/,-isystem /,$(shell pkg-config --cflags libdpdk))
$(O)/tests/bench/bench_rte_ipsec: LIBS += $(if $(DPDK),$(DPDK_LIBS))
$(O)/tests/bench/bench_rte_ipsec: $(if $(DPDK),$(O)/tests/bench/rte_peer.o,$(O)/tests/bench/rte_peer_none.o)

# Only tests/fuzz/run builds these: CC=clang, and -fsanitize=fuzzer-no-link for all objects.
$(O)/tests/fuzz/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $(TLIB_OBJ) $(O)/libxesp.a
	$(call say,LINK,$@)
	$(Q)$(CC) -fsanitize=fuzzer -o $@ $^ $(ALL_LDFLAGS) -lcmocka $(LIBS)

test-programs: $(UNIT_BIN) $(BPFT_BIN) $(VM_BIN)
fuzz-programs: $(FUZZ_BIN)

check:
	$(Q)tests/run O=$(O) unit bpf e2e
check-unit:
	$(Q)tests/run O=$(O) unit
check-bpf:
	$(Q)tests/run O=$(O) bpf
check-e2e:
	$(Q)tests/run O=$(O) e2e
check-vm:
	$(Q)tests/run O=$(O) vm
check-all:
	$(Q)tests/run O=$(O) unit bpf e2e vm
ifneq ($(AFTER_DEPS),)
check check-unit check-bpf check-e2e check-vm check-all demo bench bench-quick lint: | $(AFTER_DEPS)
endif

demo: all
	$(Q)tests/e2e/demo $(O)

BENCH_BIN := $(patsubst %.c,$(O)/%,$(wildcard tests/bench/bench_*.c))
bench: all $(BENCH_BIN)
	$(Q)tests/bench/run O=$(O)
bench-quick: all $(BENCH_BIN)
	$(Q)tests/bench/run O=$(O) --quick

# What tests/data/counts holds the tests to, as it is now.
COUNTING := $(O)/tests/unit/test_counts_receive $(O)/tests/unit/test_counts_send $(O)/tests/bpf/test_counts
record-counts: $(COUNTING)
	$(Q)for program in $^; do XESP_RECORD=1 $$program || exit 1; done

lint:
	$(Q)tests/tools/lint $(O)

fuzz:
	$(Q)tests/fuzz/run $(O)

# ---- installation --------------------------------------------------------------------------------------

# What is installed: DESTINATION:MODE:SOURCE, with DESTINATION below PREFIX. `uninstall` reads the same list.
UNIT := $(O)/packaging/xespd.service
INSTALLED := sbin/xespd:755:$(O)/xespd \
	bin/xesp:755:$(O)/xesp \
	share/xesp/org.xesp.varlink:644:include/xesp/org.xesp.varlink \
	share/man/man8/xespd.8:644:docs/xespd.8 \
	share/man/man8/xesp.8:644:docs/xesp.8 \
	share/man/man7/xesp-reasons.7:644:$(O)/docs/xesp-reasons.7 \
	share/bash-completion/completions/xesp:644:packaging/xesp.bash-completion \
	lib/systemd/system/xespd.service:644:$(UNIT) \
	lib/sysusers.d/xesp.conf:644:packaging/xesp.sysusers
field = $(word $(2),$(subst :, ,$(1)))

# PREFIX may be another one than last time.
$(UNIT): packaging/xespd.service.in FORCE
	$(Q)mkdir -p $(@D)
	$(Q)sed 's|@PREFIX@|$(PREFIX)|' $< > $@
FORCE:

install: all $(UNIT)
	$(Q)set -e; $(foreach i,$(INSTALLED),install -D -m $(call field,$i,2) $(call field,$i,3) \
		'$(DESTDIR)$(PREFIX)/$(call field,$i,1)';)

# A folder that only xesp uses goes as well.
uninstall:
	$(Q)rm -f $(foreach i,$(INSTALLED),'$(DESTDIR)$(PREFIX)/$(call field,$i,1)')
	$(Q)[ ! -d '$(DESTDIR)$(PREFIX)/share/xesp' ] || \
		rmdir --ignore-fail-on-non-empty '$(DESTDIR)$(PREFIX)/share/xesp'

clean:
	rm -rf $(O)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
