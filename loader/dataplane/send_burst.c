/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that are sealed together, and sent with as few calls as can be: those of one SA that look alike
 * from outside lie behind each other, and go to the kernel as UDP segments of one frame; or each lies in a
 * frame of the AF_XDP ring (send_tx.c). The worker's thread.
 */
#include <errno.h>
#include <string.h>

#include "dataplane/send_private.h"
#include "dataplane/wire.h"

#define IPV4_ID 4
#define ESP_HEADER_BYTES 8
#define UDP_HEADER_BYTES 8

/* ---- pieces -----------------------------------------------------------------------------------------------
 */

void send_burst_open(struct send *send)
{
	struct send_burst *burst = &send->burst;

	if (burst->pieces == XESP_BURST_MAX)
		send_burst_flush(send);
	burst->exits[burst->pieces++] = XESP_REASON_SENT;
	burst->open = true;
}

void send_burst_close(struct send *send)
{
	send->burst.open = false;
}

void send_burst_fail(struct send *send, enum xesp_reason reason)
{
	send->burst.exits[send->burst.pieces - 1] = (uint8_t)reason;
}

/* One that is open goes on in the next burst. */
static void settle_pieces(struct send *send)
{
	struct send_burst *burst = &send->burst;
	uint32_t ended = burst->pieces - burst->open;

	for (uint32_t i = 0; i < ended; i++)
		send_count(send, burst->exits[i]);
	if (burst->open)
		burst->exits[0] = burst->exits[ended];
	burst->pieces = burst->open;
	burst->count = burst->runs = burst->used = 0;
}

/* ---- adding -----------------------------------------------------------------------------------------------
 */

static bool joins(const struct send_burst *burst, const struct send_run *run, const struct send_path *path,
		  uint32_t bytes)
{
	if (run->closed || run->path.sa != path->sa || bytes > run->segment_bytes ||
	    run->count == PORT_SEGMENTS_MAX || run->bytes + bytes > SEND_FRAME_MAX)
		return false;
	if (run->piece != burst->pieces - 1 && (!path->look || run->path.look != path->look))
		return false;
	return memcmp(&run->path.way, &path->way, sizeof(path->way)) == 0;
}

static struct send_run *begin_run(struct send_burst *burst, const struct send_path *path, uint32_t index,
				  uint32_t bytes, uint8_t *esp)
{
	struct send_run *run = &burst->run[burst->runs++];

	run->path = *path;
	run->path.split.inner = run->inner;
	/* The packet has a whole IP header; what lies behind a shorter one is in the buffer, and not looked
	 * at. */
	memcpy(run->inner, path->split.inner, sizeof(run->inner));
	if (path->sa->mode != SA_MODE_TUNNEL && run->inner[0] >> 4 == 4)
		wire_put16(run->inner + IPV4_ID, (uint16_t)(wire_get16(run->inner + IPV4_ID) + index));
	run->esp = esp;
	run->bytes = 0;
	run->segment_bytes = bytes;
	run->first = (uint8_t)burst->count;
	run->count = 0;
	run->piece = (uint8_t)(burst->pieces - 1);
	run->ring = false;
	run->closed = path->sa->form == XESP_FORM_NATIVE || path->fragment_outer ||
		      !atomic_load_explicit(&path->way.port->segments, memory_order_relaxed);
	return run;
}

/* Where the next ESP goes: behind the run that it joins, or behind room for headers. */
static uint8_t *take_room(struct send *send, const struct send_path *path, uint32_t index, uint32_t esp_bytes)
{
	struct send_burst *burst = &send->burst;
	struct send_run *run = burst->runs ? &burst->run[burst->runs - 1] : NULL;
	uint32_t bytes = path->marker + esp_bytes;
	uint8_t *esp = send_tx_take(send, path, esp_bytes);

	if (esp) {
		run = begin_run(burst, path, index, bytes, esp);
		run->bytes = esp_bytes;
		run->closed = run->ring = true;
	} else if (run && joins(burst, run, path, bytes)) {
		memset(send->out + burst->used, 0, path->marker);
		esp = send->out + burst->used + path->marker;
		run->bytes += bytes;
		run->closed = bytes < run->segment_bytes;
		burst->used += bytes;
	} else {
		esp = send->out + burst->used + SEND_FRONT;
		run = begin_run(burst, path, index, bytes, esp);
		run->bytes = esp_bytes;
		burst->used += SEND_FRONT + esp_bytes;
	}
	run->count++;
	return esp;
}

uint8_t *send_burst_add(struct send *send, const struct send_path *path, uint32_t index, uint32_t payload,
			uint64_t seq)
{
	struct send_burst *burst = &send->burst;
	uint32_t esp_bytes = esp_out_bytes(path->sa, payload, path->pad_to);
	struct esp_out *packet;

	if (burst->count == XESP_BURST_MAX ||
	    burst->used + SEND_FRONT + SEND_MARKER_BYTES + esp_bytes > SEND_OUT_BYTES)
		send_burst_flush(send);
	packet = &burst->packets[burst->count];
	packet->sa = path->sa;
	packet->esp = take_room(send, path, index, esp_bytes);
	packet->payload_len = payload;
	packet->pad_to = path->pad_to;
	packet->next_header = path->split.next_header;
	packet->seq = seq;
	packet->iv = path->sa->iv_random ? iv_pool_take(send->ivs, path->sa->iv_bytes) : NULL;
	burst->piece_of[burst->count++] = (uint8_t)(burst->pieces - 1);
	send->done++;
	return packet->esp + ESP_HEADER_BYTES + path->sa->iv_bytes;
}

/* ---- sending ----------------------------------------------------------------------------------------------
 */

