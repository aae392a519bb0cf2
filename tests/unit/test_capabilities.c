/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability query against what requests are really taken: everything that it lists, and its neighbours.
 * Every add goes through the socket, so through decoding, validation and the SA store. Algorithms are in
 * test_capabilities_algos.c.
 */
#include "capabilities_rig.h"

#include "control/sa_flag.h"

/* M25 */
static void test_modes_are_taken_as_listed(void **state)
{
	static const char *const unknown[] = {"Tunnel", "tunnel ", "", "tunneltransport", "0"};
	json_t *capabilities = query();
	const json_t *modes = json_object_get(capabilities, "mode");
	const struct capability_word *word;
	size_t taken = 0;

	(void)state;
	for (size_t row = 0; (word = capabilities_word_at(row)); row++) {
		bool listed = lists(modes, word->json);

		if (word->field != CAPABILITY_MODE)
			continue;
		assert_string_equal(add_with("mode", json_string(word->json)), listed ? "" : "NotSupported");
		taken += listed;
	}
	assert_int_equal(taken, json_array_size(modes));
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_string_equal(add_with("mode", json_string(unknown[i])), "InvalidField");
	json_decref(capabilities);
}

static json_t *encap_of(const char *type, json_int_t dport)
{
	return json_pack("{s:s, s:i, s:I}", "type", type, "sport", 4500, "dport", dport);
}

/* M25 */
static void test_encapsulations_and_ports_are_taken_as_listed(void **state)
{
	json_t *capabilities = query();
	const json_t *encaps = json_object_get(capabilities, "encap");
	const struct capability_word *word;
	const json_t *encap;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(encaps), 2);
	for (size_t row = 0; (word = capabilities_word_at(row)); row++) {
		if (word->field == CAPABILITY_ENCAP)
			assert_string_equal(add_with("encap", encap_of(word->json, 4500)),
					    lists(encaps, word->json) ? "" : "NotSupported");
	}
	json_array_foreach (encaps, i, encap) {
		const char *type = json_string_value(json_object_get(encap, "type"));
		json_int_t min = json_integer_value(json_object_get(encap, "port_min"));
		json_int_t max = json_integer_value(json_object_get(encap, "port_max"));

		assert_string_equal(add_with("encap", encap_of(type, min)), "");
		assert_string_equal(add_with("encap", encap_of(type, max)), "");
		assert_string_equal(add_with("encap", encap_of(type, min - 1)), "InvalidField");
		assert_string_equal(add_with("encap", encap_of(type, max + 1)), "InvalidField");
	}
	assert_string_equal(add_with("encap", encap_of("ESPINUDP", 4500)), "InvalidField");
	/* No encapsulation is native ESP, which the query has as a feature. */
	assert_true(lists(json_object_get(capabilities, "features"), "native_esp"));
	assert_string_equal(add_with("encap", json_null()), "");
	json_decref(capabilities);
}

/* M25 */
static void test_flags_are_taken_as_listed(void **state)
{
	json_t *capabilities = query();
	const json_t *flags = json_object_get(capabilities, "flags");
	const struct sa_flag_name *flag;
	size_t taken = 0;

	(void)state;
	for (size_t row = 0; (flag = sa_flag_at(row)); row++) {
		bool listed = lists(flags, flag->name);

		assert_string_equal(add_with("flags", json_pack("[s]", flag->name)),
				    listed ? "" : "NotSupported");
		taken += listed;
	}
	assert_int_equal(taken, json_array_size(flags));
	assert_string_equal(add_with("flags", json_pack("[s]", "warp")), "InvalidField");
	json_decref(capabilities);
}

