/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of the host whose next hop is not known yet. There is room for a bounded number: the oldest makes
 * way. The worker's thread.
 */
#include <string.h>

#include "dataplane/send_private.h"

static uint32_t place_of(const struct send_waiting *waiting, uint32_t i)
{
	return (waiting->first + i) % SEND_WAIT_PACKETS;
}

static void drop_first(struct send *send)
{
	struct send_waiting *waiting = &send->waiting;

	if (waiting->packets[waiting->first].len)
		send_count(send, XESP_REASON_SEND_WAITED);
	waiting->first = place_of(waiting, 1);
	waiting->count--;
}

/* Where `len` bytes in one piece are free; false: nowhere. */
static bool find_room(const struct send_waiting *waiting, uint32_t len, uint32_t *ret_offset)
{
	uint32_t begin, end, last = place_of(waiting, waiting->count - 1);

	if (waiting->count == 0) {
		*ret_offset = 0;
		return true;
	}
	if (waiting->count == SEND_WAIT_PACKETS)
		return false;
	begin = waiting->packets[waiting->first].offset;
	end = waiting->packets[last].offset + waiting->packets[last].room;
	if (end > begin && SEND_WAIT_BYTES - end < len)
		end = 0;
	else if (end > begin)
		begin = SEND_WAIT_BYTES;
	*ret_offset = end;
	return end <= begin && begin - end >= len;
}

void send_wait_push(struct send *send, const uint8_t *bytes, uint32_t len, uint64_t now_ms)
{
	struct send_waiting *waiting = &send->waiting;
	uint32_t offset, place;

	while (!find_room(waiting, len, &offset))
		drop_first(send);
	place = place_of(waiting, waiting->count++);
	waiting->packets[place].offset = offset;
	waiting->packets[place].room = len;
	waiting->packets[place].len = len;
	waiting->packets[place].since = now_ms;
	memcpy(waiting->bytes + offset, bytes, len);
}

/* Those that can go do, in order; others stay where they are. */
void send_wait_retry(struct send *send)
{
	struct send_waiting *waiting = &send->waiting;
	uint64_t now_ms = send_now_ms();

	for (uint32_t i = 0; i < waiting->count; i++) {
		uint32_t place = place_of(waiting, i);

		if (!waiting->packets[place].len)
			continue;
		if (send_piece(send, waiting->bytes + waiting->packets[place].offset,
			       waiting->packets[place].len) != XESP_REASON_SEND_WAITED) {
			waiting->packets[place].len = 0;
		} else if (now_ms - waiting->packets[place].since >= SEND_WAIT_MS) {
			send_count(send, XESP_REASON_SEND_WAITED);
			waiting->packets[place].len = 0;
		}
	}
	while (waiting->count && !waiting->packets[waiting->first].len)
		drop_first(send);
}
