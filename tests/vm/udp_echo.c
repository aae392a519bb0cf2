// SPDX-License-Identifier: BSD-2-Clause
/*
 * udp_echo PORT: answers each datagram that comes to a port, of either family, with itself. Returns when the
 * port is open; a child answers, for ever. Runs in the guest of tests/vm, one thread.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MAX 65535

/* One socket for both families (RFC 3493 section 3.7). */
static int open_socket(uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const int none = 0;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof(none)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror("udp_echo");
		return -1;
	}
	return fd;
}

static void answer(int fd)
{
	static uint8_t datagram[DATAGRAM_MAX];
	struct sockaddr_in6 client;
	socklen_t client_len = sizeof(client);
	ssize_t len = recvfrom(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&client, &client_len);

	/* What cannot be sent is lost, and who asked finds that out. */
	if (len >= 0)
		(void)!sendto(fd, datagram, (size_t)len, 0, (struct sockaddr *)&client, client_len);
}

int main(int argc, char **argv)
{
	unsigned long port = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	int fd = port && port <= UINT16_MAX ? open_socket((uint16_t)port) : -1;

	if (fd < 0 || daemon(0, 0))
		return 1;
	for (;;)
		answer(fd);
}
