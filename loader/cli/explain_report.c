/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listing of `xesp explain`, as text and as JSON. Nothing is kept of a packet once it is printed.
 */
#include "cli/explain_report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "control/event_json.h"
#include "dataplane/wire.h"

#define NS_PER_S 1000000000
#define SKIPPED "skipped"
#define OVERSIZE_TEXT "longer than 65535 bytes with an Ethernet header, which is more than a frame can have"

/* The exits that a packet of a capture can take, in the order of the sums. */
static const enum reason_exit exits[] = {
	REASON_EXIT_PASSED,
	REASON_EXIT_DELIVERED,
	REASON_EXIT_DROPPED,
	REASON_EXIT_CONSUMED,
};

/* A packet's verdict, with words for packets that got none. */
struct verdict {
	enum reason_exit exit; /* REASON_EXIT_NONE: not judged */
	const char *name;
	const char *reason;
	const char *text;
};

static struct verdict verdict_of(const struct explain_packet *packet)
{
	const struct reason_info *info;

	if (packet->skip == EXPLAIN_OVERSIZE)
		return (struct verdict){REASON_EXIT_NONE, SKIPPED, "oversize", OVERSIZE_TEXT};
	info = reason_info(packet->reason);
	return (struct verdict){info->exit, reason_exit_name(info->exit), info->name, info->text};
}

static unsigned int bit_of(enum reason_exit exit)
{
	return 1u << exit;
}

unsigned int explain_report_only(const char *verdict)
{
	for (size_t i = 0; i < ARRAY_SIZE(exits); i++)
		if (strcmp(reason_exit_name(exits[i]), verdict) == 0)
			return bit_of(exits[i]);
	return strcmp(verdict, SKIPPED) == 0 ? bit_of(REASON_EXIT_NONE) : 0;
}

/* ---- packets -------------------------------------------------------------------------------------- */

static int64_t time_ns(const struct explain_packet *packet)
{
	return (int64_t)packet->time.tv_sec * NS_PER_S + packet->time.tv_usec;
}

static void print_addresses(FILE *out, const struct ip_addr *src, const struct ip_addr *dst)
{
	char src_text[IP_ADDR_TEXT_MAX];
	char dst_text[IP_ADDR_TEXT_MAX];

	if (src->family)
		fprintf(out, "  %s -> %s", ip_addr_format(src, src_text), ip_addr_format(dst, dst_text));
	else
		fprintf(out, "  -");
}

/* The second layer gets a line of its own, in the same columns. */
static void print_inner(FILE *out, const struct explain_inner *inner)
{
	const struct reason_info *info = reason_info(inner->reason);

	fprintf(out, "%6s %11s %-9s %-16s 0x%08x %10" PRIu64, "", "inside", reason_exit_name(info->exit),
		info->name, inner->spi, inner->seq);
	print_addresses(out, &inner->src, &inner->dst);
	fprintf(out, "  %s\n", info->text);
}

/* What came out of the packet. */
struct opened {
	struct ip_addr src;
	struct ip_addr dst;
	uint8_t protocol; /* of IPv6 the first next header */
};

/* False if nothing was opened. The data plane made sure of the IP header. */
static bool read_opened(const struct explain_packet *packet, struct opened *ret_opened)
{
	const uint8_t *ip = packet->opened;
	bool is4;

	if (!ip)
		return false;
	is4 = ip[0] >> 4 == 4;
	*ret_opened = (struct opened){.src.family = is4 ? AF_INET : AF_INET6,
				      .dst.family = is4 ? AF_INET : AF_INET6,
				      .protocol = ip[is4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER]};
	memcpy(ret_opened->src.bytes, ip + (is4 ? IPV4_SRC : IPV6_SRC), is4 ? 4 : 16);
	memcpy(ret_opened->dst.bytes, ip + (is4 ? IPV4_DST : IPV6_DST), is4 ? 4 : 16);
	return true;
}

static void print_opened(FILE *out, const struct explain_packet *packet)
{
	struct opened opened;

	if (!read_opened(packet, &opened))
		return;
	fputc(':', out);
	print_addresses(out, &opened.src, &opened.dst);
	fprintf(out, " protocol %u, %zu bytes", opened.protocol, packet->opened_len);
}

