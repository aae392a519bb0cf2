/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker does with packets; its thread. Nothing here allocates, logs or locks once the thread runs.
 */
#include "dataplane/worker_private.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/esp_nested.h"
#include "dataplane/udp_segments.h"

/* A worker that is busy with what it receives looks for what the host sends so many rounds after it found
 * nothing: a read that finds nothing costs as much as opening a packet. */
#define SEND_EVERY 8

/* ---- counting --------------------------------------------------------------------------------------- */

void worker_count(struct worker *worker, enum xesp_reason reason)
{
	_Atomic uint64_t *counter = &worker->counters[reason - XESP_ENGINE_REASON_FIRST];

	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* ---- frames ----------------------------------------------------------------------------------------- */

static struct handoff *packets_to(const struct worker_group *group, uint32_t to, uint32_t from)
{
	return &group->packets[to * group->capacity + from];
}

static struct handoff *frames_to(const struct worker_group *group, uint32_t to, uint32_t from)
{
	return &group->frames[to * group->capacity + from];
}

static void give_back(struct worker *worker, const struct origin *origin)
{
	struct handoff_item item = {.addr = origin->addr};

	if (origin->worker == worker->number)
		xsk_return(&worker->xsk, origin->addr);
	else /* has room: not more frames are away from home than the ring holds */
		handoff_push(frames_to(worker->group, origin->worker, worker->number), &item);
}

static void take_back(struct worker *worker)
{
	struct worker_group *group = worker->group;
	struct handoff_item item;

	for (uint32_t from = 0; group->frames && from < group->count; from++)
		while (handoff_pop(frames_to(group, worker->number, from), &item)) {
			xsk_return(&worker->xsk, item.addr);
			worker->away--;
		}
}

/* ---- handing over ------------------------------------------------------------------------------------ */

void worker_wake(struct worker *worker)
{
	uint64_t one = 1;

	/* A full eventfd counter wakes as well. */
	(void)!write(worker->wake, &one, sizeof(one));
}

/* Half of the frames stay: with an empty fill ring no packet would come to wake this worker, and so none of
 * its frames would be taken back. The rings on which they come back have room for the others. */
static bool may_leave(const struct worker *worker, const struct origin *origin)
{
	if (origin->worker != worker->number)
		return true;
	return worker->away < worker->xsk.info.frames / 2 && worker->away < HANDOFF_SIZE;
}

static bool hand_over(struct worker *worker, uint32_t owner, const struct origin *origin, uint32_t len)
{
	struct worker_group *group = worker->group;
	struct handoff_item item = {.packet = origin->packet,
				    .addr = origin->addr,
				    .len = len,
				    .home = origin->worker,
				    .outer_spi = origin->outer_spi};

	if (!may_leave(worker, origin) || !handoff_push(packets_to(group, owner, worker->number), &item))
		return false;
	if (origin->worker == worker->number)
		worker->away++;
	/* Pairs with the fence in sleep_until_work(): either it sees the packet, or we see it idle. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&group->workers[owner]->idle, memory_order_relaxed))
		worker_wake(group->workers[owner]);
	return true;
}

/* The worker that owns the SA; the first to see a packet of it becomes the owner. */
static uint32_t owner_of(struct sa *sa, uint32_t number)
{
	uint32_t owner = atomic_load_explicit(&sa->owner, memory_order_acquire);

	if (owner == SA_OWNER_NONE && atomic_compare_exchange_strong(&sa->owner, &owner, number))
		owner = number;
	return owner;
}

/* ---- one burst --------------------------------------------------------------------------------------- */

static void work_off(struct worker *worker);

static void refuse(struct worker *worker, const struct origin *origin, const struct xesp_meta *meta,
		   enum xesp_reason reason)
{
	worker_count(worker, reason);
	worker_monitor_refused(worker, origin, meta, reason);
	give_back(worker, origin);
}

void worker_take(struct worker *worker, const struct origin *origin, uint32_t len)
{
	struct burst *burst = &worker->burst;
	struct esp_packet *packet;
	struct sa *sa;
	uint32_t owner;

	if (burst->count == XESP_BURST_MAX)
		work_off(worker);
	packet = &burst->packets[burst->count];
	memcpy(&packet->meta, origin->packet - sizeof(packet->meta), sizeof(packet->meta));
	if (packet->meta.magic != XESP_META_MAGIC) {
		refuse(worker, origin, &packet->meta, XESP_REASON_BAD_META);
		return;
	}
	sa = sadb_get(worker->group->db, packet->meta.sa_index, packet->meta.sa_generation);
	if (!sa) {
		refuse(worker, origin, &packet->meta, XESP_REASON_SA_GONE);
		return;
	}
	owner = owner_of(sa, worker->number);
	if (owner != worker->number) {
		/* A layer travels once; an owner never changes, so what was handed over cannot get here. */
		if (origin->handed_over || !hand_over(worker, owner, origin, len))
			refuse(worker, origin, &packet->meta, XESP_REASON_HANDOFF_FULL);
		return;
	}
	packet->frame = origin->packet;
	packet->frame_len = len;
	packet->sa = sa;
	packet->events = worker->events;
	packet->outer_spi = origin->outer_spi;
	burst->origins[burst->count++] = *origin;
}

static uint64_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (uint64_t)now.tv_sec;
}

/* Of a packet that came in several frames there is nothing but its metadata. */
static void refuse_incomplete(struct worker *worker, const struct origin *origin)
{
	struct xesp_meta meta;

	memcpy(&meta, origin->packet - sizeof(meta), sizeof(meta));
	refuse(worker, origin, &meta,
	       meta.magic == XESP_META_MAGIC || meta.magic == XESP_META_MAGIC_INSIDE ? XESP_REASON_NO_BUFFER
										     : XESP_REASON_BAD_META);
}

/* False: the packet is not to be sealed, but opened. */
static bool is_from_inside(const struct origin *origin, struct xesp_meta *ret_meta)
{
	memcpy(ret_meta, origin->packet - sizeof(*ret_meta), sizeof(*ret_meta));
	return ret_meta->magic == XESP_META_MAGIC_INSIDE;
}

static void take_from_inside(struct worker *worker, const struct origin *origin, uint32_t len,
			     const struct xesp_meta *meta, uint64_t now)
{
	enum xesp_reason reason = worker_seal(worker, origin->packet, len, meta, now);

	if (reason)
		refuse(worker, origin, meta, reason);
	else /* what goes out is a copy: ESP goes around it */
		give_back(worker, origin);
}

/* If the interface takes no more, a step of sending finds out when it does. */
static void flush_sealed(struct worker *worker)
{
	send_flush(worker->send);
	worker->sending |= send_blocked(worker->send) >= 0;
}

static bool collect_received(struct worker *worker)
{
	struct xsk_packet packets[XESP_BURST_MAX];
	uint32_t count = xsk_receive(&worker->xsk, packets, XESP_BURST_MAX);
	struct xesp_meta meta;
	uint64_t now = 0;

	worker_prefetch(worker, packets, count);
	for (uint32_t i = 0; i < count; i++) {
		struct origin origin = {.worker = worker->number,
					.addr = packets[i].addr,
					.packet = worker->xsk.umem + packets[i].addr};

		if (!packets[i].whole) {
			refuse_incomplete(worker, &origin);
		} else if (is_from_inside(&origin, &meta)) {
			now = now ? now : now_seconds();
			take_from_inside(worker, &origin, packets[i].len, &meta, now);
		} else if (worker->group->segments &&
			   udp_segments_possible(origin.packet, packets[i].len, &meta) &&
			   worker_take_segments(worker, &origin, packets[i].len, &meta)) {
			give_back(worker, &origin);
		} else {
			worker_take(worker, &origin, packets[i].len);
		}
	}
	if (now && worker->send)
		flush_sealed(worker);
	return count > 0;
}

static bool collect_handed_over(struct worker *worker)
{
	struct worker_group *group = worker->group;
	struct handoff_item item;
	bool any = false;

	/* Each time another worker is the first: one that floods must not take the others' turn. */
	worker->turn++;
	for (uint32_t i = 0; group->packets && i < group->count; i++) {
		uint32_t from = (worker->turn + i) % group->count;

		while (worker->burst.count < XESP_BURST_MAX &&
		       handoff_pop(packets_to(group, worker->number, from), &item)) {
			struct origin origin = {.worker = item.home,
						.addr = item.addr,
						.packet = item.packet,
						.outer_spi = item.outer_spi,
						.handed_over = true};

			/* Of the content of a tunnel that another worker opened. */
			if (item.home == worker->number)
				worker->away--;
			worker_take(worker, &origin, item.len);
			any = true;
		}
	}
	return any;
}

/* ---- the second layer -------------------------------------------------------------------------------- */

/* There is room for metadata: headers and IV of the tunnel were there. */
static bool hand_over_nested(struct worker *worker, uint32_t owner, const struct esp_packet *nested,
			     const struct origin *outer)
{
	struct origin origin = {.worker = outer->worker,
				.addr = outer->addr,
				.packet = nested->frame,
				.outer_spi = nested->outer_spi};

	memcpy(nested->frame - sizeof(nested->meta), &nested->meta, sizeof(nested->meta));
	return hand_over(worker, owner, &origin, nested->frame_len);
}

/* Looks for ESP in an opened packet, and takes it into the second burst or hands it over. */
static void sort_nested(struct worker *worker, size_t i)
{
	struct burst *burst = &worker->burst;
	struct esp_packet *outer = &burst->packets[i];
	struct esp_packet *nested = &burst->nested[burst->nested_count];
	enum xesp_reason reason = esp_nested_find(worker->group->db, outer, nested);
	uint32_t owner;

	if (reason == XESP_REASON_NESTED_UDP)
		outer->reason = reason;
	if (reason != XESP_REASON_TO_ENGINE)
		return;
	owner = owner_of(nested->sa, worker->number);
	if (owner == worker->number) {
		worker_monitor_note(worker, i, nested);
		burst->nested_in[burst->nested_count++] = (uint8_t)i;
	} else if (hand_over_nested(worker, owner, nested, &burst->origins[i])) {
		outer->reason = XESP_REASON_NONE;
	} else {
		outer->reason = XESP_REASON_HANDOFF_FULL;
	}
}

/* RFC 4301 section 5.2: what comes out of a tunnel and is protected itself is processed again. */
static void open_nested(struct worker *worker, uint64_t now)
{
	struct burst *burst = &worker->burst;

	burst->nested_count = 0;
	for (size_t i = 0; i < burst->count; i++)
		if (esp_nested_possible(&burst->packets[i]))
			sort_nested(worker, i);
	if (!burst->nested_count)
		return;
	esp_open_burst(worker->crypto, burst->nested, burst->nested_count, now);
	for (size_t i = 0; i < burst->nested_count; i++)
		burst->packets[burst->nested_in[i]] = burst->nested[i];
}

static void clamp_opened(struct worker *worker)
{
	const struct burst *burst = &worker->burst;

	for (size_t i = 0; worker->send && i < burst->count; i++)
		if (esp_is_delivered(burst->packets[i].reason))
			send_clamp_opened(worker->send, burst->packets[i].packet,
					  burst->packets[i].packet_len);
}

static void work_off(struct worker *worker)
{
	struct burst *burst = &worker->burst;
	uint64_t now;

	if (!burst->count)
		return;
	now = now_seconds();
	worker_monitor_begin(worker);
	esp_open_burst(worker->crypto, burst->packets, burst->count, now);
	open_nested(worker, now);
	clamp_opened(worker);
	worker->sink.ops->deliver(&worker->sink, burst->packets, burst->count);
	for (size_t i = 0; i < burst->count; i++) {
		/* The content of a tunnel, handed over: it leaves elsewhere. */
		if (burst->packets[i].reason == XESP_REASON_NONE)
			continue;
		worker_count(worker, burst->packets[i].reason);
		if (burst->packets[i].reason != XESP_REASON_DELIVERED)
			worker_audit(worker, &burst->packets[i], now);
		worker_monitor_tell(worker, i);
		give_back(worker, &burst->origins[i]);
	}
	burst->count = 0;
}

bool worker_run_once(struct worker *worker)
{
	bool any;

	worker_enter_store(worker);
	take_back(worker);
	any = collect_received(worker);
	work_off(worker);
	any |= collect_handed_over(worker);
	work_off(worker);
	worker_leave_store(worker);
	worker_announce(worker);
	xsk_flush(&worker->xsk);
	return any;
}

bool worker_drain(struct worker *worker)
{
	bool any;

	worker_enter_store(worker);
	take_back(worker);
	any = collect_handed_over(worker);
	work_off(worker);
	worker_leave_store(worker);
	worker_announce(worker);
	return any;
}

/* ---- the thread -------------------------------------------------------------------------------------- */

static bool has_handed_over(const struct worker *worker)
{
	const struct worker_group *group = worker->group;

	for (uint32_t from = 0; group->packets && from < group->count; from++)
		if (!handoff_empty(packets_to(group, worker->number, from)))
			return true;
	return false;
}

/* What the host routes into the sink's device. */
static bool send_round(struct worker *worker)
{
	bool any;

	if (!worker->send || worker->sink_gone)
		return false;
	worker_enter_store(worker);
	any = send_step(worker->send, now_seconds());
	worker_leave_store(worker);
	worker_announce(worker);
	return any;
}

enum { POLL_XSK, POLL_WAKE, POLL_SINK, POLL_COUNT };

/* Until something comes, or what could not be sent is to be tried again. */
static void wait_for_work(struct worker *worker, struct pollfd *fds)
{
	int timeout = -1;

	if (worker->send && !worker->sink_gone) {
		int blocked = send_blocked(worker->send);

		timeout = send_timeout(worker->send);
		fds[POLL_SINK] = (struct pollfd){.fd = worker->sink.fd, .events = POLLIN};
		if (blocked != SEND_NOT_BLOCKED)
			fds[POLL_SINK] = (struct pollfd){.fd = blocked, .events = POLLOUT};
	}
	poll(fds, POLL_COUNT, timeout);
	/* Somebody removed the device: it would be ready for ever. */
	if (fds[POLL_SINK].fd == worker->sink.fd && (fds[POLL_SINK].revents & (POLLERR | POLLHUP | POLLNVAL)))
		worker->sink_gone = true;
	worker->sending = timeout >= 0 || fds[POLL_SINK].revents;
}

static void sleep_until_work(struct worker *worker)
{
	struct pollfd fds[POLL_COUNT] = {{.fd = worker->xsk.socket, .events = POLLIN},
					 {.fd = worker->wake, .events = POLLIN},
					 {.fd = -1}};
	uint64_t ignored;

	atomic_store_explicit(&worker->idle, true, memory_order_relaxed);
	/* Pairs with the fence in hand_over(). */
	atomic_thread_fence(memory_order_seq_cst);
	if (!has_handed_over(worker) && !atomic_load(&worker->group->stop))
		wait_for_work(worker, fds);
	atomic_store_explicit(&worker->idle, false, memory_order_relaxed);
	if (fds[POLL_WAKE].revents & POLLIN)
		(void)!read(worker->wake, &ignored, sizeof(ignored));
}

/* Takes what the socket has received when the end is asked for, and not what goes on arriving: the interface
 * may still be attached. */
static void work_off_the_rest(struct worker *worker)
{
	uint32_t rounds = worker->xsk.info.rx_size / XESP_BURST_MAX + 1;

	while (rounds-- && worker_run_once(worker))
		;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	while (!atomic_load_explicit(&worker->group->stop, memory_order_relaxed)) {
		bool any = worker_run_once(worker);

		/* Both directions have their turn as long as both have something to do. */
		if (worker->sending || (any && ++worker->rounds % SEND_EVERY == 0))
			worker->sending = send_round(worker);
		if (!any && !worker->sending)
			sleep_until_work(worker);
	}
	work_off_the_rest(worker);
	return NULL;
}

int worker_start(struct worker *worker)
{
	pthread_attr_t attr;
	cpu_set_t cpu;
	char name[16];
	int err;

	CPU_ZERO(&cpu);
	CPU_SET(worker->cpu, &cpu);
	err = pthread_attr_init(&attr);
	if (err)
		return -err;
	err = pthread_attr_setaffinity_np(&attr, sizeof(cpu), &cpu);
	if (!err)
		err = pthread_create(&worker->thread, &attr, worker_main, worker);
	pthread_attr_destroy(&attr);
	if (err)
		return -err;
	worker->started = true;
	snprintf(name, sizeof(name), "worker-%u", worker->number);
	pthread_setname_np(worker->thread, name);
	return 0;
}
