/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where opened packets go. One sink object a worker, so nothing is shared on the packet path.
 */
#ifndef XESP_DATAPLANE_SINK_H
#define XESP_DATAPLANE_SINK_H

#include <stddef.h>

#include "dataplane/esp.h"

struct sink {
	const struct sink_ops *ops;
	int fd; /* tun: a queue of the device, non-blocking; null: -1 */
};

struct sink_ops {
	const char *name; /* as `xespd --sink` and status say it */
	/* Delivers, in order, the packets with esp_is_delivered(); where that fails, the reason becomes
	 * SINK_FULL or SINK_ERROR. May write to the ESP_HEADROOM in front of a packet. */
	void (*deliver)(struct sink *sink, struct esp_packet *packets, size_t count);
};

extern const struct sink_ops sink_tun;
extern const struct sink_ops sink_null;

#endif
