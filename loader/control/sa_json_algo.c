/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Algorithms and keys of an SA as JSON. Names are those of the table alone, not the older ones that words may
 * have. Runs in the CLI and in the engine's control thread.
 */
#include "control/sa_json_algo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/sa_text_key.h"
#include "control/sa_text_words.h"

/* Members of an SA, and of the capability query, by class. */
static const char *const class_names[] = {
	[ALGO_CLASS_AEAD] = "aead", [ALGO_CLASS_ENC] = "enc", [ALGO_CLASS_AUTH] = "auth"};

/* The algorithm that member `name` names; NULL behind an error. */
static const struct algo *read_name(struct sa_json_decoding *decode, const char *name, const json_t *value,
				    enum algo_class class)
{
	const struct algo *algo;
	const char *text;

	if (sa_json_string(decode, name, value, &text) < 0)
		return NULL;
	algo = algo_by_name(class, text);
	if (algo && strcmp(algo->xfrm_name, text) == 0)
		return algo;
	sa_json_fail(decode, name, sa_text_words_shown(text), "not supported");
	sa_json_lacks(decode, class_names[class]);
	return NULL;
}

int sa_json_algo_cipher(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	bool aead = strcmp(name, "aead") == 0;
	const struct algo *algo;

	if (decode->params.cipher != ALGO_NONE)
		return sa_json_fail(decode, name, "", "an SA has aead, or enc with auth, not both");
	algo = read_name(decode, name, value, aead ? ALGO_CLASS_AEAD : ALGO_CLASS_ENC);
	if (!algo)
		return -EINVAL;
	decode->params.cipher = algo->id;
	return 0;
}

int sa_json_algo_auth(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	const struct algo *algo = read_name(decode, name, value, ALGO_CLASS_AUTH);

	if (!algo)
		return -EINVAL;
	decode->params.auth = algo->id;
	return 0;
}

int sa_json_algo_key(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	struct sa_params *params = &decode->params;
	bool auth = strcmp(name, "auth_key") == 0;
	int err;

	if (!json_is_string(value))
		return sa_json_fail(decode, name, "(hidden)", "must be a string of hex digits");
	/* What a program makes of the key of the NULL cipher; other algorithms have none that is empty. */
	if (json_string_length(value) == 0)
		return 0;
	err = sa_text_key_hex(json_string_value(value), json_string_length(value),
			      auth ? sizeof(params->auth_key) : sizeof(params->key),
			      auth ? params->auth_key : params->key,
			      auth ? &params->auth_key_bytes : &params->key_bytes);
	if (err == -E2BIG)
		return sa_json_fail(decode, name, "(hidden)", "longer than the key of any algorithm");
	if (err < 0)
		return sa_json_fail(decode, name, "(hidden)", "must be two hex digits a byte, without 0x");
	return 0;
}

int sa_json_algo_icv(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	char text[12];
	uint64_t bits;

	if (sa_json_number(decode, name, value, UINT8_MAX * 8, &bits) < 0)
		return -EINVAL;
	if (bits % 8 != 0) {
		snprintf(text, sizeof(text), "%u", (unsigned int)bits);
		return sa_json_fail(decode, name, text, "must be whole bytes");
	}
	decode->params.icv_bytes = (uint8_t)(bits / 8);
	return 0;
}

static int add_name(json_t *object, const char *member, const struct algo *algo)
{
	return json_object_set_new(object, member, json_string(algo ? algo->xfrm_name : "none"));
}

static int add_key(json_t *object, const char *member, const uint8_t *key, size_t bytes)
{
	char text[2 * XESP_AUTH_KEY_MAX + 1] = "";
	int err;

	_Static_assert(XESP_AUTH_KEY_MAX >= XESP_KEY_MAX, "room for either key");
	for (size_t i = 0; i < bytes && i < XESP_AUTH_KEY_MAX; i++)
		snprintf(text + 2 * i, 3, "%02x", key[i]);
	err = json_object_set_new(object, member, json_string(text));
	explicit_bzero(text, sizeof(text));
	return err;
}

int sa_json_algo_encode(json_t *object, const struct sa_params *params, bool with_keys)
{
	const struct algo *cipher = algo_by_id(params->cipher);
	bool aead = !cipher || cipher->class == ALGO_CLASS_AEAD;
	int err = add_name(object, class_names[aead ? ALGO_CLASS_AEAD : ALGO_CLASS_ENC], cipher);

	if (params->auth != ALGO_NONE)
		err |= add_name(object, "auth", algo_by_id(params->auth));
	if (with_keys && params->key_bytes)
		err |= add_key(object, "key", params->key, params->key_bytes);
	if (with_keys && params->auth_key_bytes)
		err |= add_key(object, "auth_key", params->auth_key, params->auth_key_bytes);
	return err | json_object_set_new(object, "icv_bits", json_integer(params->icv_bytes * 8));
}
