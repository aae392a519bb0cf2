/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * State memory: chunks of a memfd, each cut into blocks of one size. Control thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "dataplane/state_private.h"

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

int state_populate(const struct state *state, uint32_t number)
{
	uint8_t *chunk = state_chunk_at(state, number);

	if (!state->locked && mlock2(chunk, STATE_CHUNK_BYTES, MLOCK_ONFAULT))
		return -errno;
	return madvise(chunk, STATE_CHUNK_BYTES, MADV_POPULATE_WRITE) ? -errno : 0;
}

/* Gives the pages back; the content is wiped or no secret. What cannot be given back stays, zero. */
void state_release(const struct state *state, uint32_t number)
{
	off_t at = (off_t)number * (off_t)STATE_CHUNK_BYTES;

	if (fallocate(state->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)STATE_CHUNK_BYTES))
		explicit_bzero(state_chunk_at(state, number), STATE_CHUNK_BYTES);
	if (!state->locked)
		munlock(state_chunk_at(state, number), STATE_CHUNK_BYTES);
}

/* ---- chunks -------------------------------------------------------------------------------------------- */

struct state_class *state_class_of(struct state *state, uint32_t block_bytes)
{
	struct state_class *unused = NULL;

	for (size_t i = 0; i < STATE_CLASSES; i++) {
		struct state_class *class = &state->classes[i];

		if (class->chunks && class->block_bytes == block_bytes)
			return class;
		if (!class->chunks && !unused)
			unused = class;
	}
	if (unused)
		*unused = (struct state_class){.block_bytes = block_bytes, .available = STATE_NO_CHUNK};
	return unused;
}

void state_available_insert(struct state *state, struct state_class *class, uint32_t number)
{
	struct state_chunk *chunk = &state->chunks[number];

	chunk->prev = STATE_NO_CHUNK;
	chunk->next = class->available;
	if (class->available != STATE_NO_CHUNK)
		state->chunks[class->available].prev = number;
	class->available = number;
}

static void available_remove(struct state *state, struct state_class *class, uint32_t number)
{
	const struct state_chunk *chunk = &state->chunks[number];

	if (chunk->prev != STATE_NO_CHUNK)
		state->chunks[chunk->prev].next = chunk->next;
	else
		class->available = chunk->next;
	if (chunk->next != STATE_NO_CHUNK)
		state->chunks[chunk->next].prev = chunk->prev;
}

void state_spare_insert(struct state *state, uint32_t number)
{
	state->chunks[number] = (struct state_chunk){.next = state->spare};
	state->spare = number;
}

void state_block_link(struct state_chunk *chunk, void *block)
{
	struct state_free_block *free_block = block;

	free_block->next = chunk->free;
	chunk->free = free_block;
}

static int chunk_new(struct state *state, struct state_class *class)
{
	uint32_t number = state->spare != STATE_NO_CHUNK ? state->spare : state->fresh;
	struct state_chunk *chunk = &state->chunks[number];
	struct state_chunk_head *head;
	int err;

	if (number == state->chunk_count)
		return -ENOMEM;
	err = state_populate(state, number);
	if (err)
		return err;
	if (number == state->fresh)
		state->fresh++;
	else
		state->spare = chunk->next;
	*chunk = (struct state_chunk){.block_bytes = class->block_bytes};
	for (uint32_t i = state_blocks_of(chunk); i-- > 0;)
		state_block_link(chunk, state_block_at(state, number, i));
	head = (struct state_chunk_head *)state_chunk_at(state, number);
	head->block_bytes = class->block_bytes;
	atomic_signal_fence(memory_order_seq_cst);
	head->magic = STATE_CHUNK_MAGIC;
	state_available_insert(state, class, number);
	class->chunks++;
	state->chunks_used++;
	return 0;
}

void state_chunk_free(struct state *state, struct state_class *class, uint32_t number)
{
	available_remove(state, class, number);
	state_release(state, number);
	state_spare_insert(state, number);
	class->chunks--;
	state->chunks_used--;
}

static bool only_one_with_room(const struct state *state, const struct state_class *class, uint32_t number)
{
	return class->available == number && state->chunks[number].next == STATE_NO_CHUNK;
}

/* ---- blocks -------------------------------------------------------------------------------------------- */

static uint32_t number_of(const struct state *state, const struct state_head *head)
{
	return (uint32_t)((size_t)((const uint8_t *)head - state->map) / STATE_CHUNK_BYTES);
}

void *state_alloc(struct state *state, enum state_kind kind, uint32_t store, size_t bytes)
{
	struct state_free_block *block;
	struct state_head *head;
	struct state_class *class;
	struct state_chunk *chunk;

	if (bytes < sizeof(struct state_head) || bytes > STATE_BLOCK_MAX)
		return NULL;
	class = state_class_of(state, state_round_up(bytes));
	if (!class || (class->available == STATE_NO_CHUNK && chunk_new(state, class)))
		return NULL;
	chunk = &state->chunks[class->available];
	block = chunk->free;
	chunk->free = block->next;
	chunk->used++;
	if (!chunk->free)
		available_remove(state, class, class->available);
	block->next = NULL;
	head = (struct state_head *)block;
	atomic_store_explicit(&head->mark, STATE_MARK_DRAFT, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	head->kind = kind;
	head->store = store;
	head->bytes = (uint32_t)bytes;
	head->state = state;
	return head;
}

/* The mark goes last: until then it says that the rest is to be wiped. */
void state_wipe(struct state_head *head, size_t bytes)
{
	atomic_store_explicit(&head->mark, STATE_MARK_GOING, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	explicit_bzero((uint8_t *)head + sizeof(head->mark), bytes - sizeof(head->mark));
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&head->mark, STATE_MARK_FREE, memory_order_relaxed);
}

static void give(struct state *state, struct state_head *head, bool keep_last)
{
	uint32_t number = number_of(state, head);
	struct state_chunk *chunk = &state->chunks[number];
	struct state_class *class = state_class_of(state, chunk->block_bytes);

	state_wipe(head, chunk->block_bytes);
	if (!chunk->free)
		state_available_insert(state, class, number);
	state_block_link(chunk, head);
	chunk->used--;
	if (!chunk->used && (!keep_last || !only_one_with_room(state, class, number)))
		state_chunk_free(state, class, number);
}

/* The last empty chunk stays: adds and deletes in turn cost no system call. */
void state_free(struct state_head *head)
{
	give(head->state, head, true);
}

void state_drop(struct state *state, struct state_head *head)
{
	give(state, head, false);
}

void state_commit(struct state_head *head, uint64_t sum)
{
	if (!head->state)
		return;
	head->sum = sum;
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&head->mark, STATE_MARK_WHOLE, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

void state_uncommit(struct state_head *head)
{
	if (!head->state)
		return;
	atomic_store_explicit(&head->mark, STATE_MARK_GOING, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

uint64_t state_sum(uint64_t sum, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	for (; size; at += sizeof(uint64_t)) {
		size_t step = size < sizeof(uint64_t) ? size : sizeof(uint64_t);
		uint64_t word = 0;

		memcpy(&word, at, step);
		sum = (sum ^ word) * 0xd6e8feb86659fd93u;
		sum ^= sum >> 32;
		size -= step;
	}
	/* A block that was overwritten with zeros does not fit. */
	return sum + 1;
}
