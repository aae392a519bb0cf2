/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/engine_route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "control/engine_pmtu.h"
#include "control/inside_ways.h"
#include "control/keepalive.h"
#include "control/tun_routes.h"
#include "dataplane/esp_out.h"
#include "dataplane/nat_keepalive.h"
#include "dataplane/port.h"

/* Looking at all SAs takes at most this part of the time, however often they change. */
#define LOOK_SHARE 10

/* What a round of a worker may take. */
#define PORT_LEAVES_MS 1000

struct engine_route {
	sd_event_source *timer;
	uint64_t not_before;  /* of the next look, CLOCK_MONOTONIC in us */
	uint64_t spd_version; /* that was looked at */
	bool ways_changed;
	struct tun_routes *routes;   /* NULL: none are set */
	struct keepalive *keepalive; /* NULL: none are sent */
	sd_event_source *sweep;
	uint32_t mtu; /* of the TUN device, as it was asked for; 0: as before */
};

/* ---- ways ------------------------------------------------------------------------------------------- */

static int ask_way(struct engine *engine, const struct ipc_peer *peer, bool begin)
{
	struct ipc_message message = {.type = begin ? IPC_RESOLVE : IPC_UNRESOLVE, .peer = *peer};
	struct ipc_message done;
	struct failure failure;
	int err;

	/* At the end the loader answers no more. */
	if (sd_event_get_state(engine->event) == SD_EVENT_FINISHED)
		return 0;
	err = loader_do(&engine->loader, &message, &done, &failure);
	if (!err)
		return 0;
	log_warning("%s: %s", failure.operation, failure.reason);
	return failure.error == ENOSPC || failure.error == ENOMEM ? -failure.error : -EIO;
}

static int watch(void *owner, const struct ip_addr *peer, bool begin)
{
	return ask_way(owner, &(struct ipc_peer){.addr = *peer}, begin);
}

static int watch_inside(void *owner, const struct ip_addr *host, bool begin)
{
	return ask_way(owner, &(struct ipc_peer){.addr = *host, .inside = 1}, begin);
}

static struct port *port_of(void *owner, uint32_t ifindex)
{
	const struct engine *engine = owner;

	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && engine->ifaces[i]->info.ifindex == ifindex)
			return engine->ifaces[i]->port;
	return NULL;
}

static struct port *port_inside(void *owner, uint32_t ifindex)
{
	const struct engine *engine = owner;

	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && engine->ifaces[i]->info.ifindex == ifindex &&
		    engine->ifaces[i]->info.inside)
			return engine->ifaces[i]->port;
	return NULL;
}

static void on_changed(void *owner, const struct nexthop *hop)
{
	const struct engine *engine = owner;

	(void)hop;
	engine->route->ways_changed = true;
}

static void on_nexthop(void *ctx, const struct ipc_nexthop *way)
{
	struct engine *engine = ctx;

	if (!way->inside)
		nexthops_note(engine->nexthops, way);
	else if (engine->inside_ways)
		inside_ways_note(engine->inside_ways, way);
}

void engine_ports_changed(const struct engine *engine)
{
	nexthops_refresh(engine->nexthops);
	if (engine->inside_ways)
		inside_ways_refresh(engine->inside_ways);
}

bool engine_port_leaves(void *owner)
{
	const struct engine *engine = owner;

	engine_ports_changed(engine);
	return engine_quiesce(owner, true, PORT_LEAVES_MS);
}

int engine_hop_take(void *owner, const struct ip_addr *peer, struct nexthop **ret_hop)
{
	struct engine *engine = owner;

	return nexthops_take(engine->nexthops, peer, ret_hop);
}

void engine_hop_give(void *owner, struct nexthop *hop)
{
	struct engine *engine = owner;

	nexthops_give(engine->nexthops, hop);
}

/* ---- what follows from them --------------------------------------------------------------------------- */

