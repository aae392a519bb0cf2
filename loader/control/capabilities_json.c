/* SPDX-License-Identifier: BSD-2-Clause */
/* Any thread. */
#include "control/capabilities_json.h"

#include <stdio.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "control/algo.h"
#include "control/capabilities.h"
#include "control/sa_flag.h"
#include "control/sa_params.h"

#define NDIS_ENCAPSULATION_IEEE_802_3 0x2

/* ---- what requests may say ------------------------------------------------------------------------------
 */

static json_t *kinds_json(void)
{
	const struct capability_kind *kind;
	json_t *list = json_array();

	for (size_t row = 0; (kind = capabilities_kind_at(row)); row++) {
		if (kind->supported)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "letter", kind->letter,
							      "name", kind->name, "text", kind->text));
	}
	return list;
}

/* The words of a field that are supported, as JSON spells them. */
static json_t *words_json(enum capability_field field)
{
	const struct capability_word *word;
	json_t *list = json_array();

	for (size_t row = 0; (word = capabilities_word_at(row)); row++) {
		if (word->field == field && word->value != CAPABILITY_NONE)
			json_array_append_new(list, json_string(word->json));
	}
	return list;
}

static json_t *encaps_json(void)
{
	const struct capability_word *word;
	json_t *list = json_array();

	for (size_t row = 0; (word = capabilities_word_at(row)); row++) {
		if (word->field == CAPABILITY_ENCAP && word->value != CAPABILITY_NONE)
			json_array_append_new(list,
					      json_pack("{s:s, s:i, s:i, s:i, s:i}", "type", word->json,
							"port_min", 1, "port_max", UINT16_MAX, "port_usual",
							(int)word->port, "marker_bytes", (int)word->marker));
	}
	return list;
}

/* A list that ends with 0, in bits. */
static json_t *bits_json(const uint8_t *bytes)
{
	json_t *list = json_array();

	for (; *bytes; bytes++)
		json_array_append_new(list, json_integer(*bytes * 8));
	return list;
}

static json_t *algo_json(const struct algo *algo)
{
	json_t *object =
		json_pack("{s:s, s:o}", "name", algo->xfrm_name, "key_bits", bits_json(algo->key_bytes));

	if (algo->class != ALGO_CLASS_AUTH)
		json_object_set_new(object, "salt_bits", json_integer(algo->salt_bytes * 8));
	if (algo->class != ALGO_CLASS_ENC)
		json_object_set_new(object, "icv_bits", bits_json(algo->icv_bytes));
	return object;
}

static json_t *algos_json(enum algo_class class, bool legacy_on)
{
	const struct algo *algo;
	json_t *list = json_array();

	for (size_t row = 0; (algo = algo_at(row)); row++) {
		if (algo->class == class && algo_usable(algo, legacy_on))
			json_array_append_new(list, algo_json(algo));
	}
	return list;
}

static json_t *flags_json(void)
{
	const struct sa_flag_name *flag;
	json_t *list = json_array();

	for (size_t row = 0; (flag = sa_flag_at(row)); row++) {
		if (flag->sa_flag)
			json_array_append_new(list, json_string(flag->name));
	}
	return list;
}

/* Inner packets are of the outer family in transport mode, of any family in the others. */
static json_t *families_json(void)
{
	static const int versions[] = {4, 6};
	const struct capability_word *word;
	json_t *list = json_array();

	for (size_t row = 0; (word = capabilities_word_at(row)); row++) {
		if (word->field != CAPABILITY_MODE || word->value == CAPABILITY_NONE)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
			json_t *inner = word->value == SA_MODE_TRANSPORT
						? json_pack("[i]", versions[i])
						: json_pack("[i, i]", versions[0], versions[1]);

			json_array_append_new(list, json_pack("{s:s, s:i, s:o}", "mode", word->json, "outer",
							      versions[i], "inner", inner));
		}
	}
	return list;
}

static json_t *features_json(bool legacy_on)
{
	const struct capability_feature *feature;
	json_t *list = json_array();

	for (size_t row = 0; (feature = capabilities_feature_at(row)); row++)
		json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "name", feature->name, "supported",
						      (int)capabilities_feature_supported(feature, legacy_on),
						      "text", feature->text));
	return list;
}

/* ---- the same in the structures of NDIS ------------------------------------------------------------------
 */

struct ndis {
	uint32_t v1_flags;
	uint32_t v2_udp_esp;
	uint32_t v2_encryption;
	uint32_t v2_authentication;
	bool nested; /* a transport mode layer inside a tunnel mode layer */
	bool legacy_on;
	json_t *words;
};

static void add_word(struct ndis *ndis, uint32_t bit, const char *name, const char *suffix)
{
	json_array_append_new(ndis->words, json_sprintf("0x%02x %s%s", bit, name, suffix));
}

static void add_kind(struct ndis *ndis, const struct capability_kind *kind)
{
	ndis->v1_flags |= kind->v1_flag | kind->v1_flag_ike;
	ndis->v2_udp_esp |= kind->v2_flag;
	ndis->nested |= kind->v2_flag > 2;
	add_word(ndis, kind->v1_flag, kind->v1_name, "_OTHER");
	add_word(ndis, kind->v1_flag_ike, kind->v1_name, "_IKE");
	add_word(ndis, kind->v2_flag, kind->v2_name, "");
}

