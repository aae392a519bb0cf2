/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second layer of packets of a capture, as a worker of xespd opens it.
 */
#ifndef XESP_CLI_EXPLAIN_NESTED_H
#define XESP_CLI_EXPLAIN_NESTED_H

#include "cli/explain_packet.h"
#include "control/sadb.h"
#include "dataplane/esp.h"

/* True for reasons of the classifier with which it has found ESP: SPI and sequence number stand where they
 * should. */
bool explain_reason_means_esp(enum xesp_reason reason);

/* Looks into `count` <= XESP_BURST_MAX packets that esp_open_burst() has seen, opens those that have a second
 * layer, and says in `packets` what became of it. */
void explain_nested_open(const struct sadb *db, struct crypto_ctx *crypto, const struct esp_packet *esp,
			 struct explain_packet *const *packets, size_t count, uint64_t now);

#endif
