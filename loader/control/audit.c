/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/audit.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xesp/abi.h>

#include "control/monitor.h"

struct audit {
	const char *dev;
	struct monitor *monitor;
	struct ring_buffer *ring;
	sd_event_source *source;
};

/* The classifier's clock starts at boot. */
static uint64_t realtime_of(uint64_t monotonic_ns)
{
	struct timespec real;
	struct timespec monotonic;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	return monotonic_ns + (uint64_t)(real.tv_sec - monotonic.tv_sec) * 1000000000u +
	       (uint64_t)(real.tv_nsec - monotonic.tv_nsec);
}

static int on_event(void *ctx, void *data, size_t size)
{
	const struct audit *audit = ctx;
	const struct xesp_audit_event *record = data;
	struct event event = {.type = EVENT_AUDIT, .sa_index = UINT32_MAX};

	if (size < sizeof(*record))
		return 0;
	event.time_ns = realtime_of(record->time_ns);
	event.reason = (uint8_t)record->reason;
	event.family = record->family;
	event.form = record->form;
	event.spi = ntohl(record->spi);
	event.seq = ntohl(record->seq);
	event.sport = ntohs(record->sport);
	event.dport = ntohs(record->dport);
	memcpy(event.src, record->saddr, sizeof(event.src));
	memcpy(event.dst, record->daddr, sizeof(event.dst));
	monitor_publish(audit->monitor, audit->dev, &event, NULL);
	return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct audit *audit = ctx;

	(void)source;
	(void)fd;
	(void)events;
	ring_buffer__consume(audit->ring);
	return 0;
}

int audit_new(sd_event *event, int ring, const char *dev, struct monitor *monitor, struct audit **ret_audit)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	int err;

	if (!audit)
		return -ENOMEM;
	audit->dev = dev;
	audit->monitor = monitor;
	audit->ring = ring_buffer__new(ring, on_event, audit, NULL);
	if (!audit->ring) {
		err = -errno;
		audit_free(audit);
		return err;
	}
	err = sd_event_add_io(event, &audit->source, ring_buffer__epoll_fd(audit->ring), EPOLLIN, on_readable,
			      audit);
	if (err < 0) {
		audit_free(audit);
		return err;
	}
	*ret_audit = audit;
	return 0;
}

void audit_free(struct audit *audit)
{
	if (!audit)
		return;
	sd_event_source_disable_unref(audit->source);
	ring_buffer__free(audit->ring);
	free(audit);
}
