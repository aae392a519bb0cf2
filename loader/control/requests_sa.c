/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods about SAs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/requests_private.h"
#include "control/sa_json.h"
#include "control/validate.h"

/* SAs that a ListSas without `more` answers with; beyond, the reply could outgrow a client's buffer. */
#define LIST_AT_ONCE 1000

/* ---- add ------------------------------------------------------------------------------------------------
 */

static json_t *sa_handle(const struct sa *sa)
{
	return json_sprintf("sa-%u-%u", sa->index, sa->generation);
}

static void add_failed(struct varlink_call *call, const struct iface *iface, const struct sa_params *params,
		       const char *what, int err)
{
	char dst[IP_ADDR_TEXT_MAX];
	struct failure failure;

	ip_addr_format(&params->dst, dst);
	switch (err) {
	case -EEXIST:
		request_error_what(call, "AlreadyExists", "an SA with spi 0x%08x and dst %s on %s",
				   params->spi, dst, iface->info.dev);
		return;
	case -ENOSPC:
		varlink_error(
			call, "CapacityExceeded",
			json_pack("{s:s, s:i}", "what", what, "limit",
				  strcmp(what, "SAs") ? XESP_PARSERS_MAX : (int)sadb_capacity(iface->db)));
		return;
	default:
		failure_set(&failure, -err, "add SA", "see the log of xespd", "spi 0x%08x dst %s on %s",
			    params->spi, dst, iface->info.dev);
		request_failed(call, &failure);
	}
}

static void add_decoded(struct varlink_call *call, const struct engine *engine, struct sa_params *params)
{
	struct iface *iface;
	struct field_error error;
	const struct sadb_parser *parser;
	const struct sa *sa = NULL;
	const char *what = "SAs";
	char handle[REQUEST_HANDLE_MAX];
	int err = validate_sa(params, &error);

	if (err) {
		request_refused(call, &error);
		return;
	}
	iface = request_pick(call, engine, params->dev);
	if (!iface)
		return;
	snprintf(params->dev, sizeof(params->dev), "%s", iface->info.dev);
	err = sadb_add(iface->db, params, &sa, &what);
	if (err) {
		add_failed(call, iface, params, what, err);
		return;
	}
	parser = sadb_parser_of(iface->db, sa);
	varlink_reply(call, json_pack("{s:o, s:s?}", "handle", sa_handle(sa), "parser",
				      parser ? request_parser_handle(parser, handle) : NULL));
}

void request_add_sa(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct sa_params params;
	struct field_error error;
	json_t *object;

	if (!request_unpack(call, parameters, "{s:o}", "sa", &object))
		return;
	if (sa_json_decode(object, &params, &error)) {
		request_refused(call, &error);
		return;
	}
	add_decoded(call, ctx, &params);
	sa_params_wipe(&params);
}

/* ---- delete ---------------------------------------------------------------------------------------------
 */

static bool parse_address(struct varlink_call *call, const char *text, struct ip_addr *ret_addr)
{
	if (!ip_addr_parse(text, ret_addr))
		return true;
	request_invalid(call, "dst", text, "a numeric IPv4 or IPv6 address");
	return false;
}

/* A JSON number has 64 bits: one that is cut would name another SA. False: answered. */
static bool parse_spi(struct varlink_call *call, json_int_t number, uint32_t *ret_spi)
{
	char text[24];

	if (number < 0 || number > UINT32_MAX) {
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, number);
		request_invalid(call, "spi", text, "an SPI has 32 bits (RFC 4303 section 2.1)");
		return false;
	}
	*ret_spi = (uint32_t)number;
	return true;
}

/* The interface of a delete: the one named, else the one that has the SA. NULL: answered. */
static struct iface *iface_with_sa(struct varlink_call *call, const struct engine *engine, const char *dev,
				   uint32_t spi, const struct ip_addr *dst)
{
	struct iface *found = NULL;

	for (size_t i = 0; i < XESP_IFACES_MAX; i++) {
		struct iface *iface = engine->ifaces[i];

		if (!iface || (dev && strcmp(iface->info.dev, dev)) || !sadb_find(iface->db, spi, dst))
			continue;
		if (found) {
			request_invalid(call, "dev", "", "several interfaces have this SA: name one of them");
			return NULL;
		}
		found = iface;
	}
	if (!found)
		request_error_what(call, "NotFound", "no SA has spi 0x%08x and this dst%s%s", spi,
				   dev ? " on " : "", dev ? dev : "");
	return found;
}

void request_delete_sa(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	const struct engine *engine = ctx;
	const char *text;
	const char *dev = NULL;
	json_int_t number;
	uint32_t spi;
	struct ip_addr dst;
	struct iface *iface;
	struct failure failure;
	int err;

	if (!request_unpack(call, parameters, "{s:s, s:I, s?s}", "dst", &text, "spi", &number, "dev", &dev) ||
	    !parse_address(call, text, &dst) || !parse_spi(call, number, &spi))
		return;
	iface = iface_with_sa(call, engine, dev, spi, &dst);
	if (!iface)
		return;
	err = sadb_del(iface->db, spi, &dst);
	if (err) {
		failure_set(&failure, -err, "delete SA",
			    "the SA is gone, but an entry of the classifier may be left", "spi 0x%08x dst %s",
			    spi, text);
		request_failed(call, &failure);
		return;
	}
	varlink_reply(call, NULL);
}

