/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libipsec-mb's direct calls, for benchmarks.
 */
#include "tests/lib/bare_gcm.h"

#if defined(__x86_64__)

#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 8
#define IV_BYTES 8
#define SALT_BYTES 4
#define NONCE_ROOM 16
#define ICV_BYTES 16

struct bare_gcm {
	IMB_MGR *manager;
	aes_gcm_enc_dec_t open;
	aes_gcm_enc_dec_t seal;
	uint8_t salt[SALT_BYTES];
	_Alignas(64) struct gcm_key_data key;
	_Alignas(64) struct gcm_context_data context;
};

struct bare_gcm *bare_gcm_new(const uint8_t *key, size_t key_bytes)
{
	struct bare_gcm *bare = aligned_alloc(64, sizeof(*bare));
	IMB_ARCH arch;

	if (!bare)
		abort();
	memset(bare, 0, sizeof(*bare));
	bare->manager = alloc_mb_mgr(0);
	if (!bare->manager)
		abort();
	init_mb_mgr_auto(bare->manager, &arch);
	memcpy(bare->salt, key + key_bytes, sizeof(bare->salt));
	switch (key_bytes) {
	case 16:
		IMB_AES128_GCM_PRE(bare->manager, key, &bare->key);
		bare->open = bare->manager->gcm128_dec;
		bare->seal = bare->manager->gcm128_enc;
		break;
	case 24:
		IMB_AES192_GCM_PRE(bare->manager, key, &bare->key);
		bare->open = bare->manager->gcm192_dec;
		bare->seal = bare->manager->gcm192_enc;
		break;
	default:
		IMB_AES256_GCM_PRE(bare->manager, key, &bare->key);
		bare->open = bare->manager->gcm256_dec;
		bare->seal = bare->manager->gcm256_enc;
		break;
	}
	return bare;
}

void bare_gcm_free(struct bare_gcm *bare)
{
	if (!bare)
		return;
	free_mb_mgr(bare->manager);
	free(bare);
}

/* At once, since the library loads it at once, which waits for several stores. */
static void make_nonce(const struct bare_gcm *bare, const uint8_t *esp, uint8_t nonce[NONCE_ROOM])
{
	uint32_t words __attribute__((vector_size(NONCE_ROOM))) = {0};
	uint32_t salt, iv[2];

	memcpy(&salt, bare->salt, SALT_BYTES);
	memcpy(iv, esp + HEADER_BYTES, IV_BYTES);
	words[0] = salt;
	words[1] = iv[0];
	words[2] = iv[1];
	memcpy(nonce, &words, sizeof(words));
}

void bare_gcm_open(struct bare_gcm *bare, uint8_t *esp, uint32_t text_len)
{
	uint8_t *text = esp + HEADER_BYTES + IV_BYTES;
	uint8_t nonce[NONCE_ROOM], tag[ICV_BYTES];

	make_nonce(bare, esp, nonce);
	bare->open(&bare->key, &bare->context, text, text, text_len, nonce, esp, HEADER_BYTES, tag,
		   ICV_BYTES);
	if (memcmp(tag, text + text_len, ICV_BYTES) != 0)
		abort();
}

void bare_gcm_seal(struct bare_gcm *bare, uint8_t *esp, uint32_t text_len)
{
	uint8_t *text = esp + HEADER_BYTES + IV_BYTES;
	uint8_t nonce[NONCE_ROOM];

	make_nonce(bare, esp, nonce);
	bare->seal(&bare->key, &bare->context, text, text, text_len, nonce, esp, HEADER_BYTES,
		   text + text_len, ICV_BYTES);
}

#else

struct bare_gcm *bare_gcm_new(const uint8_t *key, size_t key_bytes)
{
	(void)key;
	(void)key_bytes;
	return NULL;
}

void bare_gcm_free(struct bare_gcm *bare)
{
	(void)bare;
}

void bare_gcm_open(struct bare_gcm *bare, uint8_t *esp, uint32_t text_len)
{
	(void)bare;
	(void)esp;
	(void)text_len;
}

void bare_gcm_seal(struct bare_gcm *bare, uint8_t *esp, uint32_t text_len)
{
	(void)bare;
	(void)esp;
	(void)text_len;
}

#endif
