/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classifier, the SA store and the data plane as one object that judges packets of a capture: the
 * same code as in xespd, without interface and sockets.
 */
#ifndef XESP_CLI_EXPLAIN_ENGINE_H
#define XESP_CLI_EXPLAIN_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/commands.h"
#include "cli/explain_packet.h"

struct explain_engine;

struct explain_engine_config {
	const char *classifier; /* "auto", "kernel", "native" */
	const char *crypto;	/* as crypto_provider_by_name() */
	bool restart_replay;	/* windows start empty; of replay-seq only the high half counts */
	bool legacy;		/* SAs may have legacy algorithms */
};

/* On failure prints why and returns -errno. */
int explain_engine_new(const struct cli *cli, const struct explain_engine_config *config,
		       struct explain_engine **ret_engine);
/* NULL-safe. Wipes all keys. */
void explain_engine_free(struct explain_engine *engine);

/* Adds the SAs of a file ("-": standard input), all taken as inbound. On failure prints file, line, field,
 * value and rule, and returns -errno. */
int explain_engine_load(const struct cli *cli, struct explain_engine *engine, const char *path);

/* Judges `count` <= XESP_BURST_MAX packets in order and fills their last part. Prints why and returns
 * -errno if classifier or crypto provider do not work. */
int explain_engine_run(const struct cli *cli, struct explain_engine *engine, struct explain_packet *packets,
		       size_t count);

/* "kernel", "native"; and if that is not what "auto" prefers, why not (else NULL). */
const char *explain_engine_classifier(const struct explain_engine *engine, const char **ret_why);
/* The provider's name, and one line about what it uses. */
const char *explain_engine_crypto(const struct explain_engine *engine, const char **ret_detail);
uint32_t explain_engine_sas(const struct explain_engine *engine);
/* True if an SA says that packets up to some number were received before the capture. */
bool explain_engine_replay_preset(const struct explain_engine *engine);

#endif
