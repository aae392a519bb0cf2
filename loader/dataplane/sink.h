/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where opened packets go. One sink object a worker, so nothing is shared on the packet path.
 */
#ifndef XESP_DATAPLANE_SINK_H
#define XESP_DATAPLANE_SINK_H

#include <stdatomic.h>
#include <stddef.h>

#include "dataplane/esp.h"
#include "dataplane/merge.h"

struct inside;

struct sink {
	const struct sink_ops *ops;
	int fd;		       /* tun: a queue of the device, non-blocking; null: -1 */
	struct inside *inside; /* dev: who is behind the inside interface; NULL: nobody is known */
	uint32_t worker;       /* its number: which socket of a port it sends through */
	/* Written by the worker, read by status. */
	_Atomic bool udp_refused;	 /* the kernel takes no merged datagrams */
	_Atomic uint64_t merged_packets; /* that were written together with others, */
	_Atomic uint64_t merged_writes;	 /* and in how many writes */
	/* Of the burst that is being delivered. */
	struct merge merge;
};

/* What status says of a sink. */
struct sink_state {
	const char *merges; /* none, tcp, or tcp_udp */
	uint64_t merged_packets;
	uint64_t merged_writes;
};

struct sink_ops {
	const char *name; /* as `xespd --sink` and status say it */
	/* Delivers, in order, the packets with esp_is_delivered(); where that fails, the reason becomes
	 * SINK_FULL or SINK_ERROR. May write to the ESP_HEADROOM in front of a packet. */
	void (*deliver)(struct sink *sink, struct esp_packet *packets, size_t count);
	const struct sink_ops *rest; /* gets what this one leaves; NULL: it leaves nothing */
};

/* Packets of a flow that follow each other go to the kernel in one piece (merge.h). */
extern const struct sink_ops sink_tun;
/* Each by itself. */
extern const struct sink_ops sink_tun_single;
extern const struct sink_ops sink_null;
/* Out of the inside interface if they are for hosts behind it (sink_dev.c), which makes them FORWARDED; the
 * others as sink_tun or sink_tun_single. */
extern const struct sink_ops sink_dev;
extern const struct sink_ops sink_dev_single;

/* Any thread. */
void sink_read_state(const struct sink *sink, struct sink_state *ret_state);

#endif
