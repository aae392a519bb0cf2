/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles and parser entries as a client of the control socket sees them: what AddSa and DeleteSa answer, by
 * which error, and what two clients at once can make of it.
 */
#include "requests_rig.h"
#include "tests/lib/frame.h"

#define ADD \
	"{\"method\":\"org.xesp.AddSa\",\"parameters\":{%s\"sa\":{\"dst\":\"192.0.2.2\",\"spi\":%u," \
	"\"mode\":\"tunnel\",\"aead\":\"rfc4106(gcm(aes))\",\"icv_bits\":128," \
	"\"key\":\"000102030405060708090a0b0c0d0e0f10111213\"%s}}}"
#define DELETE "{\"method\":\"org.xesp.DeleteSa\",\"parameters\":{%s}}"
#define BY_NAME(spi) "\"dst\":\"192.0.2.2\",\"spi\":" #spi
#define ENCAP(type, port) ",\"encap\":{\"type\":\"" type "\",\"sport\":4500,\"dport\":" port "}"
#define ENCAP_4500 ENCAP("espinudp", "4500")
#define OUT ",\"src\":\"192.0.2.1\",\"dir\":\"out\""

/* Adds; `*ret_handle` and `*ret_parser` (each may be NULL) get the handles, "" for null. */
static void add(unsigned int spi, const char *parser, const char *encap, const char *error, char *ret_handle,
		char *ret_parser)
{
	char request[512];
	json_t *answer;

	snprintf(request, sizeof(request), ADD, parser, spi, encap);
	answer = ask(request, error);
	if (!error) {
		const char *of_parser = json_string_value(json_object_get(answer, "parser"));

		if (ret_handle)
			snprintf(ret_handle, HANDLE_TEXT_MAX, "%s",
				 json_string_value(json_object_get(answer, "handle")));
		if (ret_parser)
			snprintf(ret_parser, HANDLE_TEXT_MAX, "%s", of_parser ? of_parser : "");
	}
	json_decref(answer);
}

__attribute__((format(printf, 2, 3))) static void del(const char *error, const char *format, ...)
{
	char parameters[256], request[384];
	json_t *answer;
	va_list args;

	va_start(args, format);
	vsnprintf(parameters, sizeof(parameters), format, args);
	va_end(args);
	snprintf(request, sizeof(request), DELETE, parameters);
	answer = ask(request, error);
	if (!error)
		assert_true(json_is_false(json_object_get(answer, "pending")));
	json_decref(answer);
}

/* "HANDLE:SAS " of each entry, as ListParsers has them. */
static const char *parsers(void)
{
	static char text[512];
	json_t *answer = ask("{\"method\":\"org.xesp.ListParsers\",\"parameters\":{}}", NULL);
	const json_t *parser;
	size_t i;

	text[0] = '\0';
	json_array_foreach (json_object_get(answer, "parsers"), i, parser) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s:%d ",
			 json_string_value(json_object_get(parser, "handle")),
			 (int)json_integer_value(json_object_get(parser, "sas")));
	}
	json_decref(answer);
	return text;
}

/* M2, M3, M4, M13 */
static void test_add_answers_with_handles(void **state)
{
	char first[HANDLE_TEXT_MAX], second[HANDLE_TEXT_MAX], parser[HANDLE_TEXT_MAX], again[HANDLE_TEXT_MAX];
	char named[64];

	(void)state;
	add(4096, "", ENCAP_4500, NULL, first, parser);
	assert_string_equal(first, "sa-0-1");
	assert_string_equal(parser, "parser-0-1");
	add(4097, "", ENCAP_4500, NULL, second, again);
	assert_string_not_equal(first, second);
	assert_string_equal(parser, again);
	snprintf(named, sizeof(named), "\"parser\":\"%s\",", parser);
	add(4098, named, ENCAP_4500, NULL, NULL, again);
	assert_string_equal(parser, again);
	/* Without encap it takes over what the entry has, and shows it. */
	add(4099, named, "", NULL, NULL, again);
	assert_string_equal(parser, again);
	assert_string_equal(parsers(), "parser-0-1:4 ");
	add(4100, "", ENCAP("espinudp", "4501"), NULL, NULL, NULL);
	add(4101, "", ENCAP("espinudp_nonike", "4500"), NULL, NULL, NULL);
	add(4102, "", "", NULL, NULL, again);
	assert_string_equal(again, "");
	assert_string_equal(parsers(), "parser-0-1:4 parser-1-1:1 parser-2-1:1 ");
}

