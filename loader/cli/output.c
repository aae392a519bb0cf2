/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats for a terminal of 80 columns or more. Runs on the CLI's only thread.
 */
#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"

#define WIDTH_MIN 80
#define WIDTH_NO_TERMINAL 100
#define GAP "  "

void output_json(const json_t *document)
{
	json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
}

char *output_printable(char *text)
{
	for (char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return text;
}

unsigned int output_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return WIDTH_NO_TERMINAL;
	return size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
}

/* Takes `text`, which is NULL if memory ran out. */
static void add_cell(struct table *table, char *text)
{
	char **cells = NULL;

	if (text)
		cells = reallocarray(table->cells, table->cell_count + 1, sizeof(*cells));
	if (!cells) {
		free(text);
		table->failed = true;
		return;
	}
	table->cells = cells;
	table->cells[table->cell_count++] = output_printable(text);
}

void table_add(struct table *table, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	add_cell(table, text);
}

void table_add_member(struct table *table, const json_t *object, const char *name)
{
	const json_t *member = json_object_get(object, name);

	if (json_is_integer(member))
		table_add(table, "%" JSON_INTEGER_FORMAT, json_integer_value(member));
	else if (json_is_string(member))
		table_add(table, "%s", json_string_value(member));
	else if (json_is_boolean(member))
		table_add(table, "%s", json_is_true(member) ? "yes" : "no");
	else
		table_add(table, "-");
}

static void measure(const struct table *table, size_t *widths)
{
	size_t complete = table->cell_count - table->cell_count % table->column_count;

	for (size_t i = 0; i < table->column_count; i++)
		widths[i] = strlen(table->columns[i].title);
	for (size_t i = 0; i < complete; i++) {
		size_t len = strlen(table->cells[i]);
		size_t *width = &widths[i % table->column_count];

		*width = len > *width ? len : *width;
	}
}

/* Prints the last cell of a row, wrapped between words; further lines start at column `indent`. */
static void print_wrapped(const char *text, size_t indent, size_t width, FILE *out)
{
	while (strlen(text) > width) {
		size_t end = width;

		while (end && text[end] != ' ')
			end--;
		if (!end)
			break;
		fprintf(out, "%.*s\n%*s", (int)end, text, (int)indent, "");
		text += end + 1;
	}
	fprintf(out, "%s\n", text);
}

static void print_row(const struct table *table, const size_t *widths, char *const *cells,
		      unsigned int line_width, FILE *out)
{
	size_t last = table->column_count - 1;
	size_t indent = 0;

	for (size_t i = 0; i <= last; i++) {
		const char *text = cells ? cells[i] : table->columns[i].title;
		int width = (int)widths[i];

		if (table->columns[i].right)
			fprintf(out, "%*s%s", width, text, i < last ? GAP : "\n");
		else if (i < last)
			fprintf(out, "%-*s%s", width, text, GAP);
		else
			print_wrapped(text, indent, line_width > indent + 20 ? line_width - indent : 20, out);
		indent += widths[i] + strlen(GAP);
	}
}

int table_print(const struct table *table, FILE *out, unsigned int width)
{
	size_t widths[TABLE_COLUMNS_MAX];

	if (table->failed)
		return -ENOMEM;
	measure(table, widths);
	print_row(table, widths, NULL, width, out);
	for (size_t i = 0; i + table->column_count <= table->cell_count; i += table->column_count)
		print_row(table, widths, table->cells + i, width, out);
	return 0;
}

void table_clear(struct table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->cell_count = 0;
	table->failed = false;
}
