/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opened packets as a capture to write: nanosecond pcap of raw IP packets.
 */
#ifndef XESP_CLI_EXPLAIN_PLAIN_H
#define XESP_CLI_EXPLAIN_PLAIN_H

#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/explain_packet.h"

struct explain_plain;

/* Creates or empties `path`, a new one readable by its owner only, since it holds what was encrypted;
 * "-" is standard output. Refuses the file `input`, which is being read. On failure prints why and returns
 * -errno. */
int explain_plain_open(const struct cli *cli, const char *path, const struct stat *input,
		       struct explain_plain **ret_plain);
void explain_plain_write(struct explain_plain *plain, const struct explain_packet *packet);
/* Frees; says whether all was written and prints why not. NULL-safe. */
int explain_plain_close(const struct cli *cli, struct explain_plain *plain);

#endif