/* M5 */
static void test_stale_and_wrong_parser_handles(void **state)
{
	(void)state;
	add(4096, "", ENCAP_4500, NULL, NULL, NULL);
	add(4097, "\"parser\":\"parser-1-1\",", ENCAP_4500, "org.xesp.StaleHandle", NULL, NULL);
	add(4097, "\"parser\":\"parser-0-2\",", "", "org.xesp.StaleHandle", NULL, NULL);
	add(4097, "\"parser\":\"sa-0-1\",", "", "org.xesp.InvalidField", NULL, NULL);
	add(4097, "\"parser\":\"parser-0-1x\",", "", "org.xesp.InvalidField", NULL, NULL);
	add(4097, "\"parser\":7,", "", "org.xesp.InvalidField", NULL, NULL);
	add(4097, "\"parser\":\"parser-0-1\",", ENCAP("espinudp", "4501"), "org.xesp.InvalidField", NULL,
	    NULL);
	add(4097, "\"parser\":\"parser-0-1\",", ENCAP("espinudp_nonike", "4500"), "org.xesp.InvalidField",
	    NULL, NULL);
	assert_string_equal(parsers(), "parser-0-1:1 ");
	assert_int_equal(sadb_count(rig.iface.db), 1);
	/* The entry goes, another takes its place: the old handle is stale for both requests. */
	del(NULL, BY_NAME(4096) ",\"parser\":\"parser-0-1\"");
	assert_string_equal(parsers(), "");
	add(4096, "", ENCAP_4500, NULL, NULL, NULL);
	assert_string_equal(parsers(), "parser-0-2:1 ");
	add(4097, "\"parser\":\"parser-0-1\",", "", "org.xesp.StaleHandle", NULL, NULL);
	del("org.xesp.StaleHandle", BY_NAME(4096) ",\"parser\":\"parser-0-1\"");
	assert_string_equal(parsers(), "parser-0-2:1 ");
}

/* M7: an outbound add makes no parser entry and belongs to none, whatever it says of one. */
static void test_outbound_add_ignores_parser_entry(void **state)
{
	static const char *const parser_handles[] = {"", "\"parser\":\"parser-0-1\",",
						     "\"parser\":\"parser-9-9\","};
	static const char *const encaps[] = {OUT, ENCAP_4500 OUT, ENCAP("espinudp_nonike", "500") OUT};
	char handle[HANDLE_TEXT_MAX], parser[HANDLE_TEXT_MAX], expected[HANDLE_TEXT_MAX];

	(void)state;
	add(4096, "", ENCAP_4500, NULL, NULL, NULL);
	for (unsigned int i = 0; i < 3; i++)
		for (unsigned int j = 0; j < 3; j++) {
			add(5000 + 3 * i + j, parser_handles[i], encaps[j], NULL, handle, parser);
			snprintf(expected, sizeof(expected), "sa-out-%u-1", 3 * i + j);
			assert_string_equal(handle, expected);
			assert_string_equal(parser, "");
		}
	assert_string_equal(parsers(), "parser-0-1:1 ");
	assert_int_equal(sadb_count(rig.iface.db), 1);
	assert_int_equal(outbound_count(rig.engine.outbound), 9);
	add(4097, "", ENCAP_4500 ",\"dir\":\"in\"", NULL, NULL, NULL);
	add(4098, "", ENCAP_4500 ",\"dir\":\"sideways\"", "org.xesp.InvalidField", NULL, NULL);
}

/* An outbound SA is named as any: by its handle, or by peer and SPI; a handle that is stale names nothing. */
static void test_outbound_names(void **state)
{
	char first[HANDLE_TEXT_MAX], second[HANDLE_TEXT_MAX];

	(void)state;
	add(5000, "", OUT, NULL, first, NULL);
	add(5000, "", OUT, "org.xesp.AlreadyExists", NULL, NULL);
	/* The same name inbound is another SA, and the one that is meant by the name. */
	add(5000, "", "", NULL, NULL, NULL);
	del(NULL, BY_NAME(5000));
	assert_int_equal(sadb_count(rig.iface.db), 0);
	assert_int_equal(outbound_count(rig.engine.outbound), 1);
	del(NULL, BY_NAME(5000));
	del("org.xesp.NotFound", BY_NAME(5000));
	del("org.xesp.StaleHandle", "\"handle\":\"%s\"", first);
	for (unsigned int i = 0; i < RIG_CAPACITY; i++)
		add(6000 + i, "", OUT, NULL, second, NULL);
	add(7000, "", OUT, "org.xesp.CapacityExceeded", NULL, NULL);
	del("org.xesp.StaleHandle", "\"handle\":\"%s\"", first);
	del(NULL, "\"handle\":\"%s\"", second);
	assert_int_equal(outbound_count(rig.engine.outbound), RIG_CAPACITY - 1);
}