static void print_text(const struct explain_report *report, const struct explain_packet *packet,
		       const struct verdict *verdict)
{
	double seconds = (double)(time_ns(packet) - report->zero_ns) / NS_PER_S;

	fprintf(report->out, "%6" PRIu64 " %11.6f %-9s %-16s ", packet->number, seconds, verdict->name,
		verdict->reason);
	if (packet->has_spi)
		fprintf(report->out, "0x%08x %10" PRIu64, packet->spi, packet->seq);
	else
		fprintf(report->out, "%-10s %10s", "-", "-");
	print_addresses(report->out, &packet->src, &packet->dst);
	fprintf(report->out, "  %s", verdict->text);
	print_opened(report->out, packet);
	if (packet->captured < packet->length)
		fprintf(report->out, " (the capture has %u of its %u bytes)", packet->captured,
			packet->length);
	fputc('\n', report->out);
	if (packet->inner.present)
		print_inner(report->out, &packet->inner);
}

static json_t *json_of_addr(const struct ip_addr *addr)
{
	char text[IP_ADDR_TEXT_MAX];

	return addr->family ? json_string(ip_addr_format(addr, text)) : json_null();
}

static json_t *json_of_inner(const struct explain_inner *inner)
{
	const struct reason_info *info = inner->present ? reason_info(inner->reason) : NULL;

	if (!info)
		return json_null();
	return json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:s}", "verdict", reason_exit_name(info->exit),
			 "reason", info->name, "spi", (json_int_t)inner->spi, "seq", (json_int_t)inner->seq,
			 "src", json_of_addr(&inner->src), "dst", json_of_addr(&inner->dst), "text",
			 info->text);
}

static json_t *json_of_opened(const struct explain_packet *packet)
{
	struct opened opened;

	if (!read_opened(packet, &opened))
		return json_null();
	return json_pack("{s:o, s:o, s:i, s:I}", "src", json_of_addr(&opened.src), "dst",
			 json_of_addr(&opened.dst), "protocol", (int)opened.protocol, "length",
			 (json_int_t)packet->opened_len);
}

/* NDIS' receive result; the status is null where it says nothing. */
static int add_result(json_t *object, const struct esp_result *result)
{
	json_t *status = result->crypto_done ? json_string(event_crypto_status_name(result->crypto_status))
					     : json_null();

	return json_object_set_new(object, "crypto_done", json_boolean(result->crypto_done)) ||
			       json_object_set_new(object, "next_crypto_done",
						   json_boolean(result->next_crypto_done)) ||
			       json_object_set_new(object, "crypto_status", status)
		       ? -ENOMEM
		       : 0;
}

/* Takes over the reference. -ENOMEM for NULL. */
static int print_json_value(FILE *out, json_t *value)
{
	int err;

	if (!value)
		return -ENOMEM;
	err = json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY) ? -EIO : 0;
	json_decref(value);
	return err;
}

/* The time is text: JavaScript's numbers do not hold nanoseconds since 1970. */
static int print_json(const struct explain_report *report, const struct explain_packet *packet,
		      const struct verdict *verdict)
{
	json_t *spi = packet->has_spi ? json_integer(packet->spi) : json_null();
	json_t *seq = packet->has_spi ? json_integer((json_int_t)packet->seq) : json_null();
	json_t *text = NULL;
	char time[40];

	snprintf(time, sizeof(time), "%" PRId64 ".%09" PRId64, (int64_t)packet->time.tv_sec,
		 (int64_t)packet->time.tv_usec);
	text = json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:s}", "number",
			 (json_int_t)packet->number, "time", time, "verdict", verdict->name, "reason",
			 verdict->reason, "spi", spi, "seq", seq, "src", json_of_addr(&packet->src), "dst",
			 json_of_addr(&packet->dst), "captured", (json_int_t)packet->captured, "length",
			 (json_int_t)packet->length, "text", verdict->text);
	if (text && (add_result(text, &packet->result) ||
		     json_object_set_new(text, "opened", json_of_opened(packet)) ||
		     json_object_set_new(text, "inner", json_of_inner(&packet->inner)))) {
		json_decref(text);
		text = NULL;
	}
	fputs(report->begun ? ",\n" : "\n", report->out);
	return print_json_value(report->out, text);
}

