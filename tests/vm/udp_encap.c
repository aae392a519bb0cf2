// SPDX-License-Identifier: BSD-2-Clause
/*
 * udp_encap PORT: has the kernel open ESP in UDP (RFC 3948) that comes to a port, of either family: Linux
 * wants a socket for that, which elsewhere an IKE daemon holds. Returns when the port is open; a child keeps
 * it open. Runs in the guest of tests/vm, one thread.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/udp.h>

static int open_socket(const void *address, socklen_t len, int family)
{
	const int one = 1, kind = UDP_ENCAP_ESPINUDP;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one))) ||
	    bind(fd, address, len) || setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &kind, sizeof(kind))) {
		perror("udp_encap");
		return -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	uint16_t port = htons(argc == 2 ? (uint16_t)strtoul(argv[1], NULL, 10) : 0);
	struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = port};
	struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = port};

	if (!port || open_socket(&ipv4, sizeof(ipv4), AF_INET) < 0 ||
	    open_socket(&ipv6, sizeof(ipv6), AF_INET6) < 0 || daemon(0, 0))
		return 1;
	pause();
	return 0;
}
