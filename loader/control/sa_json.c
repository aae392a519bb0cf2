/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes an SA as JSON, type `Sa` of org.xesp.varlink. Runs in the CLI and in the engine's control thread.
 */
#include "control/sa_json.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/capabilities.h"
#include "control/sa_flag.h"
#include "control/sa_json_algo.h"
#include "control/sa_limit.h"

static void free_wiping(void *block)
{
	if (block)
		explicit_bzero(block, malloc_usable_size(block));
	free(block);
}

void sa_json_wipe_on_free(void)
{
	json_set_alloc_funcs(malloc, free_wiping);
}

/* Each of these adds nothing where the member is absent, and returns -1 if memory ran out. */

static int add(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value); /* -1 also for a value of NULL */
}

static int add_address(json_t *object, const char *name, const struct ip_addr *addr)
{
	char text[IP_ADDR_TEXT_MAX];

	if (addr->family == AF_UNSPEC)
		return 0;
	return add(object, name, json_string(ip_addr_format(addr, text)));
}

static int add_prefix(json_t *object, const char *name, const struct ip_prefix *prefix)
{
	char text[IP_PREFIX_TEXT_MAX];

	if (prefix->addr.family == AF_UNSPEC)
		return 0;
	return add(object, name, json_string(ip_prefix_format(prefix, text)));
}

static int add_nonzero(json_t *object, const char *name, uint32_t number)
{
	return number ? add(object, name, json_integer(number)) : 0;
}

static int add_encap(json_t *object, const struct sa_encap *encap)
{
	json_t *member;

	if (!encap->present)
		return 0;
	member = json_object();
	if (add(object, "encap", member) < 0)
		return -1;
	return add(member, "type",
		   json_string(encap->type == XESP_ENCAP_IKE ? "espinudp_nonike" : "espinudp")) |
	       add(member, "sport", json_integer(encap->sport)) |
	       add(member, "dport", json_integer(encap->dport)) |
	       add_address(member, "oa", &encap->original_src) |
	       add_address(member, "oa_dst", &encap->original_dst);
}

static int add_flags(json_t *object, uint32_t flags)
{
	const struct sa_flag_name *flag;
	json_t *array;
	int err = 0;

	if (!flags)
		return 0;
	array = json_array();
	if (add(object, "flags", array) < 0)
		return -1;
	for (size_t row = 0; (flag = sa_flag_at(row)); row++) {
		if (flags & flag->sa_flag)
			err |= json_array_append_new(array, json_string(flag->name));
	}
	return err;
}

static int add_selector(json_t *object, const struct sa_selector *selector)
{
	json_t *member;

	if (selector->src.addr.family == AF_UNSPEC && selector->dst.addr.family == AF_UNSPEC &&
	    !selector->protocol && !selector->sport && !selector->dport)
		return 0;
	member = json_object();
	if (add(object, "sel", member) < 0)
		return -1;
	return add_prefix(member, "src", &selector->src) | add_prefix(member, "dst", &selector->dst) |
	       add_nonzero(member, "proto", selector->protocol) |
	       add_nonzero(member, "sport", selector->sport) | add_nonzero(member, "dport", selector->dport);
}

static int add_limits(json_t *object, const struct sa_limits *limits)
{
	const struct sa_limit_name *name;
	json_t *member = NULL;
	int err = 0;

	for (size_t row = 0; (name = sa_limit_at(row)); row++) {
		uint64_t limit = sa_limit_get(limits, name);

		if (!limit)
			continue;
		if (!member) {
			member = json_object();
			err |= add(object, "limits", member);
		}
		err |= add(member, name->json, json_integer((json_int_t)limit));
	}
	return err;
}

json_t *sa_json_encode(const struct sa_params *params, bool with_keys)
{
	const struct capability_word *mode = capabilities_value(CAPABILITY_MODE, (int)params->mode);
	json_t *object = json_object();
	char dst[IP_ADDR_TEXT_MAX];
	int err = 0;

	if (!object)
		return NULL;
	err |= add_address(object, "src", &params->src);
	err |= add(object, "dst", json_string(ip_addr_format(&params->dst, dst)));
	err |= add(object, "spi", json_integer(params->spi));
	err |= add_nonzero(object, "reqid", params->reqid);
	err |= add(object, "dir", json_string(params->dir == SA_DIR_OUT ? "out" : "in"));
	err |= add(object, "mode", json_string(mode ? mode->json : "none"));
	err |= sa_json_algo_encode(object, params, with_keys);
	err |= add_encap(object, &params->encap);
	err |= add(object, "replay_window", json_integer(params->replay_window));
	if (params->replay_seq)
		err |= add(object, "replay_seq", json_integer((json_int_t)params->replay_seq));
	err |= add_flags(object, params->flags);
	err |= add_selector(object, &params->selector);
	err |= add_limits(object, &params->limits);
	err |= add_nonzero(object, "priority", params->priority);
	err |= add_nonzero(object, "tfcpad", params->tfc_pad);
	err |= add_nonzero(object, "dummy_interval", params->dummy_ms);
	if (params->send_seq || params->send_seq_given)
		err |= add(object, "replay_oseq", json_integer((json_int_t)params->send_seq));
	if (params->dev[0])
		err |= add(object, "dev", json_string(params->dev));
	if (err) {
		json_decref(object);
		return NULL;
	}
	return object;
}
