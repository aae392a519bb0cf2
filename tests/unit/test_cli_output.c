/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables and printable text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/output.c"

static const struct table_column columns[] = {{"NAME", false}, {"COUNT", true}, {"TEXT", false}};

#define TABLE(columns) \
	{ \
		columns, ARRAY_SIZE(columns), NULL, 0, false \
	}

static char *printed(const struct table *table, unsigned int width)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(table_print(table, out, width), 0);
	fclose(out);
	return text;
}

static void aligns_columns(void **state)
{
	CLEANUP_TABLE struct table table = TABLE(columns);
	CLEANUP_FREE char *text = NULL;

	(void)state;
	table_add(&table, "a");
	table_add(&table, "%d", 5);
	table_add(&table, "first");
	table_add(&table, "longer name");
	table_add(&table, "%d", 1234567);
	table_add(&table, "second");
	table_add(&table, "an incomplete row is not printed");
	text = printed(&table, 80);
	assert_string_equal(text, "NAME           COUNT  TEXT\n"
				  "a                  5  first\n"
				  "longer name  1234567  second\n");
}

static void wraps_the_last_column(void **state)
{
	CLEANUP_TABLE struct table table = TABLE(columns);
	CLEANUP_FREE char *text = NULL;

	(void)state;
	table_add(&table, "a");
	table_add(&table, "5");
	table_add(&table, "these words need more than one line, indivisible-as-the-last-one-of-them-is");
	text = printed(&table, 40);
	assert_string_equal(text, "NAME  COUNT  TEXT\n"
				  "a         5  these words need more than\n"
				  "             one line,\n"
				  "             indivisible-as-the-last-one-of-them-is\n");
}

static void ends_with_a_number(void **state)
{
	static const struct table_column numbers[] = {{"A", true}, {"B", true}};
	CLEANUP_TABLE struct table table = TABLE(numbers);
	CLEANUP_FREE char *text = NULL;

	(void)state;
	table_add(&table, "10");
	table_add(&table, "2");
	text = printed(&table, 80);
	assert_string_equal(text, " A  B\n10  2\n");
}

static void takes_members(void **state)
{
	CLEANUP_TABLE struct table table = TABLE(columns);
	json_t *object = json_pack("{s:s, s:I, s:b, s:b, s:n, s:[]}", "text", "t\x1b[1m\n", "number",
				   (json_int_t)1 << 40, "on", 1, "off", 0, "null", "list");
	static const struct {
		const char *member, *cell;
	} cases[] = {
		{"text", "t?[1m?"}, {"number", "1099511627776"},
		{"on", "yes"},	    {"off", "no"},
		{"null", "-"},	    {"list", "-"},
		{"missing", "-"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		table_add_member(&table, object, cases[i].member);
		assert_string_equal(table.cells[i], cases[i].cell);
	}
	json_decref(object);
	table_add_member(&table, NULL, "text");
	assert_string_equal(table.cells[table.cell_count - 1], "-");
}

static void makes_text_printable(void **state)
{
	char text[] = "a\tb\x7f\x01\xc3\xa9";

	(void)state;
	assert_string_equal(output_printable(text), "a?b??\xc3\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligns_columns),	cmocka_unit_test(wraps_the_last_column),
		cmocka_unit_test(ends_with_a_number),	cmocka_unit_test(takes_members),
		cmocka_unit_test(makes_text_printable),
	};

	return cmocka_run_group_tests_name("cli_output", tests, NULL, NULL);
}
