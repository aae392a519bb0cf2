/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp capabilities`: what SAs may ask for, in words and in the numbers of NDIS. Runs on the CLI's only
 * thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/output.h"

static const struct argp capabilities_argp = {
	.doc = "Shows what SAs may ask for and packets may have; the rest is refused, or passes to the kernel.",
};

static const struct table_column columns[] = {{"CAPABILITY", false}, {"", false}};
static const struct table_column feature_columns[] = {{"FEATURE", false}, {"", false}, {"MEANING", false}};

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "?";
}

static json_int_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* The elements of a list of strings or integers: "128, 192, 256"; newly allocated, or NULL. */
static char *list_text(const json_t *list)
{
	char *text = NULL;
	size_t size = 0, i;
	FILE *out = open_memstream(&text, &size);
	const json_t *item;

	if (!out)
		return NULL;
	json_array_foreach (list, i, item) {
		fputs(i ? ", " : "", out);
		if (json_is_integer(item))
			fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(item));
		else
			fputs(json_string_value(item) ? json_string_value(item) : "?", out);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static void add_list(struct table *table, const char *title, const json_t *list)
{
	CLEANUP_FREE char *text = list_text(list);

	table_add(table, "%s", title);
	table_add(table, "%s", text ? text : "?");
}

static void add_kinds(struct table *table, const json_t *kinds)
{
	const json_t *kind;
	size_t i;

	json_array_foreach (kinds, i, kind) {
		table_add(table, "kind %s", text_of(kind, "letter"));
		table_add(table, "%s", text_of(kind, "text"));
	}
}

static void add_encaps(struct table *table, const json_t *encaps)
{
	const json_t *encap;
	size_t i;

	json_array_foreach (encaps, i, encap) {
		table_add(table, "encap %s", text_of(encap, "type"));
		table_add(table,
			  "UDP ports %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
			  ", usually %" JSON_INTEGER_FORMAT "; marker of %" JSON_INTEGER_FORMAT " bytes",
			  number_of(encap, "port_min"), number_of(encap, "port_max"),
			  number_of(encap, "port_usual"), number_of(encap, "marker_bytes"));
	}
}

/* The lengths of one algorithm, as far as it has them: "key 128, 256 bits and salt 32, ICV 128 bits". */
static char *lengths_text(const json_t *algo)
{
	CLEANUP_FREE char *key = list_text(json_object_get(algo, "key_bits"));
	CLEANUP_FREE char *icv = list_text(json_object_get(algo, "icv_bits"));
	json_int_t salt = number_of(algo, "salt_bits");
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (key && *key)
		fprintf(out, "key %s bits", key);
	else
		fputs("no key", out);
	if (salt)
		fprintf(out, " and salt %" JSON_INTEGER_FORMAT, salt);
	if (icv && *icv)
		fprintf(out, ", ICV %s bits", icv);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static void add_algos(struct table *table, const char *title, const json_t *algos)
{
	const json_t *algo;
	size_t i;

	json_array_foreach (algos, i, algo) {
		CLEANUP_FREE char *lengths = lengths_text(algo);

		table_add(table, "%s %s", title, text_of(algo, "name"));
		table_add(table, "%s", lengths ? lengths : "?");
	}
}

static void add_families(struct table *table, const json_t *families)
{
	const json_t *family;
	size_t i;

	json_array_foreach (families, i, family) {
		CLEANUP_FREE char *inner = list_text(json_object_get(family, "inner"));

		table_add(table, "IPv%" JSON_INTEGER_FORMAT ", %s mode", number_of(family, "outer"),
			  text_of(family, "mode"));
		table_add(table, "inner packets of IP version %s", inner ? inner : "?");
	}
}

static void add_use(struct table *table, const char *dev, const char *what, const json_t *use)
{
	table_add(table, "%s%s%s", dev, *dev ? ": " : "", what);
	table_add(table, "%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT, number_of(use, "used"),
		  number_of(use, "limit"));
}

static void add_capacity(struct table *table, const json_t *answer)
{
	const json_t *v2 = json_object_get(json_object_get(answer, "ndis"), "v2");
	const json_t *iface;
	size_t i;

	add_use(table, "", "interfaces", json_object_get(answer, "interfaces"));
	table_add(table, "SAs an interface");
	table_add(table, "%" JSON_INTEGER_FORMAT, number_of(v2, "SaOffloadCapacity"));
	json_array_foreach (json_object_get(answer, "attached"), i, iface) {
		add_use(table, text_of(iface, "dev"), "SAs", json_object_get(iface, "sas"));
		add_use(table, text_of(iface, "dev"), "parser entries", json_object_get(iface, "parsers"));
	}
}

static int print_capabilities(const json_t *answer)
{
	CLEANUP_TABLE struct table table = {columns, ARRAY_SIZE(columns), NULL, 0, false};
	const json_t *window = json_object_get(answer, "replay_window");

	table_add(&table, "offload enabled");
	table_add_member(&table, answer, "enabled");
	add_kinds(&table, json_object_get(answer, "kinds"));
	add_list(&table, "mode", json_object_get(answer, "mode"));
	add_encaps(&table, json_object_get(answer, "encap"));
	add_algos(&table, "aead", json_object_get(answer, "aead"));
	add_algos(&table, "enc", json_object_get(answer, "enc"));
	add_algos(&table, "auth-trunc", json_object_get(answer, "auth"));
	add_list(&table, "flag", json_object_get(answer, "flags"));
	table_add(&table, "replay-window");
	table_add(&table, "%" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT ", or 0",
		  number_of(window, "min"), number_of(window, "max"));
	add_families(&table, json_object_get(answer, "families"));
	add_capacity(&table, answer);
	return table_print(&table, stdout, output_width());
}

static int print_features(const json_t *features)
{
	CLEANUP_TABLE struct table table = {feature_columns, ARRAY_SIZE(feature_columns), NULL, 0, false};
	const json_t *feature;
	size_t i;

	json_array_foreach (features, i, feature) {
		table_add_member(&table, feature, "name");
		table_add_member(&table, feature, "supported");
		table_add_member(&table, feature, "text");
	}
	return table_print(&table, stdout, output_width());
}

/* One structure of NDIS on one line: its members that are not 0. */
static void print_members(const char *title, const json_t *members)
{
	json_t *at = (json_t *)members; /* jansson's iterators take no const; nothing is changed */

	printf("%s:", title);
	for (void *iter = json_object_iter(at); iter; iter = json_object_iter_next(at, iter)) {
		json_int_t value = json_integer_value(json_object_iter_value(iter));

		if (value)
			printf(" %s=0x%llx", json_object_iter_key(iter), (unsigned long long)value);
	}
	putchar('\n');
}

static void print_ndis(const json_t *ndis)
{
	const json_t *v1 = json_object_get(ndis, "v1");
	const json_t *word;
	size_t i;

	print_members("NDIS_IPSEC_OFFLOAD_V1.Supported", json_object_get(v1, "Supported"));
	print_members("NDIS_IPSEC_OFFLOAD_V1.IPv4AH", json_object_get(v1, "IPv4AH"));
	print_members("NDIS_IPSEC_OFFLOAD_V1.IPv4ESP", json_object_get(v1, "IPv4ESP"));
	print_members("NDIS_IPSEC_OFFLOAD_V2", json_object_get(ndis, "v2"));
	json_array_foreach (json_object_get(ndis, "words"), i, word) {
		printf("  %s\n", json_string_value(word) ? json_string_value(word) : "?");
	}
}

int cmd_capabilities(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON json_t *answer = NULL;
	int status, err;

	cli_parse(cli, &capabilities_argp, argc, argv, NULL);
	status = call_method(cli, "org.xesp.Capabilities", json_object(), &answer);
	if (status)
		return status;
	if (cli->json) {
		output_json(answer);
		return CLI_OK;
	}
	err = print_capabilities(answer);
	putchar('\n');
	if (!err)
		err = print_features(json_object_get(answer, "features"));
	putchar('\n');
	print_ndis(json_object_get(answer, "ndis"));
	return err ? cli_failed(cli, err) : CLI_OK;
}