static void count(struct explain_report *report, const struct explain_packet *packet,
		  const struct verdict *verdict)
{
	if (report->packets++ == 0)
		report->zero_ns = time_ns(packet);
	if (verdict->exit == REASON_EXIT_NONE) {
		report->skipped++;
		return;
	}
	report->exits[verdict->exit]++;
	report->reasons[packet->reason]++;
}

int explain_report_packet(struct explain_report *report, const struct explain_packet *packet)
{
	struct verdict verdict = verdict_of(packet);
	int err = 0;

	count(report, packet, &verdict);
	if (report->only && !(report->only & bit_of(verdict.exit)))
		return 0;
	if (report->json)
		err = print_json(report, packet, &verdict);
	else
		print_text(report, packet, &verdict);
	report->begun = true;
	return err ? err : ferror(report->out) ? -EIO : 0;
}

/* ---- begin and end -------------------------------------------------------------------------------- */

void explain_report_begin(struct explain_report *report)
{
	if (!report->json) {
		fprintf(report->out, "%6s %11s %-9s %-16s %-10s %10s  %s\n", "packet", "time", "verdict",
			"reason", "spi", "seq", "source -> destination, explanation");
		return;
	}
	fputs("{\"classifier\":", report->out);
	print_json_value(report->out, json_string(report->classifier));
	fputs(",\"crypto\":", report->out);
	print_json_value(report->out, json_string(report->crypto));
	fputs(",\"packets\":[", report->out);
}

static void end_text(const struct explain_report *report, bool complete)
{
	const char *sign = "=";

	fprintf(report->out, "\n%" PRIu64 " packets", report->packets);
	for (size_t i = 0; i < ARRAY_SIZE(exits); i++) {
		fprintf(report->out, " %s %" PRIu64 " %s", sign, report->exits[exits[i]],
			reason_exit_name(exits[i]));
		sign = "+";
	}
	if (report->skipped)
		fprintf(report->out, " + %" PRIu64 " skipped", report->skipped);
	fprintf(report->out, "%s\n", complete ? "" : ", and the capture goes on, unreadable");
	for (unsigned int number = 0; number < XESP_REASON_END; number++) {
		const struct reason_info *info = reason_info(number);

		if (report->reasons[number] && info)
			fprintf(report->out, "%10" PRIu64 " %-9s %-16s %s\n", report->reasons[number],
				reason_exit_name(info->exit), info->name, info->text);
	}
	if (report->skipped)
		fprintf(report->out, "%10" PRIu64 " %-9s %-16s %s\n", report->skipped, SKIPPED, "oversize",
			OVERSIZE_TEXT);
}

static json_t *json_of_reasons(const struct explain_report *report)
{
	json_t *reasons = json_object();

	for (unsigned int number = 0; number < XESP_REASON_END && reasons; number++) {
		const struct reason_info *info = reason_info(number);

		if (report->reasons[number] && info)
			json_object_set_new(reasons, info->name,
					    json_integer((json_int_t)report->reasons[number]));
	}
	return reasons;
}

static int end_json(const struct explain_report *report, bool complete)
{
	json_t *summary = json_pack("{s:I}", "packets", (json_int_t)report->packets);
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(exits) && summary; i++)
		json_object_set_new(summary, reason_exit_name(exits[i]),
				    json_integer((json_int_t)report->exits[exits[i]]));
	if (summary) {
		json_object_set_new(summary, SKIPPED, json_integer((json_int_t)report->skipped));
		json_object_set_new(summary, "complete", json_boolean(complete));
		json_object_set_new(summary, "reasons", json_of_reasons(report));
	}
	fputs("\n],\"summary\":", report->out);
	err = print_json_value(report->out, summary);
	fputs("}\n", report->out);
	return err;
}

int explain_report_end(struct explain_report *report, bool complete)
{
	int err = 0;

	if (report->json)
		err = end_json(report, complete);
	else
		end_text(report, complete);
	if (fflush(report->out) || ferror(report->out))
		return errno ? -errno : -EIO;
	return err;
}
