/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader's ICMP sockets, on the loopback interface of a network namespace of the test's own: errors about
 * packets that were too long come in, nothing else does, whatever is done with the socket.
 */
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/checksum.h"
#include "dataplane/icmp_quote.h"
#include "dataplane/wire.h"
#include "host/icmp_open.h"

/* ICMP header, quoted IPv6 header, UDP, ESP. */
#define ERROR_BYTES (8 + 40 + 8 + 8)
#define SPI 0x1234

static bool have_namespace;

static int set_up(void **state)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	(void)state;
	have_namespace = unshare(CLONE_NEWNET) == 0;
	if (!have_namespace)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
	return 0;
}

static void need_namespace(void)
{
	if (have_namespace)
		return;
	print_message("skipped: no network namespace can be made\n");
	skip();
}

static int open_family(int family)
{
	int fd = icmp_open(family);

	if (fd == -EAFNOSUPPORT) {
		print_message("skipped: no IPv6 here\n");
		skip();
	}
	assert_true(fd >= 0);
	return fd;
}

/* An error that quotes a packet of `protocol`. */
static void make_error(int family, uint8_t type, uint8_t code, uint8_t protocol, uint8_t *bytes)
{
	size_t header = family == AF_INET ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
	uint8_t *quoted = bytes + 8, *inner = quoted + header;

	memset(bytes, 0, ERROR_BYTES);
	bytes[0] = type;
	bytes[1] = code;
	wire_put16(bytes + 6, 1300);
	quoted[0] = family == AF_INET ? 0x45 : 0x60;
	quoted[family == AF_INET ? IPV4_PROTOCOL : IPV6_NEXT_HEADER] = protocol;
	wire_put16(quoted + (family == AF_INET ? IPV4_TOTAL_LENGTH : IPV6_PAYLOAD_LENGTH), 1400);
	wire_put16(inner, 4500);
	wire_put16(inner + 2, 4500);
	wire_put32(inner + 8, SPI);
	if (family == AF_INET) /* that of ICMPv6 the kernel fills in */
		wire_store_checksum(bytes + 2, checksum_finish(checksum_add(0, bytes, ERROR_BYTES)));
}

static void send_error(int family, uint8_t type, uint8_t code, uint8_t protocol)
{
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	uint8_t bytes[ERROR_BYTES];

	assert_true(fd >= 0);
	make_error(family, type, code, protocol, bytes);
	if (family == AF_INET)
		assert_int_equal(sendto(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&to4, sizeof(to4)),
				 sizeof(bytes));
	else
		assert_int_equal(sendto(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&to6, sizeof(to6)),
				 sizeof(bytes));
	close(fd);
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1;
}

/* On the loopback interface what is sent has arrived when the call returns. */
static void expect_only_too_big(int family, uint8_t type, uint8_t code)
{
	int fd = open_family(family);
	struct icmp_quote quote;
	uint8_t bytes[256];
	ssize_t len;

	for (unsigned int protocol = 0; protocol < 256; protocol++) {
		bool wanted =
			protocol == IPPROTO_UDP || protocol == IPPROTO_ESP ||
			(family == AF_INET6 && (protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_DSTOPTS ||
						protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT));

		send_error(family, type, code, (uint8_t)protocol);
		assert_int_equal(is_readable(fd), wanted);
		if (wanted)
			assert_true(read(fd, bytes, sizeof(bytes)) > 0);
	}
	for (unsigned int other = 0; other < 256; other++) {
		if (other != type)
			send_error(family, (uint8_t)other, code, IPPROTO_UDP);
		if (other != code && family == AF_INET)
			send_error(family, type, (uint8_t)other, IPPROTO_UDP);
		assert_false(is_readable(fd));
	}
	/* It comes as the parser expects it. */
	send_error(family, type, code, IPPROTO_UDP);
	len = read(fd, bytes, sizeof(bytes));
	assert_true(len > 0);
	assert_int_equal(icmp_quote_parse((uint8_t)family, bytes, (size_t)len, &quote), 0);
	assert_int_equal(quote.mtu, 1300);
	assert_int_equal(quote.spi, SPI);
	close(fd);
}

static void test_ipv4(void **state)
{
	(void)state;
	need_namespace();
	expect_only_too_big(AF_INET, 3, 4);
}

static void test_ipv6(void **state)
{
	(void)state;
	need_namespace();
	expect_only_too_big(AF_INET6, 2, 0);
}

/* What a bad engine would try. */
static void test_filter_stays(void **state)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	const struct sock_fprog program = {.len = 1, .filter = &all};
	const int off = 0;
	int fd;

	(void)state;
	need_namespace();
	fd = open_family(AF_INET);
	assert_int_not_equal(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof(off)), 0);
	assert_int_not_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	assert_int_not_equal(setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &off, sizeof(off)), 0);
	close(fd);
}

static void test_all(void **state)
{
	struct failure failure;
	int fds[IPC_ICMP_FDS];
	size_t count = 0;

	(void)state;
	need_namespace();
	assert_int_equal(icmp_open_all(fds, &count, &failure), 0);
	assert_true(count >= 1 && count <= IPC_ICMP_FDS);
	send_error(AF_INET, 3, 4, IPPROTO_UDP);
	assert_true(is_readable(fds[0]));
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_filter_stays),
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests_name("icmp_open", tests, set_up, NULL);
}
