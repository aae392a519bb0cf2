/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anti-replay window over a ring of 64-bit words. Blocks of 64 numbers are cleared as the window reaches
 * them, so moving it never shifts (RFC 6479). Pure; called by the worker that owns the SA.
 */
#include "dataplane/replay.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define WORD_BITS 64u
#define LOW_RANGE (1ull << 32)
/* Without a window the guess of the high half still needs a reach: the nearest number. */
#define UNPROTECTED_REACH (1ull << 31)

/* A window that does not start at a word's first bit lies over one word more. The ring is a power of two
 * of words so that a number's word is found with a mask instead of a division. */
static uint32_t ring_words(uint32_t window)
{
	uint32_t needed = (window + WORD_BITS - 2) / WORD_BITS + 1;
	uint32_t words = 1;

	if (window == 0)
		return 0;
	while (words < needed)
		words *= 2;
	return words;
}

static uint64_t block_of(uint64_t seq)
{
	return seq / WORD_BITS;
}

static uint64_t bit_of(uint64_t seq)
{
	return 1ull << (seq % WORD_BITS);
}

size_t replay_bytes(uint32_t window)
{
	return sizeof(struct replay) + ring_words(window) * sizeof(uint64_t);
}

void replay_init(struct replay *replay, uint32_t window, bool esn, uint64_t top)
{
	uint32_t words = ring_words(window);

	replay->top = top;
	replay->ahead = top;
	replay->window = window;
	replay->esn = esn;
	replay->word_mask = (uint16_t)(words ? words - 1 : 0);
	if (window == 0)
		return;
	memset(replay->words, 0xff, words * sizeof(uint64_t));
	/* Only the numbers above `top` that share its word are open; later words are cleared when reached. */
	replay->words[block_of(top) & replay->word_mask] = bit_of(top) | (bit_of(top) - 1);
}

int replay_restore(struct replay *replay, uint32_t window, bool esn, uint64_t from)
{
	uint32_t words = ring_words(window);
	uint64_t *newest;
	uint8_t found_esn;

	/* Anything but 0 and 1 is no bool that could be read as one. */
	memcpy(&found_esn, &replay->esn, sizeof(found_esn));
	if (replay->window != window || found_esn != esn || replay->word_mask != (words ? words - 1 : 0) ||
	    replay->top < from)
		return -EBADMSG;
	/* Without ESN `ahead` is where `top` was when a packet before was done. */
	if (!esn && (replay->top > UINT32_MAX || replay->ahead > replay->top))
		return -EBADMSG;
	replay->ahead = replay->top;
	if (window == 0)
		return 0;
	/* Where the top had moved and its word was not written yet, that is a ring's length behind: what is
	 * above the top there has not come. */
	newest = &replay->words[block_of(replay->top) & replay->word_mask];
	*newest = (*newest & (bit_of(replay->top) - 1)) | bit_of(replay->top);
	return 0;
}

/* The lowest number that is not left of a window with this top. */
static uint64_t bottom_of(const struct replay *replay, uint64_t top)
{
	uint64_t reach = replay->window ? replay->window - 1 : UNPROTECTED_REACH;

	return top > reach ? top - reach : 0;
}

/* RFC 4303 appendix A2.2 in one rule for its cases A and B: the smallest number with this low half that is
 * not left of the window. */
uint64_t replay_guess(const struct replay *replay, uint32_t low)
{
	uint64_t bottom = bottom_of(replay, replay->top);
	uint64_t guess = (bottom & ~(LOW_RANGE - 1)) | low;

	if (!replay->esn)
		return low;
	/* At the end of the number space there is no next high half: the number stays left of the window. */
	if (guess < bottom && guess <= UINT64_MAX - LOW_RANGE)
		guess += LOW_RANGE;
	return guess;
}

/* A guess is the smallest number that is not left of the window, so a window that moves on changes it only by
 * leaving it behind. If the window that `ahead` would make does not, none between does. */
bool replay_guess_changes(const struct replay *replay, uint64_t guess)
{
	return guess < bottom_of(replay, replay->ahead);
}

enum replay_verdict replay_check(const struct replay *replay, uint64_t seq)
{
	/* RFC 4303 section 3.3.3: where replay protection is off the sender's counter may roll over to 0. */
	if (replay->window == 0)
		return REPLAY_NEW;
	/* RFC 4303 section 3.3.3: the first packet has 1, and numbers do not cycle. */
	if (seq == 0)
		return REPLAY_ZERO;
	if (seq > replay->top)
		return REPLAY_NEW;
	/* RFC 4303 section 3.4.3: left of the window, or in it and received. */
	if (replay->top - seq >= replay->window)
		return REPLAY_OLD;
	if (replay->words[block_of(seq) & replay->word_mask] & bit_of(seq))
		return REPLAY_DUPLICATE;
	return REPLAY_NEW;
}

void replay_advance(struct replay *replay, uint64_t seq)
{
	uint64_t block = block_of(replay->top);
	uint64_t reached = 0;

	if (seq > replay->top) {
		reached = block_of(seq) - block;
		/* A listing reads it at any time. */
		__atomic_store_n(&replay->top, seq, __ATOMIC_RELAXED);
	}
	if (replay->window == 0)
		return;
	/* In this order also for who takes over when this process is killed: the words that are cleared now
	 * stood for numbers that only the new top puts left of the window. */
	if (reached)
		atomic_signal_fence(memory_order_seq_cst);
	if (reached > replay->word_mask) {
		memset(replay->words, 0, (replay->word_mask + 1u) * sizeof(uint64_t));
	} else {
		for (uint64_t i = 1; i <= reached; i++)
			replay->words[(block + i) & replay->word_mask] = 0;
	}
	replay->words[block_of(seq) & replay->word_mask] |= bit_of(seq);
}
