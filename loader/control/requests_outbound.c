/* SPDX-License-Identifier: BSD-2-Clause */
/* Outbound SAs in requests. */
#include "control/requests_outbound.h"

#include <errno.h>
#include <string.h>

#include "control/engine_dummies.h"
#include "control/lifetime.h"
#include "control/nexthops.h"
#include "control/sa_json.h"
#include "dataplane/esp_out.h"
#include "dataplane/nexthop.h"

static const char *handle_text(const struct sa_out *sa, char *buffer)
{
	return handle_format(HANDLE_SA_OUT, (struct handle){sa->index, sa->generation}, buffer);
}

/* ---- add -------------------------------------------------------------------------------------------------
 */

static void add_failed(struct varlink_call *call, const struct engine *engine, const struct sa_params *params,
		       const char *what, int err)
{
	char dst[IP_ADDR_TEXT_MAX];
	struct failure failure;

	ip_addr_format(&params->dst, dst);
	switch (err) {
	case -EEXIST:
		request_error_what(call, "AlreadyExists", "an outbound SA with spi 0x%08x and dst %s",
				   params->spi, dst);
		return;
	case -ENOSPC:
		varlink_error(call, "CapacityExceeded",
			      json_pack("{s:s, s:i}", "what", what, "limit", (int)engine->config->capacity));
		return;
	case -EOPNOTSUPP: /* a library built without it, or kept from it by a policy */
		failure_set(&failure, -err, "add SA", "xespd --crypto chooses another provider",
			    "crypto provider %s lacks the algorithm here", engine->config->provider->name);
		break;
	default:
		failure_set(&failure, -err, "add SA", "see the log of xespd", "outbound, spi 0x%08x dst %s",
			    params->spi, dst);
		break;
	}
	request_failed(call, &failure);
}

/* `dev` only says which interface the SA is for: what it sends leaves where the route to the peer leads. */
void request_outbound_add(struct varlink_call *call, struct engine *engine, const struct sa_params *params)
{
	const struct sa_out *sa = NULL;
	const char *what = "outbound SAs";
	char handle[HANDLE_TEXT_MAX];
	int err;

	if (params->dev[0] && !request_pick(call, engine, params->dev))
		return;
	err = outbound_add(engine->outbound, params, &sa, &what);
	if (!err &&
	    (outbound_events_watch(engine->outbound_events, sa) || engine_dummies_watch(engine, sa))) {
		outbound_delete(engine->outbound, sa, NULL);
		err = -ENOMEM;
	}
	if (err) {
		add_failed(call, engine, params, what, err);
		return;
	}
	varlink_reply(call, json_pack("{s:s, s:n}", "handle", handle_text(sa, handle), "parser"));
}

/* ---- list ------------------------------------------------------------------------------------------------
 */

static json_int_t counter(const _Atomic uint64_t *value)
{
	return (json_int_t)atomic_load_explicit(value, memory_order_relaxed);
}

static json_t *time_json(const _Atomic uint64_t *value)
{
	json_int_t seconds = counter(value);

	return seconds ? json_integer(seconds) : json_null();
}

static const char *hop_text(const struct sa_out *sa, struct nexthop_way *ret_way)
{
	static const char *const states[] = {
		[NEXTHOP_NONE] = "none", [NEXTHOP_RESOLVING] = "resolving", [NEXTHOP_USABLE] = "usable"};

	*ret_way = (struct nexthop_way){.state = NEXTHOP_NONE};
	if (sa->hop)
		nexthop_read(sa->hop, ret_way);
	return states[ret_way->state];
}

/* What was learned of the path, and when it is forgotten. */
static void add_learned(const struct sa_out *sa, json_t *send)
{
	uint64_t until = sa->hop ? nexthops_learned_until(sa->hop) : 0, now = lifetime_now();

	if (send && until)
		json_object_set_new(send, "pmtu_expires",
				    json_integer((json_int_t)(until > now ? (until - now + 999) / 1000 : 0)));
}

json_t *request_outbound_state(const struct sa_out *sa)
{
	char handle[HANDLE_TEXT_MAX], peer[IP_ADDR_TEXT_MAX];
	struct sa_out_ends ends;
	struct nexthop_way way;
	const char *hop = hop_text(sa, &way);
	json_t *state, *send;

	sa_out_get_ends(sa, &ends);
	send = json_pack("{s:s, s:I, s:I, s:i, s:i}", "next_hop", hop, "refused",
			 counter(&sa->counters.refused), "last_seq", counter(&sa->last_seq), "mtu",
			 (int)(way.state == NEXTHOP_USABLE ? esp_out_inner_max(sa, way.mtu) : 0), "pmtu",
			 (int)(way.state == NEXTHOP_USABLE ? way.mtu : 0));
	add_learned(sa, send);
	state = json_pack("{s:o, s:s, s:n, s:n, s:I, s:I, s:i, s:i, s:i, s:o, s:o, s:i, s:s, s:o}", "sa",
			  sa_json_encode(&sa->params, false), "handle", handle_text(sa, handle), "parser",
			  "worker", "packets", counter(&sa->counters.packets), "bytes",
			  counter(&sa->counters.bytes), "auth_failed", 0, "replayed", 0, "malformed", 0,
			  "first_used", time_json(&sa->counters.first_used), "last_used",
			  time_json(&sa->counters.last_used), "replay_top", 0, "peer",
			  ip_addr_format(&ends.dst, peer), "send", send);
	if (state && sa->life.added != UINT64_MAX)
		json_object_set_new(state, "age",
				    json_integer((json_int_t)((lifetime_now() - sa->life.added) / 1000)));
	if (state && ends.dport)
		json_object_set_new(state, "peer_port", json_integer(ends.dport));
	return state;
}

/* ---- delete ----------------------------------------------------------------------------------------------
 */

const struct sa_out *request_outbound_by_handle(const struct engine *engine, const char *text)
{
	struct handle handle;

	return handle_parse(HANDLE_SA_OUT, text, &handle) ? NULL : outbound_get(engine->outbound, handle);
}

void request_outbound_delete(struct varlink_call *call, struct engine *engine, const struct sa_out *sa)
{
	bool marked = false;

	outbound_delete(engine->outbound, sa, &marked);
	varlink_reply(call, json_pack("{s:b}", "pending", marked));
}
