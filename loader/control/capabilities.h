/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What xesp can do, as tables: kinds of packets, words that a request may use, properties. The readers of
 * requests, validation and the capability query all read them (and the table of algorithms, algo.h), so that
 * what is offered is what is taken. Pure.
 */
#ifndef XESP_CONTROL_CAPABILITIES_H
#define XESP_CONTROL_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A kind of packet of the NDIS contract, with its bits there. */
struct capability_kind {
	const char *letter;
	const char *name;
	bool supported;
	uint32_t v1_flag;     /* Supported.Flags, RFC 3948 form: `v1_name`_OTHER */
	uint32_t v1_flag_ike; /* the same for the form of old drafts: `v1_name`_IKE */
	const char *v1_name;
	uint32_t v2_flag; /* NDIS_IPSEC_OFFLOAD_V2.UdpEsp */
	const char *v2_name;
	const char *text;
};

/* The rows in order; NULL behind the last. */
const struct capability_kind *capabilities_kind_at(size_t row);

/* Where in a request a word stands; also the name of the capability that a refused one asks for. */
enum capability_field { CAPABILITY_MODE, CAPABILITY_ENCAP, CAPABILITY_PROTO, CAPABILITY_FIELDS };

#define CAPABILITY_NONE (-1)

/* A word that IPsec has, whether xesp does or not. */
struct capability_word {
	enum capability_field field;
	const char *word; /* as `ip xfrm` spells it */
	const char *json; /* as JSON does, where '-' cannot stand */
	int value;	  /* of the enum it stands for: enum sa_mode, enum xesp_encap; else CAPABILITY_NONE */
	uint16_t port;	  /* ENCAP: the usual one */
	uint8_t marker;	  /* ENCAP: bytes between UDP and ESP */
};

const char *capabilities_field_name(enum capability_field field);
/* The row of a word as `ip xfrm` spells it, as JSON does, or of a value that is supported; or NULL. */
const struct capability_word *capabilities_word(enum capability_field field, const char *word);
const struct capability_word *capabilities_json(enum capability_field field, const char *word);
const struct capability_word *capabilities_value(enum capability_field field, int value);
const struct capability_word *capabilities_word_at(size_t row);

/* What packets or SAs may have, or not. */
struct capability_feature {
	const char *name;
	bool supported;
	const char *text;
};

const struct capability_feature *capabilities_feature_at(size_t row);
/* False also for a name that no row has. */
bool capabilities_has_feature(const char *name);
/* The one that a switch decides about is `legacy`. */
bool capabilities_feature_supported(const struct capability_feature *feature, bool legacy_on);

#endif
