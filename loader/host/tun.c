/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20 /* Linux 6.2 */
#define TUN_F_USO6 0x40
#endif

static int open_queue(const char *name, int more_flags, int *ret_fd, struct failure *ret_failure)
{
	struct ifreq ifr = {
		.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE | more_flags)};
	CLEANUP_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return failure_set(ret_failure, errno, "open /dev/net/tun",
				   "load the tun module or create the device node",
				   "TUN devices cannot be made");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr))
		return failure_set(ret_failure, errno, "create TUN device",
				   errno == EBUSY || errno == EINVAL
					   ? "choose another name with --tun, or end the program that owns it"
					   : "run as root in a network namespace that you own",
				   "TUN device %s cannot be had", name);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* A missing sysctl (IPv6 off, read-only /proc) costs a feature, not the device. */
static void set_sysctl(const char *family, const char *name, const char *key, const char *value)
{
	char path[128];
	CLEANUP_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, name, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		log_warning("%s cannot be set to %s: %s", path, value, strerror(errno));
}

static bool filters_everywhere(void)
{
	CLEANUP_FILE FILE *file = fopen("/proc/sys/net/ipv4/conf/all/rp_filter", "re");
	int digit = file ? fgetc(file) : EOF;

	return digit != EOF && digit != '0';
}

/* Inner sources are routed elsewhere (to the IKE daemon's device, to the outer interface), so reverse path
 * filtering would drop what xesp opened; the selectors of the SA check sources instead. The filter in force
 * is the stricter of the device's and of `all`, and where that is loose the kernel still drops everything on
 * a device without an address. Then the device gets 192.0.0.8, the dummy address of RFC 7600 section 4.8. */
static void allow_any_source(const char *name)
{
	struct ifreq ifr = {0};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000008)};
	struct sockaddr_in mask = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xffffffff)};
	CLEANUP_FD int fd = -1;

	if (!filters_everywhere()) {
		set_sysctl("ipv4", name, "rp_filter", "0");
		return;
	}
	set_sysctl("ipv4", name, "rp_filter", "2");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	memcpy(&ifr.ifr_addr, &address, sizeof(address));
	if (fd < 0 || ioctl(fd, SIOCSIFADDR, &ifr)) {
		log_warning(
			"%s gets no address, and net.ipv4.conf.all.rp_filter is set: the kernel will drop "
			"opened IPv4 packets; set it to 0",
			name);
		return;
	}
	memcpy(&ifr.ifr_netmask, &mask, sizeof(mask));
	ioctl(fd, SIOCSIFNETMASK, &ifr);
}

static int set_up(const char *name, struct failure *ret_failure)
{
	struct ifreq ifr = {0};
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr))
		return failure_set(ret_failure, errno, "set TUN device up", "", "%s has no flags", name);
	ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP);
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		return failure_set(ret_failure, errno, "set TUN device up", "run as root", "%s stays down",
				   name);
	return 0;
}

/* The descriptor keeps the device, but what the host sends must go to queues that somebody reads. */
static int detach_queue(int fd, const char *name, struct failure *ret_failure)
{
	struct ifreq ifr = {.ifr_flags = IFF_DETACH_QUEUE};

	if (ioctl(fd, TUNSETQUEUE, &ifr))
		return failure_set(ret_failure, errno, "create TUN device", "", "queue 0 of %s", name);
	return 0;
}

int tun_set_mtu(const char *name, uint32_t mtu, struct failure *ret_failure)
{
	struct ifreq ifr = {.ifr_mtu = (int)mtu};
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCSIFMTU, &ifr))
		return failure_set(ret_failure, errno, "set MTU", "", "%u for %s", mtu, name);
	return 0;
}

/* What the host sends may come in pieces of up to 64 KB of one flow, without checksums. Kernels that cannot
 * have UDP in pieces refuse all together. */
static bool offer_offloads(int fd)
{
	const unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	if (!ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6))
		return true;
	if (ioctl(fd, TUNSETOFFLOAD, tcp))
		log_warning("the TUN device takes no segments: %s; sending costs more", strerror(errno));
	return false;
}

int tun_create(const char *name, bool *ret_udp_segments, int *ret_fd, struct failure *ret_failure)
{
	bool udp_segments;
	CLEANUP_FD int fd = -1;
	int err = open_queue(name, IFF_TUN_EXCL, &fd, ret_failure);

	if (err)
		return err;
	udp_segments = offer_offloads(fd);
	allow_any_source(name);
	/* No link-local address: the device must not send router solicitations into nowhere. */
	set_sysctl("ipv6", name, "addr_gen_mode", "1");
	err = set_up(name, ret_failure);
	if (!err)
		err = detach_queue(fd, name, ret_failure);
	if (err)
		return err;
	*ret_udp_segments = udp_segments;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int tun_open_queue(const char *name, int *ret_fd, struct failure *ret_failure)
{
	return open_queue(name, 0, ret_fd, ret_failure);
}
