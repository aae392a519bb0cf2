/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of the two ways out of an interface is faster: its packet socket, to which the kernel is given many
 * packets in one piece and cuts them, or the transmit ring of an AF_XDP socket. Nobody can say beforehand:
 * the former wins where the ring's packets are copied one by one, the latter with zero copy. So bursts of the
 * real traffic are sent by either, a few at a time in turn, and the median CPU time of a packet decides.
 * Pure; no clock: times are given. One worker; any thread reads what is atomic.
 */
#ifndef XESP_DATAPLANE_TX_CHOICE_H
#define XESP_DATAPLANE_TX_CHOICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum tx_way { TX_WAY_PACKET, TX_WAY_XDP, TX_WAY_COUNT };

/* What the operator says (`xespd --send`). */
enum tx_mode { TX_MODE_AUTO, TX_MODE_XDP, TX_MODE_PACKET, TX_MODE_COUNT };

enum tx_why {
	TX_WHY_NO_RING,	 /* there is only the packet socket */
	TX_WHY_OPTION,	 /* the operator said so */
	TX_WHY_UNTRIED,	 /* there was no traffic to try with; the packet socket is what any interface has */
	TX_WHY_MEASURED, /* or a first trial is on its way, and has found nothing yet */
	TX_WHY_COUNT
};

/* Smaller bursts say nothing: the worker is not busy then. */
#define TX_CHOICE_PACKETS_MIN 8
/* Bursts by each way in a trial; an odd number has a median. */
#define TX_CHOICE_SAMPLES 33
/* Of them, so many follow each other by the same way: each change of it has to wait for what is on its way.
 */
#define TX_CHOICE_BLOCK 3
/* Bursts between two trials: what the slower way costs more is spread over so many. */
#define TX_CHOICE_AGAIN 65536
/* Another way is taken only if it is faster by one part in so many. */
#define TX_CHOICE_MARGIN 5

struct tx_choice {
	enum tx_mode mode;
	bool has_ring;
	bool trying;
	enum tx_way chosen;
	uint32_t left; /* bursts until the next trial */
	uint32_t count[TX_WAY_COUNT];
	uint32_t samples[TX_WAY_COUNT][TX_CHOICE_SAMPLES]; /* ns a packet */
	_Atomic uint32_t way;				   /* enum tx_way: that bursts are to take now */
	_Atomic uint32_t why;				   /* enum tx_why */
	_Atomic uint32_t ns[TX_WAY_COUNT]; /* a packet, by the last trial; 0: there was none */
	_Atomic uint32_t trials;	   /* finished */
};

/* Words of options and of status. */
extern const char *const tx_way_words[TX_WAY_COUNT];
extern const char *const tx_why_words[TX_WHY_COUNT];
extern const char *const tx_mode_words[TX_MODE_COUNT];

void tx_choice_init(struct tx_choice *choice, enum tx_mode mode, bool has_ring);

static inline enum tx_way tx_choice_way(const struct tx_choice *choice)
{
	return (enum tx_way)atomic_load_explicit(&choice->way, memory_order_relaxed);
}

/* The caller is to say how long bursts take: a trial is on its way. */
static inline bool tx_choice_measures(const struct tx_choice *choice)
{
	return choice->trying;
}

/* A burst of so many packets was sent by `way`, in so many nanoseconds if that was measured. May change
 * tx_choice_way(); what still takes another way then does not count. */
void tx_choice_note(struct tx_choice *choice, enum tx_way way, uint32_t packets, uint64_t ns);

#endif