static bool carries_ipv6(const struct sa_params *params)
{
	const struct sa_selector *selector = &params->selector;

	if (params->mode == SA_MODE_TRANSPORT)
		return params->dst.family == AF_INET6;
	if (selector->dst.addr.family == AF_UNSPEC && selector->src.addr.family == AF_UNSPEC)
		return true;
	return selector->dst.addr.family == AF_INET6 || selector->src.addr.family == AF_INET6;
}

/* The MTU that the longest packet of the host fits every SA with, `before` while no way is known. Linux takes
 * IPv6 from a device of less than 1280 (RFC 8200 section 5), so what is longer than its path is left to be
 * sent in fragments. */
static uint32_t least_mtu(const struct outbound *outbound, uint32_t before)
{
	uint32_t floor = XESP_TUN_MTU_MIN;
	uint32_t least = UINT32_MAX;
	const struct sa_out *sa;

	if (!outbound_count(outbound))
		return 0;
	for (uint32_t i = 0; (sa = outbound_next(outbound, &i));) {
		uint32_t mtu = sa->hop ? nexthops_mtu(sa->hop) : 0;
		uint32_t inner = esp_out_inner_max(sa, mtu);

		if (!mtu)
			continue;
		if (carries_ipv6(&sa->params))
			floor = XESP_TUN_MTU_MIN_IPV6;
		if (inner < least)
			least = inner;
	}
	if (least == UINT32_MAX)
		return before;
	return least > floor ? least : floor;
}

static void set_mtu(struct engine *engine)
{
	uint32_t mtu = least_mtu(engine->outbound, engine->route->mtu);
	struct ipc_message message = {.type = IPC_TUN_MTU, .mtu = {.bytes = mtu}};
	struct ipc_message done;
	struct failure failure;

	if (mtu == engine->route->mtu || !engine->config->tun)
		return;
	if (loader_do(&engine->loader, &message, &done, &failure))
		log_warning("%s: %s", failure.operation, failure.reason);
	else if (mtu)
		log_info("%s: MTU %u, for what outbound SAs add", engine->config->tun, mtu);
	/* What was refused now is refused again. */
	engine->route->mtu = mtu;
}

static int ask_route(struct engine *engine, struct ipc_message *message)
{
	struct ipc_message done;
	struct failure failure;
	int err = loader_do(&engine->loader, message, &done, &failure);

	if (err)
		log_warning("%s: %s", failure.operation, failure.reason);
	return err;
}

static int add_route(void *owner, const struct ip_prefix *dst, const struct ip_prefix *src)
{
	struct ipc_message message = {.type = IPC_ROUTE, .route = {.dst = *dst, .src = *src}};

	return ask_route(owner, &message);
}

static void remove_route(void *owner, const struct ip_prefix *dst)
{
	struct ipc_message message = {.type = IPC_UNROUTE, .route = {.dst = *dst}};

	ask_route(owner, &message);
}

static bool send_keepalive(void *owner, const struct sa_out *sa, const struct sa_out_ends *ends)
{
	uint8_t bytes[PORT_FRONT + NAT_KEEPALIVE_BYTES_MAX];
	struct port_frame frame = {.bytes = bytes + PORT_FRONT, .count = 1};
	struct nexthop_way way;

	(void)owner;
	nexthop_read(sa->hop, &way);
	if (way.state != NEXTHOP_USABLE)
		return false;
	frame.len = nat_keepalive_write(ends, way.link, frame.bytes);
	port_send(way.port, 0, &frame, 1);
	return !frame.failed;
}