/* Headers in front of the run's ESP. The checksum of UDP is left to whoever cuts the segments; on IPv4 a
 * single packet has none (RFC 3948 section 2.1). Of what is fragmented, or lies in a ring, nobody would
 * complete it. */
static void make_frame(const struct send_run *run, struct port_frame *frame)
{
	const struct send_path *path = &run->path;
	bool udp = path->sa->form != XESP_FORM_NATIVE;
	bool partial = udp && !path->fragment_outer && !run->ring &&
		       (run->count > 1 || path->sa->params.dst.family == AF_INET6);
	uint32_t bytes = esp_out_header_bytes(path->sa, &path->split);

	esp_out_headers(path->sa, &path->split, run->esp, run->bytes, partial, run->esp - bytes);
	frame->bytes = run->esp - bytes - NEXTHOP_LINK_BYTES;
	memcpy(frame->bytes, path->way.link, NEXTHOP_LINK_BYTES);
	frame->len = NEXTHOP_LINK_BYTES + bytes + run->bytes;
	frame->udp_offset =
		partial ? (uint16_t)(NEXTHOP_LINK_BYTES + bytes - path->marker - UDP_HEADER_BYTES) : 0;
	frame->segment_bytes = run->count > 1 ? (uint16_t)run->segment_bytes : 0;
	frame->count = run->count;
	frame->failed = false;
}

static bool send_frames(struct send *send, struct port *port, struct port_frame *frames, size_t count)
{
	if (port_send(port, send->config.worker, frames, count))
		return true;
	send->blocked_socket = port_socket(port, send->config.worker);
	send->blocked_until = send_now_ms() + SEND_BLOCKED_MS;
	return false;
}

/* The outer packet in fragments, one after the other. */
static void send_fragments(struct send *send, const struct send_run *run, struct port_frame *whole)
{
	uint8_t *part = send->part + PORT_FRONT;
	struct ip_fragments fragments;
	uint32_t id = (uint32_t)send->burst.packets[run->first].seq ^ run->path.sa->spi;

	if (ip_fragment(whole->bytes + NEXTHOP_LINK_BYTES, whole->len - NEXTHOP_LINK_BYTES, run->path.way.mtu,
			id, &fragments)) {
		whole->failed = true;
		return;
	}
	memcpy(part, whole->bytes, NEXTHOP_LINK_BYTES);
	for (uint32_t i = 0; i < fragments.count && !whole->failed; i++) {
		struct port_frame frame = {.bytes = part, .count = 1};

		frame.len = NEXTHOP_LINK_BYTES + ip_fragment_write(&fragments, i, part + NEXTHOP_LINK_BYTES);
		send_frames(send, run->path.way.port, &frame, 1);
		whole->failed = frame.failed;
	}
}

/* What could not be sealed must not be sent, nor anything that would be its frame. */
static bool is_sealed(const struct send_burst *burst, const struct send_run *run)
{
	bool good = true;

	for (uint32_t i = run->first; i < (uint32_t)run->first + run->count; i++)
		good &= burst->packets[i].status == 0;
	return good;
}

static bool go_together(const struct send_run *run, const struct send_run *next)
{
	return next->path.way.port == run->path.way.port && next->ring == run->ring &&
	       !next->path.fragment_outer;
}

/* Runs that follow each other out of one port, with one call. */
static void send_runs(struct send *send, struct port_frame *frames, uint32_t runs)
{
	const struct send_burst *burst = &send->burst;
	uint32_t i = 0;

	while (i < runs) {
		const struct send_run *run = &burst->run[i];
		uint32_t n = 0;

		while (i + n < runs && go_together(run, &burst->run[i + n]) && !frames[i + n].failed)
			n++;
		if (n && run->ring)
			send_tx_frames(send, &frames[i], n);
		else if (n)
			send_frames(send, run->path.way.port, &frames[i], n);
		else if (run->ring)
			xsk_tx_drop(send->tx.ring, frames[i].bytes);
		else if (!frames[i].failed)
			send_fragments(send, run, &frames[i]);
		i += n ? n : 1;
	}
}

static void count_sa(const struct send *send, const struct send_run *run, bool failed)
{
	struct sa_out *sa = run->path.sa;
	uint64_t bytes = 0;

	if (failed) {
		atomic_fetch_add_explicit(&sa->counters.refused, run->count, memory_order_relaxed);
		return;
	}
	for (uint32_t i = run->first; i < (uint32_t)run->first + run->count; i++)
		bytes += send->burst.packets[i].payload_len;
	sa_out_count(sa, run->count, bytes, send->now);
}

static void settle_run(struct send_burst *burst, const struct send_run *run, bool failed)
{
	if (!failed)
		return;
	for (uint32_t i = run->first; i < (uint32_t)run->first + run->count; i++)
		burst->exits[burst->piece_of[i]] = XESP_REASON_SEND_FAILED;
}

void send_burst_flush(struct send *send)
{
	struct send_burst *burst = &send->burst;
	struct port_frame frames[XESP_BURST_MAX];
	uint32_t runs = burst->runs;
	uint64_t since;

	if (burst->count) {
		esp_out_burst(send->config.crypto, burst->packets, burst->count);
		since = send_tx_clock(send);
		for (uint32_t i = 0; i < runs; i++) {
			make_frame(&burst->run[i], &frames[i]);
			frames[i].failed = !is_sealed(burst, &burst->run[i]);
		}
		send_runs(send, frames, runs);
		send_tx_note(send, since);
		for (uint32_t i = 0; i < runs; i++) {
			count_sa(send, &burst->run[i], frames[i].failed);
			settle_run(burst, &burst->run[i], frames[i].failed);
		}
	}
	settle_pieces(send);
}
