/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads an SA from JSON: a table of members an object, each with its reader. A member that may be absent may
 * be null, too. Runs in the engine's control thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "control/capabilities.h"
#include "control/sa_flag.h"
#include "control/sa_json.h"
#include "control/sa_json_algo.h"
#include "control/sa_json_value.h"
#include "control/sa_limit.h"
#include "control/sa_text_words.h"
#include "control/validate.h"

typedef int (*member_read_fn)(struct sa_json_decoding *decode, const char *name, const json_t *value);

struct member {
	const char *name;
	member_read_fn read;
	bool required;
};

static int get_u32(struct sa_json_decoding *decode, const char *name, const json_t *value, uint32_t max,
		   uint32_t *ret_number)
{
	uint64_t number;

	if (sa_json_number(decode, name, value, max, &number) < 0)
		return -EINVAL;
	*ret_number = (uint32_t)number;
	return 0;
}

static int get_port(struct sa_json_decoding *decode, const char *name, const json_t *value,
		    uint16_t *ret_port)
{
	uint32_t number;

	if (get_u32(decode, name, value, UINT16_MAX, &number) < 0)
		return -EINVAL;
	*ret_port = (uint16_t)number;
	return 0;
}

static int get_address(struct sa_json_decoding *decode, const char *name, const json_t *value,
		       struct ip_addr *ret_addr)
{
	struct ip_addr addr;
	const char *text;

	if (sa_json_string(decode, name, value, &text) < 0)
		return -EINVAL;
	if (ip_addr_parse(text, &addr) < 0)
		return sa_json_fail(decode, name, text, "must be a numeric IPv4 or IPv6 address");
	if (ip_addr_is_any(&addr))
		addr = (struct ip_addr){.family = AF_UNSPEC};
	*ret_addr = addr;
	return 0;
}

static int get_prefix(struct sa_json_decoding *decode, const char *name, const json_t *value,
		      struct ip_prefix *ret_prefix)
{
	const char *text;

	if (sa_json_string(decode, name, value, &text) < 0)
		return -EINVAL;
	if (ip_prefix_parse(text, ret_prefix) < 0)
		return sa_json_fail(decode, name, text,
				    "must be ADDR or ADDR/LENGTH with no bits set behind the length");
	return 0;
}

static const struct member *member_by_name(const struct member *members, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	}
	return NULL;
}

static int decode_members(struct sa_json_decoding *decode, const char *path, const json_t *object,
			  const struct member *members, size_t count)
{
	json_t *at = (json_t *)object; /* jansson's iterators take no const; nothing is changed */
	const char *outer = decode->path;

	decode->path = path;
	for (void *iter = json_object_iter(at); iter; iter = json_object_iter_next(at, iter)) {
		const char *name = json_object_iter_key(iter);
		const struct member *member = member_by_name(members, count, name);

		if (!member)
			return sa_json_fail(decode, name, "", "unknown member");
		if (json_is_null(json_object_iter_value(iter)) && !member->required)
			continue;
		if (member->read(decode, name, json_object_iter_value(iter)) < 0)
			return -EINVAL;
	}
	for (size_t i = 0; i < count; i++) {
		if (members[i].required && !json_object_get(object, members[i].name))
			return sa_json_fail(decode, members[i].name, "", "required");
	}
	decode->path = outer;
	return 0;
}

static int read_src(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_address(decode, name, value, &decode->params.src);
}

static int read_dst(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_address(decode, name, value, &decode->params.dst);
}

static int read_spi(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_u32(decode, name, value, UINT32_MAX, &decode->params.spi);
}

static int read_reqid(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_u32(decode, name, value, UINT32_MAX, &decode->params.reqid);
}

static int read_dir(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	const char *text;

	if (sa_json_string(decode, name, value, &text) < 0)
		return -EINVAL;
	if (strcmp(text, "in") != 0 && strcmp(text, "out") != 0)
		return sa_json_fail(decode, name, sa_text_words_shown(text), "must be in or out");
	decode->params.dir = strcmp(text, "out") == 0 ? SA_DIR_OUT : SA_DIR_IN;
	return 0;
}

static int read_priority(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_u32(decode, name, value, UINT32_MAX, &decode->params.priority);
}

static int read_tfcpad(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_u32(decode, name, value, UINT16_MAX, &decode->params.tfc_pad);
}

static int read_dummy_interval(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_u32(decode, name, value, UINT32_MAX, &decode->params.dummy_ms);
}

static int read_replay_oseq(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	decode->params.send_seq_given = true;
	return sa_json_number(decode, name, value, INT64_MAX, &decode->params.send_seq);
}

static int read_mode(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	int mode;

	if (sa_json_word(decode, name, value, CAPABILITY_MODE, &mode) < 0)
		return -EINVAL;
	decode->params.mode = (enum sa_mode)mode;
	return 0;
}

static int read_encap_type(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	int type;

	if (sa_json_word(decode, name, value, CAPABILITY_ENCAP, &type) < 0)
		return -EINVAL;
	decode->params.encap.type = (enum xesp_encap)type;
	return 0;
}

static int read_encap_sport(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_port(decode, name, value, &decode->params.encap.sport);
}

static int read_encap_dport(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_port(decode, name, value, &decode->params.encap.dport);
}

static int read_encap_oa(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_address(decode, name, value, &decode->params.encap.original_src);
}

static int read_encap_oa_dst(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_address(decode, name, value, &decode->params.encap.original_dst);
}

static int read_encap(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	static const struct member members[] = {
		{"type", read_encap_type, true},      {"sport", read_encap_sport, true},
		{"dport", read_encap_dport, true},    {"oa", read_encap_oa, false},
		{"oa_dst", read_encap_oa_dst, false},
	};

	if (!json_is_object(value))
		return sa_json_fail(decode, name, sa_json_type_name(value), "must be an object");
	decode->params.encap.present = true;
	return decode_members(decode, "sa.encap.", value, members, ARRAY_SIZE(members));
}

