/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts and properties of the reasons in <xesp/drop_reasons.h>, for userspace. Pure.
 */
#ifndef XESP_BASE_REASONS_H
#define XESP_BASE_REASONS_H

#include <xesp/drop_reasons.h>

enum reason_exit {
	REASON_EXIT_NONE, /* not a reason */
	REASON_EXIT_PASSED,
	REASON_EXIT_CONSUMED,
	REASON_EXIT_ENGINE,
	REASON_EXIT_DELIVERED,
	REASON_EXIT_DROPPED,
	REASON_EXIT_REFUSED,
	REASON_EXIT_SENT,
};

struct reason_info {
	const char *name; /* as in JSON, metrics and the CLI */
	const char *text; /* one line for a person */
	enum reason_exit exit;
};

/* The entry of a number, or NULL if no reason has it. */
const struct reason_info *reason_info(unsigned int number);
/* "passed", "consumed", "to engine", "delivered", "dropped", "refused", "sent". */
const char *reason_exit_name(enum reason_exit exit);

#endif
