/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SAs for the tests of validation, text and JSON.
 */
#ifndef XESP_TESTS_SA_SAMPLE_H
#define XESP_TESTS_SA_SAMPLE_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "control/sa_params.h"

static inline struct ip_addr sample_addr(const char *text)
{
	struct ip_addr addr;

	if (ip_addr_parse(text, &addr) < 0)
		abort();
	return addr;
}

static inline struct ip_prefix sample_prefix(const char *text)
{
	struct ip_prefix prefix;

	if (ip_prefix_parse(text, &prefix) < 0)
		abort();
	return prefix;
}

static inline bool sample_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return ip_addr_equal(&a->addr, &b->addr) && a->length == b->length;
}

static inline bool sample_encap_equal(const struct sa_encap *a, const struct sa_encap *b)
{
	return a->present == b->present && a->type == b->type && a->sport == b->sport &&
	       a->dport == b->dport && ip_addr_equal(&a->original_src, &b->original_src) &&
	       ip_addr_equal(&a->original_dst, &b->original_dst);
}

static inline bool sample_selector_equal(const struct sa_selector *a, const struct sa_selector *b)
{
	return sample_prefix_equal(&a->src, &b->src) && sample_prefix_equal(&a->dst, &b->dst) &&
	       a->protocol == b->protocol && a->sport == b->sport && a->dport == b->dport;
}

static inline bool sample_limits_equal(const struct sa_limits *a, const struct sa_limits *b)
{
	return memcmp(a, b, sizeof(*a)) == 0; /* has no padding */
}

static inline bool sample_keys_equal(const struct sa_params *a, const struct sa_params *b)
{
	return a->cipher == b->cipher && a->key_bytes == b->key_bytes &&
	       memcmp(a->key, b->key, sizeof(a->key)) == 0 && a->auth == b->auth &&
	       a->auth_key_bytes == b->auth_key_bytes &&
	       memcmp(a->auth_key, b->auth_key, sizeof(a->auth_key)) == 0;
}

/* Field by field, since padding has no value. */
static inline bool sample_equal(const struct sa_params *a, const struct sa_params *b)
{
	return ip_addr_equal(&a->src, &b->src) && ip_addr_equal(&a->dst, &b->dst) && a->spi == b->spi &&
	       a->reqid == b->reqid && a->mode == b->mode && sample_keys_equal(a, b) &&
	       a->icv_bytes == b->icv_bytes && sample_encap_equal(&a->encap, &b->encap) &&
	       a->replay_window == b->replay_window && a->replay_seq == b->replay_seq &&
	       a->flags == b->flags && sample_selector_equal(&a->selector, &b->selector) &&
	       sample_limits_equal(&a->limits, &b->limits) && a->dir == b->dir &&
	       a->priority == b->priority && a->tfc_pad == b->tfc_pad && a->dummy_ms == b->dummy_ms &&
	       a->send_seq == b->send_seq && a->send_seq_given == b->send_seq_given &&
	       strcmp(a->dev, b->dev) == 0;
}

/* A valid SA with every field set. */
static inline struct sa_params sample_full(void)
{
	struct sa_params params = {
		.src = sample_addr("2001:db8::1"),
		.dst = sample_addr("2001:db8::2"),
		.spi = 0xfedcba98,
		.reqid = 4294967295u,
		.mode = SA_MODE_TUNNEL,
		.cipher = ALGO_AES_GCM,
		.key_bytes = 36,
		.icv_bytes = 16,
		.encap =
			{
				.present = true,
				.type = XESP_ENCAP_IKE,
				.sport = 65535,
				.dport = 500,
				.original_src = sample_addr("2001:db8::a"),
				.original_dst = sample_addr("2001:db8::b"),
			},
		.replay_window = 4096,
		.replay_seq = 0x123456789abcdef0,
		.flags = SA_FLAG_ESN | SA_FLAG_NO_ECN | SA_FLAG_DECAP_DSCP | SA_FLAG_AF_UNSPEC,
		.selector =
			{
				.src = sample_prefix("10.1.0.0/16"),
				.dst = sample_prefix("0.0.0.0/0"),
				.protocol = 17,
				.sport = 1,
				.dport = 65535,
			},
		.limits =
			{
				.byte_soft = 1,
				.byte_hard = INT64_MAX - 1,
				.packet_soft = 2,
				.packet_hard = 4294967296,
				.time_soft = 3,
				.time_hard = 86400,
				.time_use_soft = 4,
				.time_use_hard = 5,
			},
		.dev = "eth0.4094",
	};

	for (uint8_t i = 0; i < 36; i++)
		params.key[i] = (uint8_t)(0xb0 + i);
	return params;
}

/* A valid SA with nothing but what is required. */
static inline struct sa_params sample_plain(void)
{
	struct sa_params params = {
		.dst = sample_addr("192.0.2.1"),
		.spi = 256,
		.mode = SA_MODE_TUNNEL,
		.cipher = ALGO_AES_GCM,
		.key_bytes = 20,
		.icv_bytes = 16,
		.replay_window = XESP_REPLAY_WINDOW_DEFAULT,
	};

	for (uint8_t i = 0; i < 20; i++)
		params.key[i] = (uint8_t)(0x10 + i);
	return params;
}

/* The same with another suite, which has its shortest key and the first ICV length of the table. */
static inline struct sa_params sample_suite(enum algo_id cipher_id, enum algo_id auth_id)
{
	const struct algo *cipher = algo_by_id(cipher_id), *auth = algo_by_id(auth_id);
	struct sa_params params = sample_plain();

	memset(params.key, 0, sizeof(params.key));
	params.cipher = cipher_id;
	params.auth = auth_id;
	params.key_bytes = (uint8_t)(cipher->key_bytes[0] + cipher->salt_bytes);
	for (uint8_t i = 0; i < params.key_bytes; i++)
		params.key[i] = (uint8_t)(0x10 + i);
	params.auth_key_bytes = auth ? auth->key_bytes[0] : 0;
	for (uint8_t i = 0; i < params.auth_key_bytes; i++)
		params.auth_key[i] = (uint8_t)(0x60 + i);
	params.icv_bytes = (auth ? auth : cipher)->icv_bytes[0];
	return params;
}

/* The suites of the table: all AEADs, then each cipher with each integrity algorithm; false behind the last.
 */
static inline bool sample_suite_at(size_t number, enum algo_id *ret_cipher, enum algo_id *ret_auth)
{
	const struct algo *cipher, *auth;

	for (size_t row = 0; (cipher = algo_at(row)); row++) {
		if (cipher->class == ALGO_CLASS_AEAD && number-- == 0) {
			*ret_cipher = cipher->id;
			*ret_auth = ALGO_NONE;
			return true;
		}
		for (size_t i = 0; cipher->class == ALGO_CLASS_ENC && (auth = algo_at(i)); i++) {
			if (auth->class == ALGO_CLASS_AUTH && number-- == 0) {
				*ret_cipher = cipher->id;
				*ret_auth = auth->id;
				return true;
			}
		}
	}
	return false;
}

#endif
