/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

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

int tun_create(const char *name, int *ret_fd, struct failure *ret_failure)
{
	CLEANUP_FD int fd = -1;
	int err = open_queue(name, IFF_TUN_EXCL, &fd, ret_failure);

	if (err)
		return err;
	/* Inner sources are routed elsewhere (the IKE daemon's device, the outer interface): strict reverse
	 * path filtering would drop what xesp opened. The selectors of the SA do that check instead. */
	set_sysctl("ipv4", name, "rp_filter", "2");
	/* No link-local address: the device must not send router solicitations into nowhere. */
	set_sysctl("ipv6", name, "addr_gen_mode", "1");
	err = set_up(name, ret_failure);
	if (err)
		return err;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int tun_open_queue(const char *name, int *ret_fd, struct failure *ret_failure)
{
	return open_queue(name, 0, ret_fd, ret_failure);
}
