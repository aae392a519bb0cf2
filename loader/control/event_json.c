/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/event_json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xesp/abi.h>

#include "base/cleanup.h"
#include "base/ip_addr.h"
#include "base/reasons.h"
#include "control/handle.h"

/* ---- names ------------------------------------------------------------------------------------------- */

static const char *name_at(const char *const *names, size_t count, unsigned int i)
{
	return i < count ? names[i] : NULL;
}

static const char *const type_names[] = {
#define EVENT_TYPE_NAME(NAME, name, text) [EVENT_##NAME] = (name),
	EVENT_TYPES(EVENT_TYPE_NAME)
#undef EVENT_TYPE_NAME
};

const char *event_type_name(unsigned int type)
{
	return name_at(type_names, ARRAY_SIZE(type_names), type);
}

bool event_type_by_name(const char *name, enum event_type *ret_type)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(type_names); i++)
		if (!strcmp(type_names[i], name)) {
			*ret_type = (enum event_type)i;
			return true;
		}
	return false;
}

const char *event_crypto_status_name(unsigned int status)
{
	static const char *const names[] = {
		[CRYPTO_SUCCESS] = "CRYPTO_SUCCESS",
		[CRYPTO_GENERIC_ERROR] = "CRYPTO_GENERIC_ERROR",
		[CRYPTO_TRANSPORT_AH_AUTH_FAILED] = "CRYPTO_TRANSPORT_AH_AUTH_FAILED",
		[CRYPTO_TRANSPORT_ESP_AUTH_FAILED] = "CRYPTO_TRANSPORT_ESP_AUTH_FAILED",
		[CRYPTO_TUNNEL_AH_AUTH_FAILED] = "CRYPTO_TUNNEL_AH_AUTH_FAILED",
		[CRYPTO_TUNNEL_ESP_AUTH_FAILED] = "CRYPTO_TUNNEL_ESP_AUTH_FAILED",
		[CRYPTO_INVALID_PACKET_SYNTAX] = "CRYPTO_INVALID_PACKET_SYNTAX",
		[CRYPTO_INVALID_PROTOCOL] = "CRYPTO_INVALID_PROTOCOL",
	};

	return name_at(names, ARRAY_SIZE(names), status);
}

static const char *limit_name(unsigned int limit)
{
	static const char *const names[] = {[EVENT_LIMIT_BYTES] = "bytes",
					    [EVENT_LIMIT_PACKETS] = "packets",
					    [EVENT_LIMIT_SECONDS] = "seconds",
					    [EVENT_LIMIT_SEQUENCE] = "sequence"};

	return name_at(names, ARRAY_SIZE(names), limit);
}

static const char *form_name(unsigned int form)
{
	static const char *const names[] = {[XESP_FORM_NATIVE] = "esp",
					    [XESP_FORM_UDP] = "espinudp",
					    [XESP_FORM_UDP_IKE] = "espinudp_nonike"};

	return name_at(names, ARRAY_SIZE(names), form);
}

/* ---- to JSON ----------------------------------------------------------------------------------------- */

/* Each of these adds nothing where there is nothing to say, and returns -1 if memory ran out. */

static int add(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value); /* -1 also for a value of NULL */
}

static int add_text(json_t *object, const char *name, const char *text)
{
	return text ? add(object, name, json_string(text)) : 0;
}

static int add_number(json_t *object, const char *name, uint64_t number)
{
	return add(object, name, json_integer((json_int_t)number));
}

static int add_address(json_t *object, const char *name, uint8_t family, const uint8_t *bytes)
{
	struct ip_addr addr = {.family = family == 6 ? AF_INET6 : AF_INET};
	char text[IP_ADDR_TEXT_MAX];

	memcpy(addr.bytes, bytes, ip_addr_size(addr.family));
	return add_text(object, name, ip_addr_format(&addr, text));
}

static int add_endpoints(json_t *object, const struct event *event)
{
	bool udp = event->form != XESP_FORM_NATIVE;
	int err = 0;

	if (event->family != 4 && event->family != 6)
		return 0;
	if (event->type == EVENT_PMTU)
		return add_address(object, "dst", event->family, event->dst);
	err |= add_address(object, "src", event->family, event->src);
	if (udp || event->sport)
		err |= add_number(object, "sport", event->sport);
	err |= add_address(object, "dst", event->family, event->dst);
	if (udp || event->dport)
		err |= add_number(object, "dport", event->dport);
	err |= add_text(object, "form", form_name(event->form));
	if (event->type == EVENT_MAPPING_CHANGE) {
		err |= add_address(object, "old_src", event->family, event->old_src);
		err |= add_number(object, "old_sport", event->old_sport);
	}
	return err;
}

