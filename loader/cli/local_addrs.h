/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of this host (of the network namespace that the CLI runs in).
 */
#ifndef XESP_CLI_LOCAL_ADDRS_H
#define XESP_CLI_LOCAL_ADDRS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ip_addr.h"

struct local_addrs {
	struct ip_addr *items; /* sorted */
	size_t count;
};

int local_addrs_read(struct local_addrs *ret_addrs);
bool local_addrs_have(const struct local_addrs *addrs, const struct ip_addr *addr);
void local_addrs_clear(struct local_addrs *addrs);

#endif
