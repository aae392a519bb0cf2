/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening ESP, a burst in steps: what can be told without the key; the crypto of all packets that are left;
 * then, packet by packet in their order, window, trailer and mode. Called by the worker that owns the SAs.
 */
#include "dataplane/esp.h"

#include <errno.h>

#include "dataplane/esp_beet.h"
#include "dataplane/esp_meta.h"
#include "dataplane/esp_transport.h"
#include "dataplane/esp_tunnel.h"
#include "dataplane/esp_watch.h"
#include "dataplane/wire.h"

#define ESP_HEADER_BYTES 8  /* SPI, sequence number */
#define ESP_TRAILER_BYTES 2 /* pad length, next header */

/* Only the owner writes, so load and store do; a locked add would cost more than the rest of the count. */
static void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, value + n, memory_order_relaxed);
}

static void count_failure(struct sa_counters *counters, enum xesp_reason reason)
{
	switch (reason) {
	case XESP_REASON_DUMMY:
	case XESP_REASON_EXPIRED:
	case XESP_REASON_SA_GONE: break; /* no packet of this SA */
	case XESP_REASON_REPLAY_OLD:
	case XESP_REASON_REPLAY_DUPLICATE: counter_add(&counters->replayed, 1); break;
	case XESP_REASON_AUTH_FAILED: counter_add(&counters->auth_failed, 1); break;
	default: counter_add(&counters->malformed, 1); break;
	}
}

static void finish(struct esp_packet *packet, enum xesp_reason reason, bool icv_checked)
{
	bool nested = packet->outer_spi != 0;

	packet->reason = reason;
	packet->result = (struct esp_result){true, nested, CRYPTO_SUCCESS};
	if (reason == XESP_REASON_DELIVERED)
		return;
	packet->result = esp_result_of(reason, packet->sa->mode, icv_checked, nested);
	count_failure(&packet->sa->counters, reason);
}

static enum xesp_reason reason_of_verdict(enum replay_verdict verdict)
{
	switch (verdict) {
	case REPLAY_NEW: return XESP_REASON_NONE;
	case REPLAY_DUPLICATE: return XESP_REASON_REPLAY_DUPLICATE;
	case REPLAY_OLD: return XESP_REASON_REPLAY_OLD;
	case REPLAY_ZERO: return XESP_REASON_SEQ_ZERO;
	}
	return XESP_REASON_SEQ_ZERO;
}

/* Everything that can be said before decryption: 0 if the packet goes on to the crypto, the reason why it
 * does not, or -EAGAIN if that has to wait for packets before it. */
static int prepare(struct esp_packet *packet)
{
	struct sa *sa = packet->sa;
	uint8_t *esp = packet->frame + packet->meta.esp_offset;
	uint32_t len = packet->meta.esp_length;
	uint32_t overhead = ESP_HEADER_BYTES + sa->iv_bytes + sa->icv_bytes;
	struct crypto_op *op = &packet->op;
	enum xesp_reason reason;

	if (!esp_meta_fits(packet))
		return XESP_REASON_BAD_META;
	if (len < ESP_HEADER_BYTES)
		return XESP_REASON_SYNTAX;
	packet->spi = wire_get32(esp);
	/* The classifier may have read its SA table while the entry went from a deleted SA to a new one. */
	if (packet->spi != sa->spi)
		return XESP_REASON_SA_GONE;
	packet->seq = replay_guess(&sa->replay, wire_get32(esp + 4));
	if (replay_guess_waits(&sa->replay, packet->seq))
		return -EAGAIN;
	/* RFC 4303 section 2.4: whole blocks, and 4 bytes where the cipher has none, also with NULL. Linux
	 * pads the text alone so, whatever the IV; all explicit IVs are whole words. */
	if (len < overhead + ESP_TRAILER_BYTES || (len - overhead) % sa->align_bytes)
		return XESP_REASON_SYNTAX;
	op->key = sa->key;
	op->esp = esp;
	op->seq = packet->seq;
	op->text_len = len - overhead;
	/* RFC 4303 section 3.4.3: early, to save the decryption; said again when the ICV is known to be good.
	 */
	reason = reason_of_verdict(replay_check(&sa->replay, packet->seq));
	if (reason != XESP_REASON_NONE)
		return (int)reason;
	replay_expect(&sa->replay, packet->seq);
	return 0;
}

