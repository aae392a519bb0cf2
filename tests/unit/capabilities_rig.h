/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability query, and adds through the socket: through decoding, validation and the SA store.
 */
#ifndef XESP_TESTS_CAPABILITIES_RIG_H
#define XESP_TESTS_CAPABILITIES_RIG_H

#include "requests_rig.h"

#include "control/capabilities.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static inline json_t *query(void)
{
	return ask("{\"method\":\"org.xesp.Capabilities\"}", NULL);
}

static inline json_t *sound_sa(void)
{
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:{s:s, s:s}}", "dst", "192.0.2.2", "spi", 4097,
			 "mode", "tunnel", "aead", "rfc4106(gcm(aes))", "key",
			 "000102030405060708090a0b0c0d0e0f10111213", "icv_bits", 128, "sel", "src",
			 "10.1.0.1", "dst", "10.2.0.1");
}

/* True if a member of this name is anywhere in the answer. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the answer is */
static inline bool has_member(const json_t *value, const char *name)
{
	const char *key;
	json_t *member;
	size_t i;

	json_array_foreach (value, i, member) {
		if (has_member(member, name))
			return true;
	}
	json_object_foreach ((json_t *)value, key, member) {
		if (!strcmp(key, name) || has_member(member, name))
			return true;
	}
	return false;
}

/* True if a feature of this name is in the answer, and not supported. */
static inline bool lacks_feature(const json_t *capabilities, const char *name)
{
	const json_t *feature;
	size_t i;

	json_array_foreach (json_object_get(capabilities, "features"), i, feature) {
		if (!strcmp(json_string_value(json_object_get(feature, "name")), name))
			return json_is_false(json_object_get(feature, "supported"));
	}
	return false;
}

/* Adds the SA; takes over the reference. Returns the error without "org.xesp.", "" if it was added (and then
 * deleted again). An error changes nothing, and one that says NotSupported names a member of the query. */
static inline const char *add(json_t *sa)
{
	static char error[64];
	json_t *call = json_pack("{s:s, s:{s:o}}", "method", "org.xesp.AddSa", "parameters", "sa", sa);
	char *text = json_dumps(call, JSON_COMPACT);
	json_t *answer, *capabilities;
	const char *name;

	send_text(rig.fd, text, strlen(text) + 1);
	free(text);
	json_decref(call);
	answer = reply(rig.fixture, rig.fd);
	assert_non_null(answer);
	name = json_string_value(json_object_get(answer, "error"));
	snprintf(error, sizeof(error), "%s", name ? name + strlen("org.xesp.") : "");
	if (!strcmp(error, "NotSupported")) {
		name = json_string_value(
			json_object_get(json_object_get(answer, "parameters"), "capability"));
		capabilities = query();
		if (!name || (!has_member(capabilities, name) && !lacks_feature(capabilities, name)))
			fail_msg("the query has no %s", name ? name : "(nothing)");
		json_decref(capabilities);
	}
	json_decref(answer);
	assert_int_equal(sadb_count(rig.iface.db), *error ? 0 : 1);
	if (!*error)
		json_decref(ask("{\"method\":\"org.xesp.FlushSas\"}", NULL));
	return error;
}

static inline const char *add_with(const char *member, json_t *value)
{
	json_t *sa = sound_sa();

	json_object_set_new(sa, member, value);
	return add(sa);
}

static inline bool lists(const json_t *list, const char *word)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *name = json_string_value(item);

		if (!name)
			name = json_string_value(json_object_get(item, "name"));
		if (!name)
			name = json_string_value(json_object_get(item, "type"));
		if (!strcmp(name, word))
			return true;
	}
	return false;
}

static inline bool contains(const json_t *numbers, json_int_t number)
{
	const json_t *item;
	size_t i;

	json_array_foreach (numbers, i, item) {
		if (json_integer_value(item) == number)
			return true;
	}
	return false;
}

static inline json_int_t number(const json_t *object, const char *outer, const char *inner, const char *name)
{
	return json_integer_value(json_object_get(
		json_object_get(outer ? json_object_get(object, outer) : object, inner), name));
}

#endif
