/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods that add and list SAs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/iface_events.h"
#include "control/lifetime.h"
#include "control/requests_outbound.h"
#include "control/requests_private.h"
#include "control/sa_json.h"
#include "control/validate.h"
#include "dataplane/esp_watch.h"

/* SAs that a ListSas without `more` answers with; beyond, the reply could outgrow a client's buffer. */
#define LIST_AT_ONCE 1000

/* ---- add ------------------------------------------------------------------------------------------------
 */

static const char *sa_handle(const struct sa *sa, char *buffer)
{
	return handle_format(HANDLE_SA, (struct handle){sa->index, sa->generation}, buffer);
}

/* JSON of a parser entry's handle, or null. */
static json_t *parser_json(const struct sadb_parser *parser)
{
	char buffer[HANDLE_TEXT_MAX];

	return parser ? json_string(handle_format(HANDLE_PARSER, parser->handle, buffer)) : json_null();
}

static void add_failed(struct varlink_call *call, const struct engine *engine, const struct iface *iface,
		       const struct sa_params *params, const char *what, int err)
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
	case -EOPNOTSUPP: /* a library built without it, or kept from it by a policy */
		failure_set(&failure, -err, "add SA", "xespd --crypto chooses another provider",
			    "crypto provider %s lacks the algorithm here", engine->config->provider->name);
		request_failed(call, &failure);
		return;
	default:
		failure_set(&failure, -err, "add SA", "see the log of xespd", "spi 0x%08x dst %s on %s",
			    params->spi, dst, iface->info.dev);
		request_failed(call, &failure);
	}
}

/* The parser entry that the request names, if it names one. False: answered. */
static bool bind_to_parser(struct varlink_call *call, const struct iface *iface, const char *text,
			   struct sa_params *params)
{
	struct handle handle;

	if (!text)
		return true;
	if (!request_parse_handle(call, "parser", HANDLE_PARSER, text, &handle))
		return false;
	switch (sadb_bind(iface->db, handle, params)) {
	case 0: return true;
	case -ESTALE: request_error_what(call, "StaleHandle", "%s", text); return false;
	default:
		request_invalid(call, "parser", text,
				"the entry has another type or port than the SA's encap");
		return false;
	}
}

static void add_decoded(struct varlink_call *call, struct engine *engine, const char *parser,
			struct sa_params *params)
{
	struct iface *iface;
	struct field_error error;
	const struct sa *sa = NULL;
	const char *what = "SAs";
	char handle[HANDLE_TEXT_MAX];
	uint32_t entries;
	int err = validate_sa(params, engine->config->legacy, &error);

	if (err) {
		request_refused(call, &error);
		return;
	}
	/* NDIS ignores the parser entry of an outbound SA. */
	if (params->dir == SA_DIR_OUT) {
		request_outbound_add(call, engine, params);
		return;
	}
	iface = request_pick(call, engine, params->dev);
	if (!iface || !bind_to_parser(call, iface, parser, params))
		return;
	snprintf(params->dev, sizeof(params->dev), "%s", iface->info.dev);
	entries = sadb_parser_count(iface->db);
	err = sadb_add(iface->db, params, &sa, &what);
	if (!err && iface_events_watch(iface->events, sa)) {
		bool made = sadb_parser_count(iface->db) > entries;

		sadb_delete(iface->db, sa, made ? SADB_ENTRY_GOES : SADB_ENTRY_STAYS, NULL);
		err = -ENOMEM;
	}
	if (err) {
		add_failed(call, engine, iface, params, what, err);
		return;
	}
	varlink_reply(call, json_pack("{s:s, s:o}", "handle", sa_handle(sa, handle), "parser",
				      parser_json(sadb_parser_of(iface->db, sa))));
}

void request_add_sa(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct sa_params params;
	struct field_error error;
	const char *parser = NULL;
	json_t *object;

	if (!request_unpack(call, parameters, "{s:o, s?s}", "sa", &object, "parser", &parser))
		return;
	if (sa_json_decode(object, &params, &error)) {
		request_refused(call, &error);
		return;
	}
	add_decoded(call, ctx, parser, &params);
	sa_params_wipe(&params);
}

