/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A generator of packets inside the kernel: BPF_PROG_TEST_RUN with live frames (Linux 5.18), which a small
 * XDP program fills in turn with up to 64 templates and sends out of an interface. Needs root.
 */
#ifndef XESP_TESTS_LIVE_FRAMES_H
#define XESP_TESTS_LIVE_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#define LIVE_TEMPLATES 64 /* a power of two */
#define LIVE_TEMPLATE_BYTES 1528

struct live_template {
	uint32_t len;  /* of an Ethernet frame, at least 14 */
	uint32_t turn; /* of the first template: the next one's number; the program's */
	uint8_t bytes[LIVE_TEMPLATE_BYTES];
};

struct live_frames {
	int map;
	int prog;
	int link; /* see live_frames_open() */
	uint32_t longest;
};

/* Exactly LIVE_TEMPLATES, to be sent out of the interface, in the network namespace of the caller, whose
 * loopback device has no XDP program. -errno. */
int live_frames_open(struct live_frames *live, uint32_t ifindex, const struct live_template *templates);
/* Sends so many, as fast as it can, on the CPU that the caller runs on. -errno. */
int live_frames_send(const struct live_frames *live, uint32_t count);
void live_frames_close(struct live_frames *live);

#endif
