/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The selector check. Pure; called by the worker that owns the SA.
 */
#include "dataplane/esp_selector.h"

#include <stddef.h>

#include "dataplane/wire.h"

#define PORTS_BYTES 4

static bool ports_match(const struct sa_selector *sel, const struct esp_upper *upper)
{
	if (!sel->sport && !sel->dport)
		return true;
	/* RFC 4301 section 7: a fragment without ports needs an SA whose selectors have none. */
	if (!upper->known || !sa_selector_has_ports(upper->protocol) || upper->len < PORTS_BYTES)
		return false;
	return (!sel->sport || wire_get16(upper->header) == sel->sport) &&
	       (!sel->dport || wire_get16(upper->header + 2) == sel->dport);
}

bool esp_selector_match(const struct sa_selector *sel, uint8_t family, const uint8_t *src, const uint8_t *dst,
			const struct esp_upper *upper)
{
	uint8_t af = family == 4 ? AF_INET : AF_INET6;

	if (!ip_prefix_match(&sel->src, af, src) || !ip_prefix_match(&sel->dst, af, dst))
		return false;
	if (sel->protocol && (!upper->known || upper->protocol != sel->protocol))
		return false;
	return ports_match(sel, upper);
}