/* ---- list ------------------------------------------------------------------------------------------------
 */

static json_int_t counter(const _Atomic uint64_t *value)
{
	return (json_int_t)atomic_load_explicit(value, memory_order_relaxed);
}

/* What changes in an SA's life beside its counts. Members that are absent are null. */
static void add_life(json_t *state, const struct sa *sa)
{
	json_int_t first_used = counter(&sa->counters.first_used);
	struct ip_addr addr = {.family = sa->params.dst.family};
	struct sa_peer peer;
	char text[IP_ADDR_TEXT_MAX];

	esp_watch_read_peer(sa, &peer);
	memcpy(addr.bytes, peer.addr, ip_addr_size(addr.family));
	if (first_used)
		json_object_set_new(state, "first_used", json_integer(first_used));
	if (sa->life.added != UINT64_MAX)
		json_object_set_new(state, "age",
				    json_integer((json_int_t)((lifetime_now() - sa->life.added) / 1000)));
	if (!ip_addr_is_any(&addr))
		json_object_set_new(state, "peer", json_string(ip_addr_format(&addr, text)));
	if (peer.port)
		json_object_set_new(state, "peer_port", json_integer(ntohs(peer.port)));
}

/* The interface may have been renamed since the request. */
static json_t *sa_json(const struct iface *iface, const struct sa *sa)
{
	json_t *object = sa_json_encode(&sa->params, false);

	json_object_set_new(object, "dev", json_string(iface->info.dev));
	return object;
}

static json_t *sa_state_json(const struct iface *iface, const struct sa *sa)
{
	uint32_t owner = atomic_load_explicit(&sa->owner, memory_order_relaxed);
	json_int_t last_used = counter(&sa->counters.last_used);
	char handle[HANDLE_TEXT_MAX];
	json_t *state;

	state = json_pack("{s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:I}", "sa", sa_json(iface, sa),
			  "handle", sa_handle(sa, handle), "parser",
			  parser_json(sadb_parser_of(iface->db, sa)), "worker",
			  owner == SA_OWNER_NONE ? json_null() : json_integer(owner), "packets",
			  counter(&sa->counters.packets), "bytes", counter(&sa->counters.bytes),
			  "auth_failed", counter(&sa->counters.auth_failed), "replayed",
			  counter(&sa->counters.replayed), "malformed", counter(&sa->counters.malformed),
			  "last_used", last_used ? json_integer(last_used) : json_null(), "replay_top",
			  (json_int_t)__atomic_load_n(&sa->replay.top, __ATOMIC_RELAXED));
	add_life(state, sa);
	return state;
}

/* Where a listing is. Holds numbers only: SAs and interfaces may go while the client reads. */
struct listing {
	const struct engine *engine;
	char dev[IF_NAMESIZE]; /* "": all */
	bool one;	       /* only the SA with spi and dst */
	uint32_t spi;
	struct ip_addr dst;
	size_t iface; /* XESP_IFACES_MAX: outbound SAs, which are of none */
	uint32_t slot;
};

static json_t *listing_next_outbound(struct listing *listing)
{
	const struct outbound *outbound = listing->engine->outbound;
	const struct sa_out *sa;

	if (listing->one)
		sa = listing->slot++ ? NULL : outbound_find(outbound, listing->spi, &listing->dst);
	else
		sa = outbound_next(outbound, &listing->slot);
	while (!listing->one && sa && listing->dev[0] && strcmp(sa->params.dev, listing->dev))
		sa = outbound_next(outbound, &listing->slot);
	return sa ? request_outbound_state(sa) : NULL;
}

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
	return listing_next_outbound(listing);
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
	if (dst && !request_parse_address(call, dst, &ret_listing->dst))
		return false;
	if (!request_parse_spi(call, spi, &ret_listing->spi))
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