/* M8, M9 */
static void test_delete_and_the_parser_entry(void **state)
{
	(void)state;
	for (unsigned int spi = 4096; spi < 4100; spi++)
		add(spi, "", ENCAP_4500, NULL, NULL, NULL);
	add(4100, "", "", NULL, NULL, NULL);
	del("org.xesp.InUse", BY_NAME(4096) ",\"parser\":\"parser-0-1\"");
	del("org.xesp.InvalidField", BY_NAME(4096) ",\"parser\":\"parser-0-1\",\"parser_if_unused\":true");
	del("org.xesp.InvalidField", BY_NAME(4100) ",\"parser\":\"parser-0-1\"");
	assert_string_equal(parsers(), "parser-0-1:4 ");
	assert_int_equal(sadb_count(rig.iface.db), 5);
	del(NULL, BY_NAME(4096));
	del(NULL, BY_NAME(4097) ",\"parser_if_unused\":true");
	del(NULL, BY_NAME(4098) ",\"parser\":null,\"parser_if_unused\":false");
	assert_string_equal(parsers(), "parser-0-1:1 ");
	del(NULL, BY_NAME(4099));
	assert_string_equal(parsers(), "parser-0-1:0 ");
	add(4096, "\"parser\":\"parser-0-1\",", "", NULL, NULL, NULL);
	del(NULL, BY_NAME(4096) ",\"parser\":\"parser-0-1\"");
	assert_string_equal(parsers(), "");
	add(4096, "", ENCAP_4500, NULL, NULL, NULL);
	del(NULL, BY_NAME(4096) ",\"parser_if_unused\":true");
	assert_string_equal(parsers(), "");
	/* An entry without SAs does not stay for ever. */
	add(4096, "", ENCAP_4500, NULL, NULL, NULL);
	del(NULL, BY_NAME(4096));
	assert_string_equal(parsers(), "parser-0-3:0 ");
	json_decref(ask("{\"method\":\"org.xesp.FlushSas\",\"parameters\":{}}", NULL));
	assert_string_equal(parsers(), "");
}

/* What the classifier does with ESP of this SPI on port 4500. */
static enum xesp_reason classify(uint32_t spi)
{
	static const struct frame_spec spec = {.src = {AF_INET, {192, 0, 2, 1}},
					       .dst = {AF_INET, {192, 0, 2, 2}},
					       .sport = 4500,
					       .dport = 4500};
	struct classifier *classifier = rig.iface.classifier;
	struct classifier_result result;
	struct frame frame = {0};

	frame_esp(&frame, &spec, XESP_FORM_UDP, spi, 100);
	assert_int_equal(classifier->ops->run(classifier, frame.bytes, frame.len, &result), 0);
	assert_int_equal(result.redirected, result.reason == XESP_REASON_TO_ENGINE);
	if (result.redirected)
		assert_int_equal(sadb_get(rig.iface.db, result.meta.sa_index, result.meta.sa_generation)->spi,
				 spi);
	else /* untouched */
		assert_memory_equal(result.frame, frame.bytes, frame.len);
	return result.reason;
}

/* M1, M8, M9: the same, as packets see it. */
static void test_packets_after_a_delete(void **state)
{
	const struct xesp_config config = {.enabled = 1, .packet_max = 3840};

	(void)state;
	assert_int_equal(rig.iface.classifier->ops->set_config(rig.iface.classifier, &config), 0);
	assert_int_equal(classify(4096), XESP_REASON_NO_PARSER);
	add(4096, "", ENCAP_4500, NULL, NULL, NULL);
	add(4097, "", ENCAP_4500, NULL, NULL, NULL);
	assert_int_equal(classify(4096), XESP_REASON_TO_ENGINE);
	assert_int_equal(classify(4097), XESP_REASON_TO_ENGINE);
	del(NULL, BY_NAME(4096));
	assert_int_equal(classify(4096), XESP_REASON_NO_SA);
	assert_int_equal(classify(4097), XESP_REASON_TO_ENGINE);
	del(NULL, BY_NAME(4097) ",\"parser\":\"parser-0-1\"");
	assert_int_equal(classify(4097), XESP_REASON_NO_PARSER);
}

