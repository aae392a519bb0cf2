/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/audit.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xesp/abi.h>

#include "base/ip_addr.h"
#include "base/log.h"
#include "base/reasons.h"

struct audit {
	const char *dev;
	struct ring_buffer *ring;
	sd_event_source *source;
};

static int on_event(void *ctx, void *data, size_t size)
{
	const struct audit *audit = ctx;
	const struct xesp_audit_event *event = data;
	struct ip_addr src = {0};
	struct ip_addr dst = {0};
	const struct reason_info *reason;
	char src_text[IP_ADDR_TEXT_MAX];
	char dst_text[IP_ADDR_TEXT_MAX];

	if (size < sizeof(*event))
		return 0;
	src.family = dst.family = event->family == 6 ? AF_INET6 : AF_INET;
	memcpy(src.bytes, event->saddr, ip_addr_size(src.family));
	memcpy(dst.bytes, event->daddr, ip_addr_size(dst.family));
	reason = reason_info(event->reason);
	log_info("%s: audit: %s: spi 0x%08x seq %u src %s port %u dst %s port %u (%s)", audit->dev,
		 reason ? reason->name : "?", ntohl(event->spi), ntohl(event->seq),
		 ip_addr_format(&src, src_text), ntohs(event->sport), ip_addr_format(&dst, dst_text),
		 ntohs(event->dport), event->form == XESP_FORM_NATIVE ? "ESP" : "ESP in UDP");
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

int audit_new(sd_event *event, int ring, const char *dev, struct audit **ret_audit)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	int err;

	if (!audit)
		return -ENOMEM;
	audit->dev = dev;
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
