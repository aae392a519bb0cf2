/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests through a real socket, to an engine with one interface that has no workers: what is out of range,
 * null, or cannot be repeated in an error as it came.
 */
#include "requests_rig.h"

#define SPI 0x1001
#define DST "192.0.2.2"

static int start_with_sa(void **state)
{
	start(state);
	json_decref(ask(
		"{\"method\":\"org.xesp.AddSa\",\"parameters\":{\"sa\":{\"dst\":\"192.0.2.2\",\"spi\":4097,"
		"\"mode\":\"tunnel\",\"aead\":\"rfc4106(gcm(aes))\",\"icv_bits\":128,\"key\":"
		"\"000102030405060708090a0b0c0d0e0f10111213\",\"dev\":null}}}",
		NULL));
	return 0;
}

/* A number that does not fit an SPI must not be cut to one that is in use. */
static void test_spi_range(void **state)
{
	static const char *const numbers[] = {"-1", "4294971393" /* 2^32 + 4097 */, "4294967296",
					      "-4294963199", "9223372036854775807"};
	char request[160];

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(request, sizeof(request),
			 "{\"method\":\"org.xesp.DeleteSa\",\"parameters\":{\"dst\":\"" DST "\",\"spi\":%s}}",
			 numbers[i]);
		expect(request, "org.xesp.InvalidField");
		snprintf(request, sizeof(request),
			 "{\"method\":\"org.xesp.ListSas\",\"parameters\":{\"dst\":\"" DST "\",\"spi\":%s}}",
			 numbers[i]);
		expect(request, "org.xesp.InvalidField");
	}
	assert_int_equal(sadb_count(rig.iface.db), 1);
	expect("{\"method\":\"org.xesp.ListSas\",\"parameters\":{\"dst\":\"" DST "\"}}",
	       "org.xesp.InvalidField");
	expect("{\"method\":\"org.xesp.ListSas\",\"parameters\":{\"spi\":4097}}", "org.xesp.InvalidField");
}

/* Null stands for a member that is absent, as varlink.org says of optional members. */
static void test_null(void **state)
{
	json_t *answer;

	(void)state;
	answer = ask(
		"{\"method\":\"org.xesp.ListSas\",\"parameters\":{\"dst\":null,\"spi\":null,\"dev\":null}}",
		NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "sas")), 1);
	json_decref(answer);
	json_decref(ask("{\"method\":\"org.xesp.ListParsers\",\"parameters\":{\"dev\":null}}", NULL));
	expect("{\"method\":\"org.xesp.DeleteSa\",\"parameters\":{\"dst\":null,\"spi\":4097}}",
	       "org.xesp.InvalidField");
	expect("{\"method\":\"org.xesp.Detach\",\"parameters\":{\"dev\":null}}", "org.xesp.InvalidField");
	answer = ask("{\"method\":\"org.xesp.FlushSas\",\"parameters\":{\"dev\":null}}", NULL);
	assert_int_equal(json_integer_value(json_object_get(answer, "deleted")), 1);
	json_decref(answer);
}

/* Long names of two-byte characters: wherever the text is cut, the error keeps its members. */
static void test_cut_text(void **state)
{
	char name[401];
	char request[600];
	json_t *answer;

	(void)state;
	for (size_t odd = 0; odd < 2; odd++) {
		memset(name, 'x', odd);
		for (size_t i = odd; i + 2 < sizeof(name); i += 2)
			memcpy(name + i, "\xc3\xa9", 3);
		snprintf(request, sizeof(request),
			 "{\"method\":\"org.xesp.Detach\",\"parameters\":{\"dev\":\"%s\"}}", name);
		answer = ask(request, "org.xesp.NotFound");
		assert_non_null(strstr(json_string_value(json_object_get(answer, "what")), "\xc3\xa9"));
		json_decref(answer);
		snprintf(request, sizeof(request),
			 "{\"method\":\"org.xesp.Status\",\"parameters\":{\"%s\":1}}", name);
		answer = ask(request, "org.xesp.InvalidField");
		assert_non_null(json_object_get(answer, "field"));
		assert_non_null(json_object_get(answer, "value"));
		assert_non_null(json_object_get(answer, "rule"));
		json_decref(answer);
		snprintf(request, sizeof(request),
			 "{\"method\":\"org.xesp.AddSa\",\"parameters\":{\"sa\":{\"%s\":1}}}", name);
		answer = ask(request, "org.xesp.InvalidField");
		assert_non_null(json_object_get(answer, "field"));
		json_decref(answer);
	}
}

static int fail_to_read(struct classifier *classifier, uint64_t *counters)
{
	(void)classifier;
	(void)counters;
	return -EIO;
}

/* Counters that cannot be read are no zeros. */
static void test_stats_that_cannot_be_read(void **state)
{
	const struct classifier_ops *sound = rig.iface.classifier->ops;
	struct classifier_ops broken = *sound;

	(void)state;
	broken.read_counters = fail_to_read;
	rig.iface.classifier->ops = &broken;
	expect("{\"method\":\"org.xesp.Stats\"}", "org.xesp.Failed");
	rig.iface.classifier->ops = sound;
}

/* A request that names no interface means the only one; an inside interface does not count beside another. */
static void test_which_interface(void **state)
{
	struct iface first = {.info = {.dev = "a"}}, second = {.info = {.dev = "b"}};
	struct engine engine = {.ifaces = {[1] = &first}};

	(void)state;
	assert_ptr_equal(engine_pick(&engine, NULL), &first);
	first.info.inside = 1;
	assert_ptr_equal(engine_pick(&engine, ""), &first);
	for (size_t i = 0; i < XESP_IFACES_MAX; i += 2) {
		engine.ifaces[i] = &second;
		assert_ptr_equal(engine_pick(&engine, NULL), &second);
		assert_ptr_equal(engine_pick(&engine, "a"), &first);
		assert_null(engine_pick(&engine, "c"));
		first.info.inside = 0;
		assert_null(engine_pick(&engine, NULL));
		first.info.inside = 1;
		engine.ifaces[i] = NULL;
	}
	engine.ifaces[1] = NULL;
	assert_null(engine_pick(&engine, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_spi_range, start_with_sa, end),
		cmocka_unit_test_setup_teardown(test_null, start_with_sa, end),
		cmocka_unit_test_setup_teardown(test_cut_text, start_with_sa, end),
		cmocka_unit_test_setup_teardown(test_stats_that_cannot_be_read, start_with_sa, end),
		cmocka_unit_test(test_which_interface),
	};

	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