static int on_sweep(sd_event_source *source, uint64_t at, void *ctx)
{
	const struct engine *engine = ctx;
	uint32_t seconds = keepalive_sweep(engine->route->keepalive, engine->outbound, (uint64_t)time(NULL));

	(void)at;
	if (!seconds)
		return 0;
	sd_event_source_set_time_relative(source, seconds * 1000000ull);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* SAs were added: the sweep takes note of those that are new. */
static void sweep_soon(const struct engine_route *route)
{
	if (!route->keepalive)
		return;
	sd_event_source_set_time_relative(route->sweep, 0);
	sd_event_source_set_enabled(route->sweep, SD_EVENT_ONESHOT);
}

static uint64_t clock_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void look(struct engine *engine)
{
	struct engine_route *route = engine->route;
	uint64_t start = clock_usec();
	uint64_t end;

	route->ways_changed = false;
	route->spd_version = spd_version(outbound_spd(engine->outbound));
	engine_pmtu_need(engine);
	set_mtu(engine);
	if (route->routes)
		tun_routes_sync(route->routes, engine->outbound);
	sweep_soon(route);
	end = clock_usec();
	route->not_before = end + (end - start) * LOOK_SHARE;
}

static int on_timer(sd_event_source *source, uint64_t at, void *ctx)
{
	(void)source;
	(void)at;
	look(ctx);
	return 0;
}

void engine_route_resume(struct engine *engine, uint32_t tun_mtu)
{
	engine->route->mtu = tun_mtu;
	look(engine);
}

void engine_route_look(struct engine *engine)
{
	struct engine_route *route = engine->route;

	if (!route->ways_changed && route->spd_version == spd_version(outbound_spd(engine->outbound)))
		return;
	if (sd_event_source_get_enabled(route->timer, NULL))
		return;
	sd_event_source_set_time(route->timer, route->not_before);
	sd_event_source_set_enabled(route->timer, SD_EVENT_ONESHOT);
}

/* ---- begin and end ------------------------------------------------------------------------------------ */

static int make_keepalive(struct engine *engine)
{
	const struct keepalive_config config = {
		.seconds = engine->config->keepalive, .send = send_keepalive, .owner = engine};
	int err = keepalive_new(&config, &engine->route->keepalive);

	if (!err)
		err = sd_event_add_time(engine->event, &engine->route->sweep, CLOCK_MONOTONIC, 0, 1, on_sweep,
					engine);
	return err < 0 ? err : sd_event_source_set_enabled(engine->route->sweep, SD_EVENT_OFF);
}

static int make_inside(struct engine *engine)
{
	const struct inside_ways_config config = {
		.ways = {.watch = watch_inside, .port = port_inside, .owner = engine},
		.quiesce = engine_quiesce};

	return inside_ways_new(&config, engine->event, &engine->inside_ways);
}

int engine_route_begin(struct engine *engine)
{
	const struct nexthops_config config = {.watch = watch,
					       .port = port_of,
					       .changed = on_changed,
					       .expired = engine_pmtu_expired,
					       .owner = engine};
	const struct tun_routes_config routes = {.add = add_route, .remove = remove_route, .owner = engine};
	int err;

	engine->route = calloc(1, sizeof(*engine->route));
	if (!engine->route)
		return -ENOMEM;
	err = engine_pmtu_begin(engine);
	if (!err)
		err = nexthops_new(&config, &engine->nexthops);
	if (!err && engine->config->inside)
		err = make_inside(engine);
	if (!err && engine->config->routes)
		err = tun_routes_new(&routes, &engine->route->routes);
	if (!err)
		err = sd_event_add_time(engine->event, &engine->route->timer, CLOCK_MONOTONIC, 0, 1, on_timer,
					engine);
	if (err >= 0)
		err = sd_event_source_set_enabled(engine->route->timer, SD_EVENT_OFF);
	if (err >= 0 && engine->config->keepalive)
		err = make_keepalive(engine);
	if (err < 0)
		return err;
	engine->loader.on_nexthop = on_nexthop;
	engine->loader.ctx = engine;
	return 0;
}

void engine_route_end(struct engine *engine)
{
	engine->loader.on_nexthop = NULL;
	engine_pmtu_end(engine);
	inside_ways_free(engine->inside_ways);
	engine->inside_ways = NULL;
	nexthops_free(engine->nexthops);
	engine->nexthops = NULL;
	if (!engine->route)
		return;
	sd_event_source_disable_unref(engine->route->timer);
	sd_event_source_disable_unref(engine->route->sweep);
	tun_routes_free(engine->route->routes);
	keepalive_free(engine->route->keepalive);
	free(engine->route);
	engine->route = NULL;
}
