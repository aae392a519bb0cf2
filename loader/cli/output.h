/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What commands write to standard output: JSON documents, tables, and text that came from elsewhere.
 */
#ifndef XESP_CLI_OUTPUT_H
#define XESP_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* One document, indented, and a newline. */
void output_json(const json_t *document);

/* Replaces control characters, which would reach the terminal, by '?'. Returns `text`. */
char *output_printable(char *text);

/* Columns of the terminal behind standard output, at least 80; 100 where there is none. */
unsigned int output_width(void);

/* A table: aligned columns, the last one wrapped at the width. Adding never fails; table_print() says so if
 * memory ran out. */
#define TABLE_COLUMNS_MAX 16

struct table_column {
	const char *title;
	bool right; /* numbers */
};

struct table {
	const struct table_column *columns; /* borrowed */
	size_t column_count;
	char **cells; /* row by row */
	size_t cell_count;
	bool failed;
};

/* The next cell of the current row. */
__attribute__((format(printf, 2, 3))) void table_add(struct table *table, const char *format, ...);
/* The same from a member of a reply; "-" if it is missing or null, "yes" and "no" for booleans. */
void table_add_member(struct table *table, const json_t *object, const char *name);
/* Prints all complete rows. -ENOMEM if cells are missing. */
int table_print(const struct table *table, FILE *out, unsigned int width);
void table_clear(struct table *table);

#define CLEANUP_TABLE CLEANUP(table_clear)

#endif
