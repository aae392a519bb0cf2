/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Audit records of a worker (RFC 4303 section 3.4, RFC 4301 section 5.2). Anyone can send packets that are
 * audited, so a worker tells of a bounded number a second, and with the next one how many it kept to itself.
 * By the worker's thread.
 */
#include <xesp/limits.h>

#include "dataplane/esp_event.h"
#include "dataplane/worker_private.h"

void worker_audit(struct worker *worker, const struct esp_packet *packet, uint64_t now)
{
	struct audit_limit *limit = &worker->audit;
	struct event event;

	if (!esp_event_is_audited(packet->reason))
		return;
	if (limit->second != now) {
		limit->second = now;
		limit->told = 0;
	}
	if (limit->told == XESP_AUDIT_PER_WORKER) {
		limit->suppressed++;
		return;
	}
	esp_event_fill(packet, EVENT_AUDIT, &event);
	event.reason = (uint8_t)packet->reason;
	event.lost = limit->suppressed;
	limit->suppressed = 0;
	limit->told++;
	worker_tell(worker, &event);
}