static void test_delete_by_handle(void **state)
{
	char handle[HANDLE_TEXT_MAX];

	(void)state;
	add(4096, "", ENCAP_4500, NULL, handle, NULL);
	del("org.xesp.InvalidField", "\"handle\":\"%s\",\"spi\":4096", handle);
	del("org.xesp.InvalidField", "\"handle\":\"%s\"," BY_NAME(4096), handle);
	del("org.xesp.InvalidField", "\"handle\":\"parser-0-1\"");
	del("org.xesp.InvalidField", "\"parser_if_unused\":true");
	del("org.xesp.InvalidField", "\"dst\":\"192.0.2.2\"");
	del("org.xesp.StaleHandle", "\"handle\":\"sa-0-2\"");
	del("org.xesp.StaleHandle", "\"handle\":\"sa-4294967295-4294967295\"");
	del("org.xesp.NotFound", "\"handle\":\"%s\",\"dev\":\"y0\"", handle);
	assert_int_equal(sadb_count(rig.iface.db), 1);
	del(NULL, "\"handle\":\"%s\",\"dev\":\"x0\",\"parser\":\"parser-0-1\"", handle);
	assert_int_equal(sadb_count(rig.iface.db), 0);
	del("org.xesp.StaleHandle", "\"handle\":\"%s\"", handle);
	del("org.xesp.NotFound", BY_NAME(4096));
}

/* M27 */
static void test_one_more_than_capacity(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RIG_CAPACITY; i++)
		add(4096 + i, "", ENCAP_4500, NULL, NULL, NULL);
	add(5000, "", ENCAP("espinudp", "4501"), "org.xesp.CapacityExceeded", NULL, NULL);
	assert_string_equal(parsers(), "parser-0-1:16 ");
	del(NULL, BY_NAME(4096));
	add(5000, "", ENCAP("espinudp", "4501"), NULL, NULL, NULL);
	assert_string_equal(parsers(), "parser-0-1:15 parser-1-1:1 ");
}

/* True if the next message on `fd` is no error; the error has this name otherwise. */
static bool succeeded(int fd, const char *error)
{
	json_t *message = reply(rig.fixture, fd);
	const char *got = json_string_value(json_object_get(message, "error"));
	bool good = !got;

	if (got)
		assert_string_equal(got, error);
	json_decref(message);
	return good;
}

/* M12: requests are taken one after the other, whoever sends them: a delete finds an SA whole or not at all,
 * and where it comes behind the add, the SA is absent. */
static void test_delete_races_add(void **state)
{
	char both[1024], add_text[512];
	const char del_text[] = "{\"method\":\"org.xesp.DeleteSa\",\"parameters\":{" BY_NAME(
		4096) ",\"parser_if_unused\":true}}";
	int other = client(rig.fixture);
	size_t len;

	(void)state;
	len = (size_t)snprintf(add_text, sizeof(add_text), ADD, "", 4096u, ENCAP_4500) + 1;
	memcpy(both, add_text, len);
	memcpy(both + len, del_text, sizeof(del_text));
	for (unsigned int round = 0; round < 1000; round++) {
		/* One client that does not wait for the answer. */
		send_text(rig.fd, both, len + sizeof(del_text));
		assert_true(succeeded(rig.fd, ""));
		assert_true(succeeded(rig.fd, ""));
		assert_int_equal(sadb_count(rig.iface.db), 0);
		assert_int_equal(sadb_parser_count(rig.iface.db), 0);
		/* Two clients, whose requests are both there when the engine looks. */
		if (round % 2)
			send_text(other, del_text, sizeof(del_text));
		send_text(rig.fd, add_text, len);
		if (round % 2 == 0)
			send_text(other, del_text, sizeof(del_text));
		assert_true(succeeded(rig.fd, ""));
		if (succeeded(other, "org.xesp.NotFound")) {
			assert_int_equal(sadb_count(rig.iface.db), 0);
		} else {
			assert_int_equal(sadb_count(rig.iface.db), 1);
			send_text(other, del_text, sizeof(del_text));
			assert_true(succeeded(other, ""));
		}
		assert_int_equal(sadb_count(rig.iface.db), 0);
		assert_int_equal(sadb_parser_count(rig.iface.db), 0);
	}
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_answers_with_handles, start, end),
		cmocka_unit_test_setup_teardown(test_stale_and_wrong_parser_handles, start, end),
		cmocka_unit_test_setup_teardown(test_outbound_add_ignores_parser_entry, start, end),
		cmocka_unit_test_setup_teardown(test_outbound_names, start, end),
		cmocka_unit_test_setup_teardown(test_delete_and_the_parser_entry, start, end),
		cmocka_unit_test_setup_teardown(test_packets_after_a_delete, start, end),
		cmocka_unit_test_setup_teardown(test_delete_by_handle, start, end),
		cmocka_unit_test_setup_teardown(test_one_more_than_capacity, start, end),
		cmocka_unit_test_setup_teardown(test_delete_races_add, start, end),
	};

	return cmocka_run_group_tests_name("requests_handles", tests, NULL, NULL);
}
