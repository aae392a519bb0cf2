// SPDX-License-Identifier: BSD-2-Clause
/*
 * send_raw FILE: sends each packet of a capture of raw IP as it stands there, headers included, and prints
 * how many. Runs in the guest of tests/vm, one thread. The kernel routes them as its own, so its outbound
 * IPsec policies hold. All packets have the family and the source address of the first.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define PACKET_MAX 65535

struct file_header {
	uint32_t magic; /* in the byte order of the machine that wrote it, and that is this one */
	uint16_t major, minor;
	uint32_t zone, accuracy, snap, link;
};

struct record_header {
	uint32_t seconds, fraction, captured, length;
};

#define MAGIC 0xa1b2c3d4
#define LINK_RAW 101

struct addresses {
	struct sockaddr_storage src, dst;
	socklen_t len;
};

static int read_addresses(const uint8_t *packet, size_t len, struct addresses *ret_addresses)
{
	struct addresses addresses = {0};
	struct sockaddr_in *src4 = (struct sockaddr_in *)&addresses.src;
	struct sockaddr_in *dst4 = (struct sockaddr_in *)&addresses.dst;
	struct sockaddr_in6 *src6 = (struct sockaddr_in6 *)&addresses.src;
	struct sockaddr_in6 *dst6 = (struct sockaddr_in6 *)&addresses.dst;

	if (len >= 20 && packet[0] >> 4 == 4) {
		addresses.len = sizeof(*src4);
		src4->sin_family = dst4->sin_family = AF_INET;
		memcpy(&src4->sin_addr, packet + 12, sizeof(src4->sin_addr));
		memcpy(&dst4->sin_addr, packet + 16, sizeof(dst4->sin_addr));
	} else if (len >= 40 && packet[0] >> 4 == 6) {
		addresses.len = sizeof(*src6);
		src6->sin6_family = dst6->sin6_family = AF_INET6;
		memcpy(&src6->sin6_addr, packet + 8, sizeof(src6->sin6_addr));
		memcpy(&dst6->sin6_addr, packet + 24, sizeof(dst6->sin6_addr));
	} else {
		return -EINVAL;
	}
	*ret_addresses = addresses;
	return 0;
}

/* Policies are looked up by the address that the socket is bound to, not by the one in the packet. */
static int open_socket(const struct addresses *addresses)
{
	int family = addresses->src.ss_family;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW); /* implies that headers are included */

	if (fd < 0 || bind(fd, (const struct sockaddr *)&addresses->src, addresses->len)) {
		perror("send_raw: socket");
		return -errno;
	}
	return fd;
}

/* The number of packets sent, or a negative errno. */
static int send_all(FILE *file)
{
	static uint8_t packet[PACKET_MAX];
	struct record_header record;
	struct addresses addresses;
	int fd = -1;
	int sent = 0;

	while (fread(&record, sizeof(record), 1, file) == 1) {
		size_t len = record.captured;

		if (len > sizeof(packet) || fread(packet, 1, len, file) != len ||
		    read_addresses(packet, len, &addresses))
			return -EINVAL;
		if (fd < 0)
			fd = open_socket(&addresses);
		if (fd < 0)
			return fd;
		if (sendto(fd, packet, len, 0, (struct sockaddr *)&addresses.dst, addresses.len) !=
		    (ssize_t)len) {
			fprintf(stderr, "send_raw: packet %d of %zu bytes: %s\n", sent, len, strerror(errno));
			return -EIO;
		}
		sent++;
	}
	return sent;
}

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "rbe") : NULL;
	struct file_header header;
	int sent;

	if (!file || fread(&header, sizeof(header), 1, file) != 1 || header.magic != MAGIC ||
	    header.link != LINK_RAW) {
		fprintf(stderr, "send_raw: needs a capture of raw IP\n");
		return 2;
	}
	sent = send_all(file);
	printf("%d\n", sent);
	return sent < 0;
}
