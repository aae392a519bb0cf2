/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two ways out of the worker's own interface. Through the packet socket goes also what other interfaces
 * are to send, what does not fit a frame of the ring, and what the kernel cuts; the transmit ring of the
 * queue is this worker's alone, and packets are sealed in its frames, where the kernel takes them from. The
 * way changes between steps, and only when what went the other way is out, so that nothing is overtaken. The
 * worker's thread, but for what send.h says.
 */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <time.h>

#include "dataplane/send_private.h"

/* In front of the ESP. */
#define TX_FRONT (NEXTHOP_LINK_BYTES + ESP_OUT_HEADER_MAX)
/* A ring that takes nothing more, or a change of the way, is looked at again after so long. */
#define TX_WAIT_MS 1
#define TX_DOWN_MS 10
/* What is not out by then, because an interface is down or somebody keeps packets, is no longer waited for:
 * the peer's window has to do then. */
#define TX_SWITCH_MS 20

/* ---- the control thread ----------------------------------------------------------------------------------
 */

void send_set_port(struct send *send, struct port *port, struct xsk_tx *ring, enum tx_mode mode)
{
	struct send_tx *tx = &send->tx;

	if (tx->port)
		return;
	tx->port = port;
	tx->ring = ring && ring->frames && mode != TX_MODE_PACKET ? ring : NULL;
	tx_choice_init(&tx->choice, mode, tx->ring != NULL);
	tx->way = tx_choice_way(&tx->choice);
}

void send_read_state(const struct send *send, struct send_state *ret_state)
{
	const struct tx_choice *choice = &send->tx.choice;

	*ret_state =
		(struct send_state){.way = tx_choice_way(choice),
				    .why = atomic_load_explicit(&choice->why, memory_order_relaxed),
				    .trials = atomic_load_explicit(&choice->trials, memory_order_relaxed)};
	for (uint32_t i = 0; i < TX_WAY_COUNT; i++)
		ret_state->ns[i] = atomic_load_explicit(&choice->ns[i], memory_order_relaxed);
}

/* ---- the ring ---------------------------------------------------------------------------------------------
 */

/* Packets that the interface threw away were counted as sent when they were put into the ring. */
static void kick(struct send_tx *tx)
{
	uint64_t dropped = xsk_tx_kick(tx->ring);

	if (!dropped)
		return;
	atomic_fetch_sub_explicit(&tx->port->sent, dropped, memory_order_relaxed);
	atomic_fetch_sub_explicit(&tx->port->by_ring, dropped, memory_order_relaxed);
	atomic_fetch_add_explicit(&tx->port->failed, dropped, memory_order_relaxed);
}

/* By the MTU, so that long packets do not take another way than short ones of the same flow. */
static bool may_take_ring(const struct send_tx *tx, const struct send_path *path)
{
	return path->way.port == tx->port && !path->fragment_outer &&
	       TX_FRONT + path->way.mtu <= tx->ring->frame_size;
}

uint8_t *send_tx_take(struct send *send, const struct send_path *path, uint32_t esp_bytes)
{
	struct send_tx *tx = &send->tx;
	uint8_t *frame;

	if (tx->way != TX_WAY_XDP || !may_take_ring(tx, path) || TX_FRONT + esp_bytes > tx->ring->frame_size)
		return NULL;
	frame = xsk_tx_take(tx->ring);
	return frame ? frame + TX_FRONT : NULL;
}

void send_tx_frames(struct send *send, struct port_frame *frames, size_t count)
{
	struct send_tx *tx = &send->tx;

	for (size_t i = 0; i < count; i++)
		xsk_tx_put(tx->ring, frames[i].bytes, frames[i].len);
	atomic_fetch_add_explicit(&tx->port->sent, count, memory_order_relaxed);
	atomic_fetch_add_explicit(&tx->port->calls, count, memory_order_relaxed);
	atomic_fetch_add_explicit(&tx->port->by_ring, count, memory_order_relaxed);
	kick(tx);
	xsk_tx_collect(tx->ring);
}

/* ---- the way ----------------------------------------------------------------------------------------------
 */

static bool is_out(const struct send *send)
{
	const struct send_tx *tx = &send->tx;
	int bytes = 0;

	if (tx->way == TX_WAY_XDP)
		return xsk_tx_idle(tx->ring) == tx->ring->frames;
	return ioctl(port_socket(tx->port, send->config.worker), SIOCOUTQ, &bytes) || bytes == 0;
}

/* False: what went the other way is not out yet. */
static bool change_way(struct send *send, enum tx_way way)
{
	struct send_tx *tx = &send->tx;
	uint64_t now;

	if (!is_out(send)) {
		now = send_now_ms();
		if (!tx->switch_by)
			tx->switch_by = now + TX_SWITCH_MS;
		if (now < tx->switch_by)
			return false;
	}
	tx->switch_by = 0;
	tx->way = way;
	return true;
}

bool send_tx_begin(struct send *send)
{
	struct send_tx *tx = &send->tx;
	enum tx_way way = tx_choice_way(&tx->choice);
	uint32_t room;

	if (!tx->ring)
		return true;
	if (xsk_tx_pending(tx->ring))
		kick(tx);
	room = xsk_tx_collect(tx->ring);
	/* The packet socket says of each packet that the interface is down. */
	if (xsk_tx_pending(tx->ring) && tx->ring->down)
		way = TX_WAY_PACKET;
	if (way == tx->way)
		tx->switch_by = 0;
	tx->waits =
		(way != tx->way && !change_way(send, way)) || (tx->way == TX_WAY_XDP && room < SEND_TX_ROOM);
	return !tx->waits;
}

int send_tx_timeout(const struct send *send)
{
	const struct send_tx *tx = &send->tx;

	if (!tx->ring || (!tx->waits && !xsk_tx_pending(tx->ring)))
		return -1;
	return tx->ring->down ? TX_DOWN_MS : TX_WAIT_MS;
}

/* ---- trials -----------------------------------------------------------------------------------------------
 */

/* Of this thread's CPU, with what the kernel does in its calls: on a busy machine a burst is interrupted as
 * often as it is long, and that says nothing about the way. */
static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t send_tx_clock(const struct send *send)
{
	return tx_choice_measures(&send->tx.choice) ? now_ns() : 0;
}

/* Only bursts of which all could go, and went, one way out of this interface tell something. */
void send_tx_note(struct send *send, uint64_t since)
{
	const struct send_burst *burst = &send->burst;
	struct send_tx *tx = &send->tx;

	if (!tx->ring)
		return;
	for (uint32_t i = 0; i < burst->runs; i++)
		if (!may_take_ring(tx, &burst->run[i].path) || burst->run[i].ring != (tx->way == TX_WAY_XDP))
			return;
	tx_choice_note(&tx->choice, tx->way, burst->count, since ? now_ns() - since : 0);
}
