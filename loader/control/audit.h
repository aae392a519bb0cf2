/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classifier's audit events (RFC 4303 section 3.4.2: a packet for which there is no SA): read from
 * the ring buffer, handed to the monitor. Their rate is bounded by the classifier.
 */
#ifndef XESP_CONTROL_AUDIT_H
#define XESP_CONTROL_AUDIT_H

#include <systemd/sd-event.h>

struct audit;
struct monitor;

/* `ring` is the map of struct xesp_audit_event and stays the caller's; `dev` must outlive the object.
 * `monitor` may be NULL. */
int audit_new(sd_event *event, int ring, const char *dev, struct monitor *monitor, struct audit **ret_audit);
void audit_free(struct audit *audit); /* NULL-safe */

#endif
