/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What became of a packet, as NDIS reports it with each received packet: the flags CryptoDone and
 * NextCryptoDone, and CryptoStatus. Pure.
 */
#ifndef XESP_DATAPLANE_ESP_RESULT_H
#define XESP_DATAPLANE_ESP_RESULT_H

#include <stdbool.h>
#include <stdint.h>
#include <xesp/drop_reasons.h>

#include "control/sa_params.h"

/* The status says something only about a packet with crypto_done. */
struct esp_result {
	uint8_t crypto_done;	  /* ESP was processed to a status */
	uint8_t next_crypto_done; /* so were both, tunnel and transport inside of it; implies crypto_done */
	uint8_t crypto_status;	  /* enum crypto_status */
};

/* Of an engine's reason. `mode` is that of the SA whose layer the reason is about, `icv_checked` says whether
 * that layer came so far, `nested` whether a tunnel was opened around it. */
struct esp_result esp_result_of(enum xesp_reason reason, enum sa_mode mode, bool icv_checked, bool nested);

#endif