static int read_window(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_u32(decode, name, value, UINT32_MAX, &decode->params.replay_window);
}

static int read_replay_seq(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return sa_json_number(decode, name, value, INT64_MAX, &decode->params.replay_seq);
}

static int read_one_flag(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	const struct sa_flag_name *flag;
	const char *text;

	if (sa_json_string(decode, name, value, &text) < 0)
		return -EINVAL;
	for (size_t row = 0; (flag = sa_flag_at(row)); row++) {
		if (strcmp(text, flag->name) != 0)
			continue;
		if (!flag->sa_flag) {
			sa_json_fail(decode, name, text, "not supported");
			return sa_json_lacks(decode, "flags");
		}
		if (decode->params.flags & flag->sa_flag)
			return sa_json_fail(decode, name, text, "given twice");
		decode->params.flags |= flag->sa_flag;
		return 0;
	}
	return sa_json_fail(decode, name, text, "unknown flag");
}

static int read_flags(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	if (!json_is_array(value))
		return sa_json_fail(decode, name, sa_json_type_name(value), "must be an array of strings");
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (read_one_flag(decode, name, json_array_get(value, i)) < 0)
			return -EINVAL;
	}
	return 0;
}

static int read_sel_src(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_prefix(decode, name, value, &decode->params.selector.src);
}

static int read_sel_dst(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_prefix(decode, name, value, &decode->params.selector.dst);
}

static int read_sel_proto(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	uint32_t number;

	if (get_u32(decode, name, value, UINT8_MAX, &number) < 0)
		return -EINVAL;
	decode->params.selector.protocol = (uint8_t)number;
	return 0;
}

static int read_sel_sport(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_port(decode, name, value, &decode->params.selector.sport);
}

static int read_sel_dport(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	return get_port(decode, name, value, &decode->params.selector.dport);
}

static int read_sel(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	static const struct member members[] = {
		{"src", read_sel_src, false},	  {"dst", read_sel_dst, false},
		{"proto", read_sel_proto, false}, {"sport", read_sel_sport, false},
		{"dport", read_sel_dport, false},
	};

	if (!json_is_object(value))
		return sa_json_fail(decode, name, sa_json_type_name(value), "must be an object");
	return decode_members(decode, "sa.sel.", value, members, ARRAY_SIZE(members));
}

static int read_limit(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	uint64_t number;

	if (sa_json_number(decode, name, value, INT64_MAX, &number) < 0)
		return -EINVAL;
	if (sa_limit_set(&decode->params.limits, sa_limit_by_name(name), number) < 0)
		return sa_json_fail(decode, name, "0", "must be 1 or more: an SA without packets is none");
	return 0;
}

static int read_limits(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	static const struct member members[] = {
		{"byte_soft", read_limit, false},     {"byte_hard", read_limit, false},
		{"packet_soft", read_limit, false},   {"packet_hard", read_limit, false},
		{"time_soft", read_limit, false},     {"time_hard", read_limit, false},
		{"time_use_soft", read_limit, false}, {"time_use_hard", read_limit, false},
	};

	if (!json_is_object(value))
		return sa_json_fail(decode, name, sa_json_type_name(value), "must be an object");
	return decode_members(decode, "sa.limits.", value, members, ARRAY_SIZE(members));
}

static int read_dev(struct sa_json_decoding *decode, const char *name, const json_t *value)
{
	const char *text;

	if (sa_json_string(decode, name, value, &text) < 0)
		return -EINVAL;
	if (text[0] == '\0' || strlen(text) >= sizeof(decode->params.dev))
		return sa_json_fail(decode, name, text, "is not an interface name: 1 to %d characters",
				    IF_NAMESIZE - 1);
	memcpy(decode->params.dev, text, strlen(text) + 1);
	return 0;
}

int sa_json_decode(const json_t *object, struct sa_params *ret_params, struct field_error *ret_error)
{
	static const struct member members[] = {
		{"dir", read_dir, false},
		{"src", read_src, false},
		{"dst", read_dst, true},
		{"spi", read_spi, true},
		{"reqid", read_reqid, false},
		{"mode", read_mode, true},
		{"aead", sa_json_algo_cipher, false},
		{"enc", sa_json_algo_cipher, false},
		{"auth", sa_json_algo_auth, false},
		{"key", sa_json_algo_key, false},
		{"auth_key", sa_json_algo_key, false},
		{"icv_bits", sa_json_algo_icv, true},
		{"encap", read_encap, false},
		{"replay_window", read_window, false},
		{"replay_seq", read_replay_seq, false},
		{"flags", read_flags, false},
		{"sel", read_sel, false},
		{"limits", read_limits, false},
		{"dev", read_dev, false},
		{"priority", read_priority, false},
		{"tfcpad", read_tfcpad, false},
		{"dummy_interval", read_dummy_interval, false},
		{"replay_oseq", read_replay_oseq, false},
	};
	struct sa_json_decoding decode = {
		.params = {.replay_window = XESP_REPLAY_WINDOW_DEFAULT},
		.error = ret_error,
		.path = "",
	};
	int err;

	if (!json_is_object(object))
		return sa_json_fail(&decode, "sa", object ? sa_json_type_name(object) : "",
				    "must be an object");
	err = decode_members(&decode, "sa.", object, members, ARRAY_SIZE(members));
	if (err == 0)
		*ret_params = decode.params;
	else if (decode.unsupported)
		err = -EOPNOTSUPP;
	sa_params_wipe(&decode.params);
	return err;
}
