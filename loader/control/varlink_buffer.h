/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes on their way from or to a client. They may be keys, so whatever is given up is wiped. Control thread.
 */
#ifndef XESP_CONTROL_VARLINK_BUFFER_H
#define XESP_CONTROL_VARLINK_BUFFER_H

#include <stddef.h>

#define VARLINK_BUFFER_MIN 16384 /* bytes; it grows by doubling */

struct varlink_buffer {
	char *data;
	size_t used;
	size_t size;
};

/* Room for `more` bytes behind those in use. -ENOMEM. */
int varlink_buffer_reserve(struct varlink_buffer *buffer, size_t more);
/* Drops the first `bytes`. An empty buffer takes no memory: what idle clients hold must not add up. */
void varlink_buffer_consume(struct varlink_buffer *buffer, size_t bytes);
void varlink_buffer_free(struct varlink_buffer *buffer);

#endif
