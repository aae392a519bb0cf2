/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/engine_pmtu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "control/icmp_match.h"
#include "control/lifetime.h"
#include "control/nexthops.h"
#include "dataplane/sa_out_watch.h"

/* Errors take at most this part of the time, however fast they come; looking through all SAs as well. */
#define TIME_SHARE 10
/* Errors that are read before others have their turn. */
#define BURST 64
/* Longer than any error: ICMPv6's have at most 1280 bytes, those of IPv4 should have 576. */
#define ERROR_BYTES_MAX 2048
#define DETAIL_MAX 96

struct source {
	struct engine *engine;
	sd_event_source *io;
	int socket;
	uint8_t family;
};

struct engine_pmtu {
	struct source sources[IPC_ICMP_FDS];
	size_t source_count;
	sd_event_source *resume;  /* reading goes on */
	sd_event_source *expire;  /* something that was learned is to be forgotten */
	uint64_t scan_not_before; /* CLOCK_MONOTONIC in us: of looking through all SAs */
	bool asked;		  /* for the sockets */
	uint64_t results[PATH_MTU_RESULT_END];
};

static uint64_t clock_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- telling --------------------------------------------------------------------------------------------
 */

/* `sa`: whose packet was too long, or NULL. */
static void publish(const struct engine *engine, const struct sa_out *sa, const struct ip_addr *peer,
		    uint32_t mtu, const char *detail)
{
	struct event event = {.sa_index = UINT32_MAX};

	if (sa)
		sa_out_watch_fill(sa, EVENT_PMTU, &event);
	event.type = EVENT_PMTU;
	event.family = peer->family == AF_INET ? 4 : 6;
	memcpy(event.dst, peer->bytes, sizeof(event.dst));
	event.mtu = mtu;
	monitor_publish(engine->monitor, sa && sa->params.dev[0] ? sa->params.dev : NULL, &event, detail);
}

void engine_pmtu_expired(void *owner, const struct ip_addr *peer, uint32_t mtu)
{
	publish(owner, NULL, peer, mtu, "what was learned is too old");
}

/* ---- learning -------------------------------------------------------------------------------------------
 */

static void expire_at(const struct engine_pmtu *pmtu, uint64_t at_ms)
{
	if (at_ms == UINT64_MAX)
		return;
	sd_event_source_set_time(pmtu->expire, at_ms * 1000);
	sd_event_source_set_enabled(pmtu->expire, SD_EVENT_ONESHOT);
}

static int on_expire(sd_event_source *source, uint64_t at, void *ctx)
{
	const struct engine *engine = ctx;

	(void)source;
	(void)at;
	expire_at(engine->pmtu, nexthops_expire(engine->nexthops, lifetime_now()));
	return 0;
}

static enum path_mtu_result find_sa(struct engine *engine, const struct icmp_quote *quote,
				    const struct sa_out **ret_sa)
{
	enum path_mtu_result result = icmp_match(engine->outbound, quote, false, ret_sa);
	uint64_t start, end;

	if (result != PATH_MTU_BUSY)
		return result;
	start = clock_usec();
	if (start < engine->pmtu->scan_not_before)
		return result;
	result = icmp_match(engine->outbound, quote, true, ret_sa);
	end = clock_usec();
	engine->pmtu->scan_not_before = end + (end - start) * TIME_SHARE;
	return result;
}

static enum path_mtu_result learn(struct engine *engine, const struct icmp_quote *quote)
{
	const struct sa_out *sa = NULL;
	uint64_t now = lifetime_now();
	uint32_t mtu, before;
	enum path_mtu_result result =
		path_mtu_judge(quote->dst.family, quote->mtu, quote->packet_bytes, &mtu);
	char detail[DETAIL_MAX];

	if (result == PATH_MTU_LEARNED)
		result = find_sa(engine, quote, &sa);
	if (result != PATH_MTU_LEARNED)
		return result;
	if (!sa->hop)
		return PATH_MTU_KNOWN;
	before = nexthops_mtu(sa->hop);
	result = nexthops_learn(engine->nexthops, sa->hop, mtu, now);
	if (result == PATH_MTU_LEARNED) {
		snprintf(detail, sizeof(detail), "was %u; the router says %u of a packet of %u", before,
			 quote->mtu, quote->packet_bytes);
		publish(engine, sa, &quote->dst, mtu, detail);
		/* What is to be forgotten earlier sets the timer anew when it is. */
		if (!sd_event_source_get_enabled(engine->pmtu->expire, NULL))
			expire_at(engine->pmtu, now + PATH_MTU_EXPIRES_MS);
	}
	return result;
}

/* ---- reading --------------------------------------------------------------------------------------------
 */

static enum path_mtu_result take(const struct source *source, const uint8_t *bytes, size_t len)
{
	struct icmp_quote quote;