static int add_sa(json_t *object, const struct event *event)
{
	const struct handle handle = {event->sa_index, event->sa_generation};
	char text[HANDLE_TEXT_MAX];
	int err = 0;

	if (event->sa_index != UINT32_MAX)
		err |= add_text(object, "handle",
				handle_format(event->outbound ? HANDLE_SA_OUT : HANDLE_SA, handle, text));
	if (event->spi)
		err |= add_number(object, "spi", event->spi);
	return err;
}

static int add_outcome(json_t *object, const struct event *event)
{
	const struct reason_info *reason = reason_info(event->reason);
	int err = 0;

	if (event->type == EVENT_AUDIT || event->type == EVENT_PACKET || event->type == EVENT_MAPPING_CHANGE)
		err |= add_number(object, "seq", event->seq);
	if (reason && (event->type == EVENT_AUDIT || event->type == EVENT_PACKET))
		err |= add_text(object, "reason", reason->name);
	if (event->type == EVENT_PACKET) {
		err |= add(object, "crypto_done", json_boolean(event->crypto_done));
		err |= add(object, "next_crypto_done", json_boolean(event->next_crypto_done));
		err |= add_text(object, "crypto_status", event_crypto_status_name(event->crypto_status));
		if (event->outer_spi)
			err |= add_number(object, "outer_spi", event->outer_spi);
	}
	if (event->type == EVENT_SOFT_LIFETIME || event->type == EVENT_HARD_LIFETIME)
		err |= add_text(object, "limit", limit_name(event->limit));
	if (event->type == EVENT_PMTU)
		err |= add_number(object, "mtu", event->mtu);
	if (event->lost)
		err |= add_number(object, event->type == EVENT_AUDIT ? "suppressed" : "lost", event->lost);
	return err;
}

json_t *event_json(const char *dev, const struct event *event, const char *detail)
{
	json_t *object = json_object();
	int err = 0;

	if (!object)
		return NULL;
	err |= add_text(object, "type", event_type_name(event->type));
	/* Microseconds: every JSON reader has them exact for some centuries. */
	err |= add_number(object, "time_us", event->time_ns / 1000);
	err |= add_text(object, "dev", dev);
	err |= add_sa(object, event);
	err |= add_outcome(object, event);
	err |= add_endpoints(object, event);
	err |= add_text(object, "detail", detail);
	if (err) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* ---- to text ----------------------------------------------------------------------------------------- */

struct line {
	char *text;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void append(struct line *line, const char *format, ...)
{
	size_t room = EVENT_TEXT_MAX - line->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->used, room, format, args);
	va_end(args);
	if (n > 0)
		line->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void append_member(struct line *line, const json_t *event, const char *name)
{
	const json_t *value = json_object_get(event, name);

	if (json_is_string(value))
		append(line, " %s %s", name, json_string_value(value));
	else if (json_is_integer(value) && (!strcmp(name, "spi") || !strcmp(name, "outer_spi")))
		append(line, " %s 0x%08" PRIx64, name, (uint64_t)json_integer_value(value));
	else if (json_is_integer(value))
		append(line, " %s %" JSON_INTEGER_FORMAT, name, json_integer_value(value));
	else if (json_is_true(value))
		append(line, " %s", name);
}

const char *event_json_text(const json_t *event, char *buffer)
{
	static const char *const members[] = {
		"reason",	 "limit",     "lost",	     "suppressed",
		"handle",	 "spi",	      "seq",	     "src",
		"sport",	 "dst",	      "dport",	     "old_src",
		"old_sport",	 "form",      "crypto_done", "next_crypto_done",
		"crypto_status", "outer_spi", "mtu",
	};
	const char *dev = json_string_value(json_object_get(event, "dev"));
	const char *type = json_string_value(json_object_get(event, "type"));
	const char *detail = json_string_value(json_object_get(event, "detail"));
	struct line line = {.text = buffer};

	buffer[0] = '\0';
	append(&line, "%s%s%s", dev ? dev : "", dev ? ": " : "", type ? type : "?");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		append_member(&line, event, members[i]);
	if (detail)
		append(&line, " (%s)", detail);
	for (size_t i = 0; i < line.used; i++)
		if ((unsigned char)buffer[i] < ' ' || buffer[i] == 0x7f)
			buffer[i] = '?';
	return buffer;
}
