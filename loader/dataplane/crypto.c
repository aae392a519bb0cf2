/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which crypto providers there are. Control thread.
 */
#include "dataplane/crypto.h"

#include <string.h>

static bool works(const struct crypto_provider *provider)
{
	struct crypto_ctx *ctx;

	if (provider->ctx_new(&ctx))
		return false;
	provider->ctx_free(ctx);
	return true;
}

const struct crypto_provider *crypto_provider_by_name(const char *name)
{
	if (strcmp(name, "auto") == 0)
		return works(&crypto_ipsec_mb) ? &crypto_ipsec_mb : &crypto_openssl;
	if (strcmp(name, crypto_ipsec_mb.name) == 0)
		return &crypto_ipsec_mb;
	if (strcmp(name, crypto_openssl.name) == 0)
		return &crypto_openssl;
	return NULL;
}