/* RFC 4303 section 2.4: the default padding is 1, 2, 3, ... and is inspected. */
static bool padding_good(const uint8_t *padding, uint32_t bytes)
{
	uint8_t wrong = 0;

	for (uint32_t i = 0; i < bytes; i++)
		wrong |= padding[i] ^ (uint8_t)(i + 1);
	return !wrong;
}

/* Between IV and ICV. */
static uint8_t *text_of(const struct esp_packet *packet)
{
	return packet->op.esp + ESP_HEADER_BYTES + packet->sa->iv_bytes;
}

/* From here on the content is the peer's; the window has moved. */
static enum xesp_reason open_plaintext(struct esp_packet *packet, uint64_t now)
{
	struct sa *sa = packet->sa;
	uint8_t *text = text_of(packet);
	uint32_t len = packet->op.text_len - ESP_TRAILER_BYTES;
	uint8_t pad_length = text[len];
	uint8_t next_header = text[len + 1];
	bool padding_fits = pad_length <= len;
	enum xesp_reason reason;

	len -= padding_fits ? pad_length : len;
	reason = esp_watch(packet, len, now);
	if (reason != XESP_REASON_NONE)
		return reason;
	/* RFC 4303 section 2.6: no error, and nothing but the next header need be well-formed. */
	if (next_header == IPPROTO_NONE)
		return XESP_REASON_DUMMY;
	if (!padding_fits)
		return XESP_REASON_PAD_LENGTH;
	if (!padding_good(text + len, pad_length))
		return XESP_REASON_PAD_BYTES;
	switch (sa->mode) {
	case SA_MODE_TUNNEL: return esp_tunnel_open(packet, next_header, text, len);
	case SA_MODE_BEET: return esp_beet_open(packet, next_header, text, len);
	default: return esp_transport_open(packet, next_header, text, len);
	}
}

static enum xesp_reason complete(struct esp_packet *packet, uint64_t now)
{
	struct sa *sa = packet->sa;
	enum xesp_reason reason;

	if (packet->op.status) {
		/* What stands there now is the attacker's, as it came or mixed with keystream: RFC 4303
		 * section 3.4.4.2 wants it seen by nobody. */
		memset(text_of(packet), 0, packet->op.text_len);
		return packet->op.status == -EBADMSG ? XESP_REASON_AUTH_FAILED : XESP_REASON_CRYPTO_ERROR;
	}
	/* Deleted while the burst was on its way. */
	if (atomic_load_explicit(&sa->dead, memory_order_relaxed))
		return XESP_REASON_SA_GONE;
	/* A packet before it in this burst may have been its twin, or have moved the window beyond it. */
	reason = reason_of_verdict(replay_check(&sa->replay, packet->seq));
	if (reason != XESP_REASON_NONE)
		return reason;
	replay_advance(&sa->replay, packet->seq);
	atomic_store_explicit(&sa->counters.last_used, now, memory_order_relaxed);
	return open_plaintext(packet, now);
}

/* Opens packets until one has to wait for the others; returns how many. The first never has to. */
static size_t open_some(struct crypto_ctx *ctx, struct esp_packet *packets, size_t count, uint64_t now)
{
	struct crypto_op *ops[XESP_BURST_MAX];
	struct esp_packet *live[XESP_BURST_MAX];
	size_t live_count = 0, done;

	for (done = 0; done < count; done++) {
		struct esp_packet *packet = &packets[done];
		int reason;

		packet->packet = NULL;
		packet->packet_len = 0;
		packet->spi = 0;
		packet->seq = 0;
		reason = prepare(packet);
		if (reason == -EAGAIN)
			break;
		if (reason) {
			finish(packet, (enum xesp_reason)reason, false);
			continue;
		}
		ops[live_count] = &packet->op;
		live[live_count++] = packet;
	}
	if (live_count == 0)
		return done;
	/* One context is one provider's, so all SAs of a burst have the same. */
	live[0]->sa->provider->open_burst(ctx, ops, live_count);
	for (size_t i = 0; i < live_count; i++) {
		finish(live[i], complete(live[i], now), true);
		replay_settle(&live[i]->sa->replay);
	}
	return done;
}

void esp_open_burst(struct crypto_ctx *ctx, struct esp_packet *packets, size_t count, uint64_t now)
{
	while (count > 0) {
		size_t done = open_some(ctx, packets, count, now);

		packets += done;
		count -= done;
	}
}