	if (len > ERROR_BYTES_MAX || icmp_quote_parse(source->family, bytes, len, &quote))
		return PATH_MTU_MALFORMED;
	return learn(source->engine, &quote);
}

static void enable(const struct engine_pmtu *pmtu, bool on)
{
	for (size_t i = 0; i < pmtu->source_count; i++)
		sd_event_source_set_enabled(pmtu->sources[i].io, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int on_resume(sd_event_source *timer, uint64_t at, void *ctx)
{
	const struct engine *engine = ctx;

	(void)timer;
	(void)at;
	enable(engine->pmtu, true);
	return 0;
}

static int on_error(sd_event_source *io, int fd, uint32_t events, void *ctx)
{
	const struct source *source = ctx;
	struct engine_pmtu *pmtu = source->engine->pmtu;
	uint64_t start = clock_usec(), end;

	(void)io;
	(void)events;
	for (int i = 0; i < BURST; i++) {
		uint8_t bytes[ERROR_BYTES_MAX];
		ssize_t len = recv(fd, bytes, sizeof(bytes), MSG_TRUNC);

		if (len < 0)
			break;
		pmtu->results[take(source, bytes, (size_t)len)]++;
	}
	end = clock_usec();
	enable(pmtu, false);
	sd_event_source_set_time(pmtu->resume, end + (end - start) * TIME_SHARE);
	sd_event_source_set_enabled(pmtu->resume, SD_EVENT_ONESHOT);
	return 0;
}

/* ---- begin and end --------------------------------------------------------------------------------------
 */

/* Takes the descriptor over. */
static void add_source(struct engine *engine, int fd)
{
	struct engine_pmtu *pmtu = engine->pmtu;
	struct source *source = &pmtu->sources[pmtu->source_count];
	socklen_t bytes = sizeof(int);
	int family = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes) ||
	    sd_event_add_io(engine->event, &source->io, fd, EPOLLIN, on_error, source) < 0) {
		close(fd);
		return;
	}
	source->engine = engine;
	source->socket = fd;
	source->family = (uint8_t)family;
	pmtu->source_count++;
}

void engine_pmtu_need(struct engine *engine)
{
	struct ipc_message ask = {.type = IPC_ICMP}, answer;
	struct failure failure;
	int fds[IPC_FDS_MAX];
	size_t count = 0;
	int err;

	if (engine->pmtu->asked || !outbound_count(engine->outbound))
		return;
	engine->pmtu->asked = true;
	err = loader_ask(&engine->loader, &ask, &failure);
	if (!err)
		err = loader_answer(&engine->loader, &answer, fds, &count, &failure);
	if (!err && (answer.type != IPC_DONE || count > IPC_ICMP_FDS))
		err = loader_unexpected(&answer, fds, count, &failure);
	if (err) {
		log_warning("the MTU of paths is not learned: %s: %s", failure.operation, failure.reason);
		return;
	}
	for (size_t i = 0; i < count; i++)
		add_source(engine, fds[i]);
}

int engine_pmtu_begin(struct engine *engine)
{
	int err;

	engine->pmtu = calloc(1, sizeof(*engine->pmtu));
	if (!engine->pmtu)
		return -ENOMEM;
	err = sd_event_add_time(engine->event, &engine->pmtu->resume, CLOCK_MONOTONIC, 0, 1, on_resume,
				engine);
	if (err >= 0)
		err = sd_event_source_set_enabled(engine->pmtu->resume, SD_EVENT_OFF);
	if (err >= 0)
		err = sd_event_add_time(engine->event, &engine->pmtu->expire, CLOCK_BOOTTIME, 0, 1, on_expire,
					engine);
	if (err >= 0)
		err = sd_event_source_set_enabled(engine->pmtu->expire, SD_EVENT_OFF);
	return err < 0 ? err : 0;
}

void engine_pmtu_end(struct engine *engine)
{
	struct engine_pmtu *pmtu = engine->pmtu;

	if (!pmtu)
		return;
	for (size_t i = 0; i < pmtu->source_count; i++) {
		sd_event_source_disable_unref(pmtu->sources[i].io);
		close(pmtu->sources[i].socket);
	}
	sd_event_source_disable_unref(pmtu->resume);
	sd_event_source_disable_unref(pmtu->expire);
	free(pmtu);
	engine->pmtu = NULL;
}

json_t *engine_pmtu_json(const struct engine_pmtu *pmtu)
{
	json_t *object = json_object();

	for (int i = 0; i < PATH_MTU_RESULT_END; i++)
		json_object_set_new(object, path_mtu_result_name(i),
				    json_integer(pmtu ? (json_int_t)pmtu->results[i] : 0));
	return object;
}
