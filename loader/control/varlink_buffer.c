/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers of the Varlink server, wiped as they are given up. Control thread.
 */
#include "control/varlink_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int varlink_buffer_reserve(struct varlink_buffer *buffer, size_t more)
{
	size_t size = buffer->size ? buffer->size : VARLINK_BUFFER_MIN;
	char *data;

	if (buffer->used + more <= buffer->size)
		return 0;
	while (size < buffer->used + more)
		size *= 2;
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	if (buffer->data) {
		memcpy(data, buffer->data, buffer->used);
		explicit_bzero(buffer->data, buffer->used);
		free(buffer->data);
	}
	buffer->data = data;
	buffer->size = size;
	return 0;
}

void varlink_buffer_free(struct varlink_buffer *buffer)
{
	if (buffer->data)
		explicit_bzero(buffer->data, buffer->used);
	free(buffer->data);
	*buffer = (struct varlink_buffer){0};
}

void varlink_buffer_consume(struct varlink_buffer *buffer, size_t bytes)
{
	if (bytes == buffer->used) {
		varlink_buffer_free(buffer);
		return;
	}
	memmove(buffer->data, buffer->data + bytes, buffer->used - bytes);
	explicit_bzero(buffer->data + buffer->used - bytes, bytes);
	buffer->used -= bytes;
}
