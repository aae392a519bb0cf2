/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SAs of a file, in memory between checking and sending. Holds keys: everything is wiped.
 */
#ifndef XESP_CLI_LOAD_LIST_H
#define XESP_CLI_LOAD_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "control/sa_params.h"

struct load_entry {
	struct sa_params params;
	unsigned int line;
	bool skip;
};

struct load_list {
	struct load_entry *entries;
	size_t count;
	size_t size;
	/* Told of each SA that xesp does not support, as in struct sa_text_sink. */
	void (*unsupported)(const struct field_error *error, unsigned int line, void *ctx);
	void *ctx;
};

/* Appends the SAs of a file. Errors as sa_text_read, and -ENOMEM. */
int load_list_read(struct load_list *list, FILE *file, unsigned int *ret_line, struct field_error *ret_error);
void load_list_clear(struct load_list *list);

#endif
