/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker tells the control thread: one bounded ring a worker, one producer, one consumer, no lock. A
 * worker never waits: an event that finds the ring full is counted as lost, and the monitor says how many.
 */
#ifndef XESP_DATAPLANE_EVENT_H
#define XESP_DATAPLANE_EVENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <xesp/drop_reasons.h>

/* X(NAME, "name in org.xesp.varlink", "what it says") */
#define EVENT_TYPES(X) \
	X(AUDIT, "audit", "a packet of a kind that RFC 4303 and RFC 4301 want audited") \
	X(FIRST_USE, "first_use", "the first packet of an SA was opened, or sealed") \
	X(SOFT_LIFETIME, "soft_lifetime", "an SA reached a soft lifetime: time to rekey") \
	X(HARD_LIFETIME, "hard_lifetime", "an SA reached a hard lifetime and is deleted") \
	X(MAPPING_CHANGE, "mapping_change", "a new, authentic packet came from another address or port") \
	X(DELETE_REQUEST, "delete_request", "the engine asks for the deletion of an SA (NDIS SaDeleteReq)") \
	X(CAPABILITY_CHANGE, "capability_change", "what the engine can do has changed") \
	X(INTERFACE, "interface", "an attached interface changed") \
	X(PACKET, "packet", "what became of one packet in the data plane") \
	X(LOST, "lost", "events were lost because they came faster than they were read") \
	X(ENGINE_RESTART, "engine_restart", "another engine process has taken over from one that ended") \
	X(PMTU, "pmtu", "the MTU of the path to a peer is less, or is forgotten")

enum event_type {
#define EVENT_TYPE_ENUM(NAME, name, text) EVENT_##NAME,
	EVENT_TYPES(EVENT_TYPE_ENUM)
#undef EVENT_TYPE_ENUM
		EVENT_TYPE_END,
};

/* Which lifetime an event is about. */
enum event_limit {
	EVENT_LIMIT_NONE,
	EVENT_LIMIT_BYTES,
	EVENT_LIMIT_PACKETS,
	EVENT_LIMIT_SECONDS,
	EVENT_LIMIT_SEQUENCE, /* numbers of an outbound SA (RFC 4303 section 3.3.3) */
};

/* NDIS receive status of a packet; the values are Windows'. */
enum crypto_status {
	CRYPTO_SUCCESS = 0,
	CRYPTO_GENERIC_ERROR = 1,
	CRYPTO_TRANSPORT_AH_AUTH_FAILED = 2,
	CRYPTO_TRANSPORT_ESP_AUTH_FAILED = 3,
	CRYPTO_TUNNEL_AH_AUTH_FAILED = 4,
	CRYPTO_TUNNEL_ESP_AUTH_FAILED = 5,
	CRYPTO_INVALID_PACKET_SYNTAX = 6,
	CRYPTO_INVALID_PROTOCOL = 7,
};

/* A plain value; which fields mean something follows from the type. Addresses in network order, an IPv4
 * address in the first four bytes; ports and numbers in host order. */
struct event {
	uint64_t time_ns;	  /* CLOCK_REALTIME; coarse for workers */
	uint8_t type;		  /* enum event_type */
	uint8_t reason;		  /* enum xesp_reason: AUDIT, PACKET */
	uint8_t family;		  /* 4 or 6: of src, dst and old_src; 0: no addresses; PMTU: dst only */
	uint8_t form;		  /* enum xesp_form */
	uint8_t limit;		  /* enum event_limit: SOFT_LIFETIME, HARD_LIFETIME */
	uint8_t crypto_status;	  /* enum crypto_status: PACKET */
	uint8_t crypto_done;	  /* PACKET: ESP was processed to a status */
	uint8_t next_crypto_done; /* PACKET: so were both, tunnel and transport inside of it */
	uint32_t sa_index;	  /* UINT32_MAX: no SA */
	uint32_t sa_generation;
	uint32_t spi;
	uint32_t lost; /* LOST: how many; AUDIT: how many records were kept back before this one */
	uint64_t seq;
	uint8_t src[16]; /* outer source; of MAPPING_CHANGE the new one */
	uint8_t dst[16];
	uint8_t old_src[16]; /* MAPPING_CHANGE */
	uint16_t sport;	     /* 0 for native ESP */
	uint16_t dport;
	uint16_t old_sport;
	bool outbound; /* sa_index and sa_generation name an outbound SA */
	uint8_t _pad;
	uint32_t outer_spi; /* PACKET: of the tunnel that was opened around it; 0: there was none */
	uint32_t mtu;	    /* PMTU: now, of the outer packet to `dst`; 0: not known */
};

#define EVENT_RING_SIZE 1024 /* events; a power of two */

struct event_ring {
	_Alignas(64) _Atomic uint32_t head; /* producer's */
	_Atomic uint32_t lost;
	_Alignas(64) _Atomic uint32_t tail; /* consumer's */
	_Alignas(64) struct event events[EVENT_RING_SIZE];
};

/* Producer only. */
static inline void event_push(struct event_ring *ring, const struct event *event)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) == EVENT_RING_SIZE) {
		atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
		return;
	}
	ring->events[head % EVENT_RING_SIZE] = *event;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

/* Producer only: false if a push would be lost. */
static inline bool event_ring_has_room(const struct event_ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_relaxed) -
		       atomic_load_explicit(&ring->tail, memory_order_acquire) <
	       EVENT_RING_SIZE;
}

/* Consumer only. False if the ring is empty. */
static inline bool event_pop(struct event_ring *ring, struct event *ret_event)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
		return false;
	*ret_event = ring->events[tail % EVENT_RING_SIZE];
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return true;
}

#endif
