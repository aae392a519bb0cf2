/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From reasons to NDIS' receive status. Pure; any thread.
 */
#include "dataplane/esp_result.h"

#include "dataplane/event.h"

/* The column CRYPTO_STATUS of <xesp/drop_reasons.h>, one more so that 0 is none. */
enum column {
	COLUMN_NONE = 0,
	COLUMN_SUCCESS = 1 + CRYPTO_SUCCESS,
	COLUMN_GENERIC_ERROR = 1 + CRYPTO_GENERIC_ERROR,
	COLUMN_INVALID_PACKET_SYNTAX = 1 + CRYPTO_INVALID_PACKET_SYNTAX,
	COLUMN_INVALID_PROTOCOL = 1 + CRYPTO_INVALID_PROTOCOL,
	COLUMN_AUTH_FAILED = 1 + CRYPTO_TRANSPORT_ESP_AUTH_FAILED,
};

static const uint8_t columns[XESP_REASON_END - XESP_ENGINE_REASON_FIRST] = {
#define RESULT_COLUMN(number, NAME, name, exit, crypto, text) \
	[(number)-XESP_ENGINE_REASON_FIRST] = COLUMN_##crypto,
	XESP_ENGINE_REASONS(RESULT_COLUMN)
#undef RESULT_COLUMN
};

struct esp_result esp_result_of(enum xesp_reason reason, enum sa_mode mode, bool icv_checked, bool nested)
{
	uint8_t column = columns[reason - XESP_ENGINE_REASON_FIRST];
	uint8_t status = column == COLUMN_NONE ? CRYPTO_SUCCESS : column - 1;
	/* Without good metadata nothing of the packet was looked at. */
	bool done = icv_checked || (column != COLUMN_NONE && reason != XESP_REASON_BAD_META);

	/* NDIS has no BEET mode. It is told as transport mode, with which it shares that one header on the
	 * wire is all there is. */
	if (column == COLUMN_AUTH_FAILED && mode == SA_MODE_TUNNEL)
		status = CRYPTO_TUNNEL_ESP_AUTH_FAILED;
	/* Of the inner layer nothing is to be said: the tunnel around it was fine. */
	if (nested && !done)
		return (struct esp_result){.crypto_done = true, .crypto_status = CRYPTO_SUCCESS};
	return (struct esp_result){
		.crypto_done = done, .next_crypto_done = done && nested, .crypto_status = status};
}
