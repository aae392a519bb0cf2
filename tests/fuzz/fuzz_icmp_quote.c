// SPDX-License-Identifier: BSD-2-Clause
/*
 * ICMP errors, as anybody may send them to the host, in either family; for IPv4 once as they come, once with
 * a checksum that is made good. With the sanitizers: no read outside of the error. Here: what is believed to
 * be quoted lies inside of it, and what it is worth is within bounds.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <xesp/abi.h>

#include "control/path_mtu.h"
#include "dataplane/checksum.h"
#include "dataplane/icmp_quote.h"
#include "dataplane/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check(uint8_t family, const uint8_t *message, size_t len)
{
	struct icmp_quote quote;
	uint32_t mtu = 0;

	if (icmp_quote_parse(family, message, len, &quote))
		return;
	require(quote.src.family == family && quote.dst.family == family);
	require(len >= (family == AF_INET ? 20 + 8 + 20 + 8 : 8 + 40 + 8));
	require(quote.udp || (quote.has_esp && quote.form == XESP_FORM_NATIVE));
	require(!quote.has_esp || (quote.spi && quote.udp == (quote.form != XESP_FORM_NATIVE)));
	if (path_mtu_judge(family, quote.mtu, quote.packet_bytes, &mtu) == PATH_MTU_LEARNED)
		require(mtu < quote.packet_bytes &&
			mtu >= (family == AF_INET ? PATH_MTU_MIN_IPV4 : PATH_MTU_MIN_IPV6));
}

/* As a sender would fill it in. */
static void repair(uint8_t *message, size_t len)
{
	size_t header = len ? (message[0] & 15u) * 4u : 0;
	size_t total = len >= 4 ? wire_get16(message + IPV4_TOTAL_LENGTH) : 0;

	if (total > len || total < header + 4)
		return;
	wire_put16(message + header + 2, 0);
	wire_store_checksum(message + header + 2,
			    checksum_finish(checksum_add(0, message + header, total - header)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *message = malloc(size ? size : 1);

	require(message);
	memcpy(message, data, size);
	check(AF_INET6, message, size);
	check(AF_INET, message, size);
	repair(message, size);
	check(AF_INET, message, size);
	free(message);
	return 0;
}
