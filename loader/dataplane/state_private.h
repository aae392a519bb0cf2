/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of state memory, for its own files: state.c gives blocks away, state_open.c finds those that
 * another engine left. What this process has to know of a chunk lies in its own memory, so that nothing in
 * the file leads it anywhere. Control thread.
 */
#ifndef XESP_DATAPLANE_STATE_PRIVATE_H
#define XESP_DATAPLANE_STATE_PRIVATE_H

#include "dataplane/state.h"

#define STATE_BLOCK_ALIGN ((size_t)64)
/* The sizes of blocks: one for each size of the ring of a window, and few others. */
#define STATE_CLASSES 24
#define STATE_NO_CHUNK UINT32_MAX

/* Changes with what the blocks look like. */
#define STATE_CHUNK_MAGIC 0x7865737073743031u

enum {
	STATE_MARK_FREE = 0,
	STATE_MARK_DRAFT = 0x44524654,
	STATE_MARK_WHOLE = 0x57484f4c,
	STATE_MARK_GOING = 0x474f4e45
};

/* In the first bytes of its chunk. */
struct state_chunk_head {
	uint64_t magic;
	uint64_t block_bytes;
};

/* A free block: no mark, and zero but for the link. */
struct state_free_block {
	uint64_t mark;
	struct state_free_block *next;
};

struct state_chunk {
	struct state_free_block *free;
	uint32_t block_bytes; /* 0: not in use */
	uint32_t used;
	uint32_t next; /* with room, of this class; or not in use */
	uint32_t prev;
};

struct state_class {
	uint32_t block_bytes;
	uint32_t available; /* first chunk with room */
	uint32_t chunks;    /* 0: the place is free */
};

struct state {
	int fd;
	uint8_t *map;
	size_t bytes;
	bool locked;
	uint32_t damaged;
	uint32_t chunks_used;
	struct state_chunk *chunks;
	uint32_t chunk_count;
	uint32_t fresh; /* chunks from here on were never used */
	uint32_t spare; /* first of those that were and are not now */
	struct state_class classes[STATE_CLASSES];
};

_Static_assert(sizeof(struct state_chunk_head) <= STATE_BLOCK_ALIGN, "a chunk's head takes one block unit");
_Static_assert(sizeof(struct state_free_block) <= STATE_BLOCK_ALIGN, "a link fits the smallest block");
_Static_assert(STATE_BLOCK_MAX == STATE_CHUNK_BYTES - STATE_BLOCK_ALIGN, "the largest block");

static inline uint8_t *state_chunk_at(const struct state *state, uint32_t number)
{
	return state->map + (size_t)number * STATE_CHUNK_BYTES;
}

static inline struct state_head *state_block_at(const struct state *state, uint32_t chunk, uint32_t block)
{
	size_t at = STATE_BLOCK_ALIGN + (size_t)block * state->chunks[chunk].block_bytes;

	return (struct state_head *)(state_chunk_at(state, chunk) + at);
}

static inline uint32_t state_blocks_of(const struct state_chunk *chunk)
{
	return (uint32_t)((STATE_CHUNK_BYTES - STATE_BLOCK_ALIGN) / chunk->block_bytes);
}

static inline uint32_t state_round_up(size_t bytes)
{
	return (uint32_t)((bytes + STATE_BLOCK_ALIGN - 1) / STATE_BLOCK_ALIGN * STATE_BLOCK_ALIGN);
}

/* Memory for all pages of a chunk, locked: a page that is missing later would be a SIGBUS. -errno. */
int state_populate(const struct state *state, uint32_t number);
/* Gives the pages back. */
void state_release(const struct state *state, uint32_t number);
/* NULL: there are too many, which only what another engine left can lead to. */
struct state_class *state_class_of(struct state *state, uint32_t block_bytes);
void state_available_insert(struct state *state, struct state_class *class, uint32_t number);
void state_spare_insert(struct state *state, uint32_t number);
/* `block` is zero. */
void state_block_link(struct state_chunk *chunk, void *block);
/* A chunk without blocks in use. */
void state_chunk_free(struct state *state, struct state_class *class, uint32_t number);
/* All of a block; its mark last. */
void state_wipe(struct state_head *head, size_t bytes);

#endif