/* One bit of the mask, or one for each key length: "AES_CBC_128". */
static void add_algo(struct ndis *ndis, const struct algo *algo)
{
	bool encryption = algo->ndis == ALGO_NDIS_ENCRYPTION;
	uint32_t *mask = encryption ? &ndis->v2_encryption : &ndis->v2_authentication;
	bool several = algo->key_bytes[0] && algo->key_bytes[1];
	size_t i = 0;

	do {
		char bits[8] = "";

		if (several)
			snprintf(bits, sizeof(bits), "_%u", algo->key_bytes[i] * 8u);
		*mask |= algo->ndis_bits[i];
		json_array_append_new(ndis->words,
				      json_sprintf("0x%02x IPSEC_OFFLOAD_V2_%s_%s%s", algo->ndis_bits[i],
						   encryption ? "ENCRYPTION" : "AUTHENTICATION",
						   algo->ndis_name, bits));
	} while (several && algo->key_bytes[++i]);
}

/* 1 if SAs may have it. */
static int has(const struct ndis *ndis, enum algo_id id)
{
	return algo_usable(algo_by_id(id), ndis->legacy_on);
}

static json_t *v1_json(const struct ndis *ndis)
{
	json_t *supported =
		json_pack("{s:i, s:i, s:i, s:i, s:i}", "Encapsulation", NDIS_ENCAPSULATION_IEEE_802_3,
			  "AhEspCombined", 0, "TransportTunnelCombined", (int)ndis->nested, "IPv4Options",
			  (int)capabilities_has_feature("ipv4_options"), "Flags", (int)ndis->v1_flags);
	/* Md5 and Sha_1 stand for ESP's integrity as well; the other members of IPv4AH are of AH alone. */
	json_t *ah =
		json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "Md5", has(ndis, ALGO_HMAC_MD5), "Sha_1",
			  has(ndis, ALGO_HMAC_SHA1), "Transport", 0, "Tunnel", 0, "Send", 0, "Receive", 0);
	json_t *esp = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "Des", has(ndis, ALGO_DES_CBC),
				"TripleDes", has(ndis, ALGO_3DES_CBC), "NullEsp", has(ndis, ALGO_NULL),
				"Transport", 1, "Tunnel", 1, "Send", 1, "Receive", 1);

	return json_pack("{s:o, s:o, s:o}", "Supported", supported, "IPv4AH", ah, "IPv4ESP", esp);
}

static json_t *v2_json(const struct ndis *ndis, uint32_t capacity)
{
	json_t *object = json_pack(
		"{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "Encapsulation", NDIS_ENCAPSULATION_IEEE_802_3,
		"IPv6Supported", 1, "IPv4Options", (int)capabilities_has_feature("ipv4_options"),
		"IPv6NonIPsecExtensionHeaders", (int)capabilities_has_feature("ipv6_extension_headers"), "Ah",
		0, "Esp", 1, "AhEspCombined", 0, "LsoSupported", 1);
	json_t *rest = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "Transport", 1, "Tunnel", 1,
				 "TransportTunnelCombined", (int)ndis->nested, "ExtendedSequenceNumbers", 1,
				 "UdpEsp", (int)ndis->v2_udp_esp, "AuthenticationAlgorithms",
				 (int)ndis->v2_authentication, "EncryptionAlgorithms",
				 (int)ndis->v2_encryption, "SaOffloadCapacity", (int)capacity);

	json_object_update(object, rest);
	json_decref(rest);
	return object;
}

static json_t *ndis_json(uint32_t capacity, bool legacy_on)
{
	struct ndis ndis = {.legacy_on = legacy_on, .words = json_array()};
	const struct capability_kind *kind;
	const struct algo *algo;

	for (size_t row = 0; (kind = capabilities_kind_at(row)); row++) {
		if (kind->supported)
			add_kind(&ndis, kind);
	}
	for (size_t row = 0; (algo = algo_at(row)); row++) {
		if (algo->ndis != ALGO_NDIS_NONE && algo_usable(algo, legacy_on))
			add_algo(&ndis, algo);
	}
	return json_pack("{s:o, s:o, s:o}", "v1", v1_json(&ndis), "v2", v2_json(&ndis, capacity), "words",
			 ndis.words);
}

json_t *capabilities_json_encode(uint32_t capacity, bool legacy_on)
{
	json_t *window = json_pack("{s:i, s:i, s:i}", "min", XESP_REPLAY_WINDOW_MIN, "max",
				   XESP_REPLAY_WINDOW_MAX, "preset", XESP_REPLAY_WINDOW_DEFAULT);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kinds", kinds_json(),
			 "mode", words_json(CAPABILITY_MODE), "encap", encaps_json(), "aead",
			 algos_json(ALGO_CLASS_AEAD, legacy_on), "enc", algos_json(ALGO_CLASS_ENC, legacy_on),
			 "auth", algos_json(ALGO_CLASS_AUTH, legacy_on), "flags", flags_json(),
			 "replay_window", window, "families", families_json(), "features",
			 features_json(legacy_on), "ndis", ndis_json(capacity, legacy_on));
}
