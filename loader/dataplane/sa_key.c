/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "dataplane/sa_key.h"

#include <errno.h>

int sa_key_new(const struct sa_params *params, const struct crypto_provider *provider, struct crypto_ctx *ctx,
	       struct crypto_key **ret_key)
{
	const struct crypto_suite suite = {
		.cipher = algo_by_id(params->cipher),
		.auth = algo_by_id(params->auth),
		.key = params->key,
		.key_bytes = params->key_bytes,
		.auth_key = params->auth_key,
		.auth_key_bytes = params->auth_key_bytes,
		.icv_bytes = params->icv_bytes,
		.esn = params->flags & SA_FLAG_ESN,
	};

	return suite.cipher ? provider->key_new(ctx, &suite, ret_key) : -EOPNOTSUPP;
}