void request_flush_sas(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	const struct engine *engine = ctx;
	const char *dev = NULL;
	json_int_t deleted = 0;

	if (!request_unpack(call, parameters, "{s?s}", "dev", &dev))
		return;
	if (dev && !engine_iface(engine, dev)) {
		request_error_what(call, "NotFound", "interface %s is not attached", dev);
		return;
	}
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && (!dev || !strcmp(engine->ifaces[i]->info.dev, dev)))
			deleted += sadb_flush(engine->ifaces[i]->db);
	varlink_reply(call, json_pack("{s:I}", "deleted", deleted));
}

/* ---- list ------------------------------------------------------------------------------------------------
 */

static json_int_t counter(const _Atomic uint64_t *value)
{
	return (json_int_t)atomic_load_explicit(value, memory_order_relaxed);
}

static json_t *sa_state_json(const struct iface *iface, const struct sa *sa)
{
	const struct sadb_parser *parser = sadb_parser_of(iface->db, sa);
	uint32_t owner = atomic_load_explicit(&sa->owner, memory_order_relaxed);
	json_int_t last_used = counter(&sa->counters.last_used);
	char handle[REQUEST_HANDLE_MAX];

	return json_pack("{s:o, s:o, s:s?, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:I}", "sa",
			 sa_json_encode(&sa->params, false), "handle", sa_handle(sa), "parser",
			 parser ? request_parser_handle(parser, handle) : NULL, "worker",
			 owner == SA_OWNER_NONE ? json_null() : json_integer(owner), "packets",
			 counter(&sa->counters.packets), "bytes", counter(&sa->counters.bytes), "auth_failed",
			 counter(&sa->counters.auth_failed), "replayed", counter(&sa->counters.replayed),
			 "malformed", counter(&sa->counters.malformed), "last_used",
			 last_used ? json_integer(last_used) : json_null(), "replay_top",
			 (json_int_t)__atomic_load_n(&sa->replay.top, __ATOMIC_RELAXED));
}

/* Where a listing is. Holds numbers only: SAs and interfaces may go while the client reads. */
struct listing {
	const struct engine *engine;
	char dev[IF_NAMESIZE]; /* "": all */
	bool one;	       /* only the SA with spi and dst */
	uint32_t spi;
	struct ip_addr dst;
	size_t iface;
	uint32_t slot;
};

/* The next SA as SaState, or NULL. */
static json_t *listing_next_sa(struct listing *listing)
{
	for (; listing->iface < XESP_IFACES_MAX; listing->iface++, listing->slot = 0) {
		const struct iface *iface = listing->engine->ifaces[listing->iface];
		const struct sa *sa;

		if (!iface || (listing->dev[0] && strcmp(iface->info.dev, listing->dev)))
			continue;
		if (!listing->one) {
			sa = sadb_next(iface->db, &listing->slot);
		} else {
			sa = listing->slot++ ? NULL : sadb_find(iface->db, listing->spi, &listing->dst);
		}
		if (sa)
			return sa_state_json(iface, sa);
	}
	return NULL;
}

static bool any_has_sa(const struct listing *listing)
{
	struct listing from_start = *listing;
	json_t *sa = listing_next_sa(&from_start);

	json_decref(sa);
	return sa != NULL;
}

static json_t *listing_next(void *state)
{
	json_t *sa = listing_next_sa(state);

	return sa ? json_pack("{s:[o]}", "sas", sa) : NULL;
}

static void list_at_once(struct varlink_call *call, struct listing *listing)
{
	json_t *list = json_array();
	json_t *sa;

	while ((sa = listing_next_sa(listing))) {
		json_array_append_new(list, sa);
		if (json_array_size(list) > LIST_AT_ONCE) {
			json_decref(list);
			varlink_error(call, "CapacityExceeded",
				      json_pack("{s:s, s:i}", "what", "SAs in one reply; call with `more`",
						"limit", LIST_AT_ONCE));
			return;
		}
	}
	varlink_reply(call, json_pack("{s:o}", "sas", list));
}

static bool parse_listing(struct varlink_call *call, const json_t *parameters, struct listing *ret_listing)
{
	const char *dst = NULL;
	const char *dev = NULL;
	json_int_t spi = 0;

	if (!request_unpack(call, parameters, "{s?s, s?I, s?s}", "dst", &dst, "spi", &spi, "dev", &dev))
		return false;
	if (!dst != !spi) {
		request_invalid(call, dst ? "spi" : "dst", "", "dst and spi name an SA together");
		return false;
	}
	if (dst && !parse_address(call, dst, &ret_listing->dst))
		return false;
	if (!parse_spi(call, spi, &ret_listing->spi))
		return false;
	ret_listing->one = dst != NULL;
	if (dev && !engine_iface(ret_listing->engine, dev)) {
		request_error_what(call, "NotFound", "interface %s is not attached", dev);
		return false;
	}
	if (dev)
		snprintf(ret_listing->dev, sizeof(ret_listing->dev), "%s", dev);
	return true;
}

void request_list_sas(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct listing listing = {.engine = ctx};
	struct listing *state;

	if (!parse_listing(call, parameters, &listing))
		return;
	if (listing.one && !any_has_sa(&listing)) {
		request_error_what(call, "NotFound", "no SA has spi 0x%08x and this dst%s%s", listing.spi,
				   listing.dev[0] ? " on " : "", listing.dev);
		return;
	}
	if (!varlink_wants_more(call)) {
		list_at_once(call, &listing);
		return;
	}
	state = malloc(sizeof(*state));
	if (!state) {
		struct failure failure;

		failure_set(&failure, ENOMEM, "list SAs", "", "no memory");
		request_failed(call, &failure);
		return;
	}
	*state = listing;
	varlink_stream(call, listing_next, free, state, json_pack("{s:[]}", "sas"));
}
