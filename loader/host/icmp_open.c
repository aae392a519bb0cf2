/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/icmp_open.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define ICMP_HEADER_BYTES 8
#define IPV4_PROTOCOL 9 /* offsets in the quoted packet */
#define IPV6_NEXT_HEADER 6
/* What waits for the engine: some dozens of errors. Those of a path come again as long as its cause lasts. */
#define RECEIVE_BUFFER_BYTES (64 * 1024)

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (offset))
#define LOAD_BEHIND_X(offset) BPF_STMT(BPF_LD | BPF_B | BPF_IND, (offset))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))

/* From the IP header of the error on; a load behind its end lets nothing in. */
static const struct sock_filter filter4[] = {
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* X: bytes of the IP header */
	LOAD_BEHIND_X(0),
	IF_EQUAL(ICMP_DEST_UNREACH, 0, 5),
	LOAD_BEHIND_X(1),
	IF_EQUAL(ICMP_FRAG_NEEDED, 0, 3),
	LOAD_BEHIND_X(ICMP_HEADER_BYTES + IPV4_PROTOCOL),
	IF_EQUAL(IPPROTO_UDP, 2, 0),
	IF_EQUAL(IPPROTO_ESP, 1, 0),
	RETURN(0),
	RETURN(UINT32_MAX),
};

/* From the ICMPv6 header on. */
static const struct sock_filter filter6[] = {
	LOAD(0),
	IF_EQUAL(ICMP6_PACKET_TOO_BIG, 0, 7),
	LOAD(ICMP_HEADER_BYTES + IPV6_NEXT_HEADER),
	IF_EQUAL(IPPROTO_UDP, 6, 0),
	IF_EQUAL(IPPROTO_ESP, 5, 0),
	IF_EQUAL(IPPROTO_HOPOPTS, 4, 0),
	IF_EQUAL(IPPROTO_DSTOPTS, 3, 0),
	IF_EQUAL(IPPROTO_ROUTING, 2, 0),
	IF_EQUAL(IPPROTO_FRAGMENT, 1, 0),
	RETURN(0),
	RETURN(UINT32_MAX),
};

/* Types first, which the kernel compares before it copies. */
static int let_in_types(int socket, int family)
{
	struct icmp_filter types4 = {.data = ~(1u << ICMP_DEST_UNREACH)};
	struct icmp6_filter types6;

	if (family == AF_INET)
		return setsockopt(socket, SOL_RAW, ICMP_FILTER, &types4, sizeof(types4)) ? -errno : 0;
	ICMP6_FILTER_SETBLOCKALL(&types6);
	ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &types6);
	return setsockopt(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &types6, sizeof(types6)) ? -errno : 0;
}

static int set_up(int socket, int family)
{
	const struct sock_fprog program4 = {.len = ARRAY_SIZE(filter4),
					    .filter = (struct sock_filter *)filter4};
	const struct sock_fprog program6 = {.len = ARRAY_SIZE(filter6),
					    .filter = (struct sock_filter *)filter6};
	const int on = 1, bytes = RECEIVE_BUFFER_BYTES;
	int err = let_in_types(socket, family);

	if (err)
		return err;
	if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, family == AF_INET ? &program4 : &program6,
		       sizeof(program4)) ||
	    setsockopt(socket, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) ||
	    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)))
		return -errno;
	return 0;
}

/* What came before the filter was there, the engine's parser throws away. */
int icmp_open(int family)
{
	CLEANUP_FD int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
				   family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	int err = fd < 0 ? -errno : set_up(fd, family);

	return err ? err : TAKE_FD(fd);
}

int icmp_open_all(int *ret_fds, size_t *ret_count, struct failure *ret_failure)
{
	static const int families[IPC_ICMP_FDS] = {AF_INET, AF_INET6};
	int fds[IPC_ICMP_FDS] = {-1, -1};
	size_t count = 0;

	for (size_t i = 0; i < IPC_ICMP_FDS; i++) {
		int fd = icmp_open(families[i]);

		if (fd >= 0) {
			fds[count++] = fd;
		} else if (fd != -EAFNOSUPPORT) {
			while (count > 0)
				close(fds[--count]);
			return failure_set(ret_failure, -fd, "open ICMP sockets", "run as root",
					   "no raw socket");
		}
	}
	memcpy(ret_fds, fds, count * sizeof(*fds));
	*ret_count = count;
	return 0;
}
