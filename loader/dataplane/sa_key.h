/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The key of an SA of either direction, from what the request says. Control thread.
 */
#ifndef XESP_DATAPLANE_SA_KEY_H
#define XESP_DATAPLANE_SA_KEY_H

#include "control/sa_params.h"
#include "dataplane/crypto.h"

/* The caller frees it with the provider's key_free(). -EOPNOTSUPP: the provider lacks the algorithms; what
 * its key_new() says. */
int sa_key_new(const struct sa_params *params, const struct crypto_provider *provider, struct crypto_ctx *ctx,
	       struct crypto_key **ret_key);

#endif
