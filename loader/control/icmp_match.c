/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/icmp_match.h"

#include <xesp/abi.h>

#include "dataplane/esp_out.h"

/* Behind a NAT too: it gives what it quotes the addresses and ports back (RFC 5508 section 4.2). */
static bool is_from(const struct sa_out *sa, const struct icmp_quote *quote)
{
	struct sa_out_ends ends;

	if (quote->udp != (sa->form != XESP_FORM_NATIVE))
		return false;
	sa_out_get_ends(sa, &ends);
	if (!ip_addr_equal(&ends.dst, &quote->dst))
		return false;
	if (ends.src.family != AF_UNSPEC && !ip_addr_equal(&ends.src, &quote->src))
		return false;
	if (quote->udp && (ends.sport != quote->sport || ends.dport != quote->dport))
		return false;
	return !quote->has_esp || (quote->spi == sa->spi && quote->form == sa->form);
}

/* In transport and BEET mode the identification is the host's packet's: nothing in a short quote is ours to
 * know. */
static bool was_sent(const struct sa_out *sa, const struct icmp_quote *quote)
{
	uint64_t last = atomic_load_explicit(&sa->last_seq, memory_order_relaxed);
	uint32_t ago = (uint32_t)last - quote->seq, most = ICMP_MATCH_RECENT;

	if (!quote->has_esp) {
		if (quote->dst.family != AF_INET || sa->mode != SA_MODE_TUNNEL)
			return false;
		ago = (uint16_t)(esp_out_id(sa, (uint32_t)last) - quote->id);
		most = ICMP_MATCH_RECENT_ID;
	}
	return ago < most && ago < last;
}

static const struct sa_out *by_name(const struct outbound *outbound, const struct icmp_quote *quote)
{
	const struct sa_out *sa = quote->has_esp ? outbound_find(outbound, quote->spi, &quote->dst) : NULL;

	return sa && is_from(sa, quote) ? sa : NULL;
}

/* Of several with the same addresses and ports, which a short quote does not tell apart, the one that it can
 * be from. */
static enum path_mtu_result scan(const struct outbound *outbound, const struct icmp_quote *quote,
				 const struct sa_out **ret_sa)
{
	enum path_mtu_result result = PATH_MTU_NO_SA;
	const struct sa_out *sa;

	for (uint32_t i = 0; (sa = outbound_next(outbound, &i));) {
		if (!is_from(sa, quote))
			continue;
		if (was_sent(sa, quote)) {
			*ret_sa = sa;
			return PATH_MTU_LEARNED;
		}
		result = PATH_MTU_NOT_SENT;
	}
	return result;
}

enum path_mtu_result icmp_match(const struct outbound *outbound, const struct icmp_quote *quote,
				bool may_scan, const struct sa_out **ret_sa)
{
	const struct sa_out *sa = by_name(outbound, quote);

	if (!sa)
		return may_scan ? scan(outbound, quote, ret_sa) : PATH_MTU_BUSY;
	if (!was_sent(sa, quote))
		return PATH_MTU_NOT_SENT;
	*ret_sa = sa;
	return PATH_MTU_LEARNED;
}
