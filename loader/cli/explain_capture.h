/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures to read: pcap and pcapng, from a file or standard input.
 */
#ifndef XESP_CLI_EXPLAIN_CAPTURE_H
#define XESP_CLI_EXPLAIN_CAPTURE_H

#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/explain_packet.h"

struct explain_capture;

/* `path` "-" is standard input. On failure prints why and returns -errno. */
int explain_capture_open(const struct cli *cli, const char *path, struct explain_capture **ret_capture);
/* NULL-safe. */
void explain_capture_close(struct explain_capture *capture);
/* What is being read, so that nobody writes over it. */
const struct stat *explain_capture_stat(const struct explain_capture *capture);
/* Fills the capture's part of `*packet`, copying into `packet->frame`. 1: a packet, 0: the end; on a
 * malformed capture prints why and returns -EBADMSG. */
int explain_capture_next(const struct cli *cli, struct explain_capture *capture,
			 struct explain_packet *packet);

#endif
