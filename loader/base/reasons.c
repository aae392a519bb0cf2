/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of reasons, made from the list in <xesp/drop_reasons.h>. Pure; any thread.
 */
#include "base/reasons.h"

#include <stddef.h>

static const struct reason_info table[XESP_REASON_END] = {
#define REASON_ROW(number, NAME, reason_name, exit_kind, crypto, what) \
	[number] = {.name = (reason_name), .text = (what), .exit = REASON_EXIT_##exit_kind},
	XESP_REASONS(REASON_ROW)
#undef REASON_ROW
};

const struct reason_info *reason_info(unsigned int number)
{
	if (number >= XESP_REASON_END || !table[number].name)
		return NULL;
	return &table[number];
}

const char *reason_exit_name(enum reason_exit exit)
{
	switch (exit) {
	case REASON_EXIT_PASSED: return "passed";
	case REASON_EXIT_CONSUMED: return "consumed";
	case REASON_EXIT_ENGINE: return "to engine";
	case REASON_EXIT_DELIVERED: return "delivered";
	case REASON_EXIT_DROPPED: return "dropped";
	case REASON_EXIT_REFUSED: return "refused";
	case REASON_EXIT_SENT: return "sent";
	case REASON_EXIT_NONE: break;
	}
	return "none";
}
