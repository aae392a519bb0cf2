/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that does nothing holds the other namespace.
 */
#include "tests/lib/inside_host.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/port_open.h"

static _Noreturn void stay(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!unshare(CLONE_NEWNET) && write(ready, "", 1) == 1)
		pause();
	_exit(1);
}

static int start_process(struct inside_host *host)
{
	int ends[2];
	ssize_t ready;
	char byte;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	host->pid = fork();
	if (!host->pid)
		stay(ends[1]);
	close(ends[1]);
	ready = host->pid > 0 ? read(ends[0], &byte, 1) : -1;
	close(ends[0]);
	return ready == 1 ? 0 : -EPERM;
}

static int make_link(const struct inside_host *host)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "ip link add " INSIDE_HOST_DEV " type veth peer name in1 address " INSIDE_HOST_MAC
		 " netns %d && ip link set " INSIDE_HOST_DEV " up && nsenter -t %d -n ip link set in1 up",
		 host->pid, host->pid);
	return system(command) ? -EIO : 0; /* NOLINT(cert-env33-c): constants and a number */
}

static int make_port(struct inside_host *host)
{
	uint32_t ifindex = if_nametoindex(INSIDE_HOST_DEV);
	struct failure failure;
	int socket;
	int err = port_new(ifindex, &host->port);

	if (!err)
		err = port_open(ifindex, &socket, &failure);
	if (!err)
		port_add(host->port, 0, socket);
	return err;
}

int inside_host_open(const uint8_t *dst, struct inside_host *host)
{
	struct nexthop_way way = {.state = NEXTHOP_USABLE, .mtu = 1500};
	struct ip_addr addr = {.family = AF_INET};
	int err;

	memset(host, 0, sizeof(*host));
	err = start_process(host);
	if (!err)
		err = make_link(host);
	if (!err)
		err = make_port(host);
	if (!err)
		err = inside_new(1, &host->inside);
	if (err) {
		inside_host_close(host);
		return err;
	}
	way.port = host->port;
	memcpy(way.link, "\2\0\0\0\0\2\2\0\0\0\0\1\10\0", NEXTHOP_LINK_BYTES);
	nexthop_write(&host->hop, &way);
	memcpy(addr.bytes, dst, 4);
	inside_add(host->inside, &addr, &host->hop);
	return 0;
}

void inside_host_close(struct inside_host *host)
{
	if (host->pid > 0) {
		kill(host->pid, SIGKILL);
		waitpid(host->pid, NULL, 0);
	}
	inside_free(host->inside);
	port_free(host->port);
	memset(host, 0, sizeof(*host));
}
