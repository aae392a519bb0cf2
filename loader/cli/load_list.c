/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs on the CLI's only thread.
 */
#include "cli/load_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/sa_text.h"

#define SIZE_FIRST 64
#define FILE_BUFFER_SIZE (64 * 1024)

/* realloc() may leave the old block with its keys in the heap, so this copies and wipes. */
static int grow(struct load_list *list)
{
	size_t size = list->size ? list->size * 2 : SIZE_FIRST;
	struct load_entry *entries = calloc(size, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	if (list->count)
		memcpy(entries, list->entries, list->count * sizeof(*entries));
	if (list->entries)
		explicit_bzero(list->entries, list->count * sizeof(*entries));
	free(list->entries);
	list->entries = entries;
	list->size = size;
	return 0;
}

static void pass_on(const struct field_error *error, unsigned int line, void *ctx)
{
	const struct load_list *list = ctx;

	list->unsupported(error, line, list->ctx);
}

static int append(const struct sa_params *params, unsigned int line, void *ctx)
{
	struct load_list *list = ctx;
	int err = list->count == list->size ? grow(list) : 0;

	if (err)
		return err;
	list->entries[list->count++] = (struct load_entry){*params, line, false};
	return 0;
}

int load_list_read(struct load_list *list, FILE *file, unsigned int *ret_line, struct field_error *ret_error)
{
	const struct sa_text_sink sink = {
		.each = append, .unsupported = list->unsupported ? pass_on : NULL, .ctx = list};
	char *buffer = malloc(FILE_BUFFER_SIZE);
	int err;

	if (!buffer)
		return -ENOMEM;
	/* A buffer of our own can be wiped; the one of stdio cannot. */
	setvbuf(file, buffer, _IOFBF, FILE_BUFFER_SIZE);
	err = sa_text_read(file, &sink, ret_line, ret_error);
	setvbuf(file, NULL, _IONBF, 0);
	explicit_bzero(buffer, FILE_BUFFER_SIZE);
	free(buffer);
	return err;
}

void load_list_clear(struct load_list *list)
{
	if (list->entries)
		explicit_bzero(list->entries, list->count * sizeof(*list->entries));
	free(list->entries);
	memset(list, 0, sizeof(*list));
}
