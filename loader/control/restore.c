/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/restore.h"

#include <string.h>
#include <xesp/limits.h>

#include "base/log.h"
#include "dataplane/sa.h"
#include "dataplane/sa_out.h"

/* With the widest windows, each in a chunk that it does not fill; one store more is the outbound SAs'. */
size_t restore_bytes(uint32_t capacity)
{
	size_t block = sa_bytes(XESP_REPLAY_WINDOW_MAX);
	size_t in_chunk = STATE_BLOCK_MAX / block;
	size_t chunks = (capacity + in_chunk - 1) / in_chunk;

	/* And chunks that are not full: of each size one, and the parser entries. */
	return ((XESP_IFACES_MAX + 1) * (chunks + 8) + 64) * STATE_CHUNK_BYTES;
}

void restore_lost(struct restore_tally *tally, const struct sa_params *params, bool certain, const char *why)
{
	char text[IP_ADDR_TEXT_MAX] = "?";

	tally->lost++;
	if (!params) {
		log_warning("an SA is lost: %s", why);
		return;
	}
	if (params->dst.family == AF_INET || params->dst.family == AF_INET6)
		ip_addr_format(&params->dst, text);
	log_warning("%s 0x%08x to %s is lost: %s", certain ? "SA" : "an SA, perhaps", params->spi, text, why);
}

void restore_lost_block(struct restore_tally *tally, struct state_head *head, const char *why)
{
	static const char damaged[] = "its memory is damaged";

	if (head->kind == STATE_SA && head->bytes >= sizeof(struct sa)) {
		bool sound = sa_found(head) != NULL;

		restore_lost(tally, &((const struct sa *)head)->params, sound, sound ? why : damaged);
	} else if (head->kind == STATE_SA_OUT && head->bytes >= sizeof(struct sa_out)) {
		bool sound = sa_out_found(head) != NULL;

		restore_lost(tally, &((const struct sa_out *)head)->params, sound, sound ? why : damaged);
	} else if (head->kind == STATE_SA || head->kind == STATE_SA_OUT) {
		restore_lost(tally, NULL, false, damaged);
	}
}

/* Where a bool stands there is 0 or 1; read as a bool, another value is undefined. */
static bool is_bool(const bool *at)
{
	uint8_t byte;

	memcpy(&byte, at, sizeof(byte));
	return byte <= 1;
}

bool restore_params_readable(const struct sa_params *params)
{
	return is_bool(&params->encap.present) && is_bool(&params->send_seq_given);
}

static void sweep_kind(struct state *state, enum state_kind kind, struct restore_tally *tally)
{
	struct state_cursor cursor = {0};
	struct state_head *head;

	while ((head = state_next(state, kind, 0, true, &cursor))) {
		restore_lost_block(tally, head, "its interface is gone");
		state_drop(state, head);
	}
}

void restore_sweep(struct state *state, struct restore_tally *tally)
{
	if (!state)
		return;
	for (uint32_t i = 0; i < state_damaged(state); i++)
		restore_lost(tally, NULL, false, "its memory is damaged");
	sweep_kind(state, STATE_SA, tally);
	sweep_kind(state, STATE_SA_OUT, tally);
	sweep_kind(state, STATE_PARSER, tally);
	sweep_kind(state, STATE_STORE, tally);
}