/* M25: each window to a thousand packets, then each power of two with its neighbours, and others. */
static void test_windows_are_taken_as_listed(void **state)
{
	json_t *capabilities = query();
	const json_t *window = json_object_get(capabilities, "replay_window");
	json_int_t min = json_integer_value(json_object_get(window, "min"));
	json_int_t max = json_integer_value(json_object_get(window, "max"));

	(void)state;
	for (json_int_t packets = 0; packets <= 2 * max + 1;) {
		json_int_t power = 1;

		assert_string_equal(add_with("replay_window", json_integer(packets)),
				    !packets || (packets >= min && packets <= max) ? "" : "NotSupported");
		while (power <= packets + 1)
			power *= 2;
		if (packets < 1000 || power - packets <= 2 || packets - power / 2 <= 1)
			packets++;
		else
			packets += packets + 331 < power - 1 ? 331 : power - 1 - packets;
	}
	json_decref(capabilities);
}

static bool family_listed(const json_t *families, const char *mode, json_int_t outer, json_int_t inner)
{
	const json_t *row;
	size_t i;

	json_array_foreach (families, i, row) {
		if (!strcmp(json_string_value(json_object_get(row, "mode")), mode) &&
		    json_integer_value(json_object_get(row, "outer")) == outer)
			return contains(json_object_get(row, "inner"), inner);
	}
	return false;
}

/* M25 */
static void test_families_are_taken_as_listed(void **state)
{
	static const char *const modes[] = {"tunnel", "transport", "beet"};
	json_t *capabilities = query();

	(void)state;
	for (unsigned int i = 0; i < 4 * ARRAY_SIZE(modes); i++) {
		json_int_t outer = i & 1 ? 6 : 4;
		json_int_t inner = i & 2 ? 6 : 4;
		const char *mode = modes[i >> 2];
		json_t *sa = sound_sa();

		json_object_set_new(sa, "mode", json_string(mode));
		json_object_set_new(sa, "dst", json_string(outer == 6 ? "2001:db8::2" : "192.0.2.2"));
		json_object_set_new(sa, "sel",
				    json_pack("{s:s, s:s}", "src", inner == 6 ? "2001:db8::8" : "10.0.0.8",
					      "dst", inner == 6 ? "2001:db8::9" : "10.0.0.9"));
		assert_int_equal(!*add(sa), family_listed(json_object_get(capabilities, "families"), mode,
							  outer, inner));
	}
	json_decref(capabilities);
}

/* M25, M27: the capacity that the query says is the one that holds. */
static void test_capacity_is_as_listed(void **state)
{
	json_t *capabilities = query();
	json_t *ndis = json_object_get(capabilities, "ndis");
	json_int_t capacity = number(ndis, NULL, "v2", "SaOffloadCapacity");
	char request[400];

	(void)state;
	assert_int_equal(number(capabilities, NULL, "interfaces", "used"), 1);
	assert_int_equal(number(capabilities, NULL, "interfaces", "limit"), XESP_IFACES_MAX);
	json_decref(capabilities);
	for (json_int_t i = 0; i <= capacity; i++) {
		snprintf(request, sizeof(request),
			 "{\"method\":\"org.xesp.AddSa\",\"parameters\":{\"sa\":{\"dst\":\"192.0.2.2\","
			 "\"spi\":%d,\"mode\":\"tunnel\",\"aead\":\"rfc4106(gcm(aes))\",\"icv_bits\":128,"
			 "\"key\":\"000102030405060708090a0b0c0d0e0f10111213\"}}}",
			 4096 + (int)i);
		json_decref(ask(request, i < capacity ? NULL : "org.xesp.CapacityExceeded"));
	}
	capabilities = query();
	assert_int_equal(
		number(json_array_get(json_object_get(capabilities, "attached"), 0), NULL, "sas", "used"),
		capacity);
	assert_int_equal(
		number(json_array_get(json_object_get(capabilities, "attached"), 0), NULL, "sas", "limit"),
		capacity);
	json_decref(capabilities);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_modes_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_encapsulations_and_ports_are_taken_as_listed, start,
						end),
		cmocka_unit_test_setup_teardown(test_flags_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_windows_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_families_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_capacity_is_as_listed, start, end),
	};

	return cmocka_run_group_tests_name("capabilities", tests, NULL, NULL);
}
