/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anti-replay window and extended sequence numbers (RFC 4303 sections 2.2.1, 3.4.3, appendix A; ring of
 * words as in RFC 6479). Pure; one thread owns a window, so nothing is locked.
 *
 *        bottom                      top
 *   old  |<------- window ---------->|  new: accepted, moves the window once the ICV is good
 */
#ifndef XESP_DATAPLANE_REPLAY_H
#define XESP_DATAPLANE_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay {
	uint64_t top;	 /* highest authenticated sequence number; 0 before the first packet */
	uint64_t ahead;	 /* `top`, or the highest number that replay_expect() was told of since */
	uint32_t window; /* packets; 0: no protection */
	bool esn;
	uint16_t word_mask; /* number of words, a power of two, less one */
	uint64_t words[];   /* bit set: received, or not to be accepted any more */
};

enum replay_verdict { REPLAY_NEW, REPLAY_DUPLICATE, REPLAY_OLD, REPLAY_ZERO };

/* Bytes of a struct replay for this window, words included. */
size_t replay_bytes(uint32_t window);

/* Fills `*replay` (replay_bytes() large). `top`: highest number received so far. Numbers at or below it
 * are never accepted: which of them came is not known, and none may be accepted twice. */
void replay_init(struct replay *replay, uint32_t window, bool esn, uint64_t top);

/* Takes over a window that a killed process left, perhaps in the midst of replay_advance(): what that had not
 * finished counts as received. -EBADMSG: it cannot have left it so, with this window and beginning at `from`
 * (replay_init()'s `top`); which numbers came is not known. The caller has checked that there is room for it.
 */
int replay_restore(struct replay *replay, uint32_t window, bool esn, uint64_t from);

/* The 64-bit number that `low`, taken from the packet (host order), stands for: with ESN the guess of
 * RFC 4303 appendix A2.2, which the ICV confirms or refutes; without, `low` itself. */
uint64_t replay_guess(const struct replay *replay, uint32_t low);

/* Packets whose ICV is being checked may move the window, and with it what a low half stands for: after a
 * loss of nearly 2^32 packets, or when an SA comes with an old number. replay_expect() is told of each of
 * them, and a packet for which replay_guess_waits() is true has to wait until they are done, and
 * replay_settle() has been called; then it is not. Only with ESN; without it nothing ever waits. */
static inline void replay_expect(struct replay *replay, uint64_t seq)
{
	if (replay->esn && seq > replay->ahead)
		replay->ahead = seq;
}

/* True if the guess would be another one if the window ended at `ahead`. */
bool replay_guess_changes(const struct replay *replay, uint64_t guess);

/* `guess` is replay_guess()'s. */
static inline bool replay_guess_waits(const struct replay *replay, uint64_t guess)
{
	return replay->ahead != replay->top && replay_guess_changes(replay, guess);
}

static inline void replay_settle(struct replay *replay)
{
	replay->ahead = replay->top;
}

/* Says what `seq` would be; changes nothing. REPLAY_ZERO: a number no sender may use. */
enum replay_verdict replay_check(const struct replay *replay, uint64_t seq);

/* Marks `seq` as received and moves the window if it is new. Only after the ICV proved good, and only if
 * replay_check() just said REPLAY_NEW. */
void replay_advance(struct replay *replay, uint64_t seq);

#endif
