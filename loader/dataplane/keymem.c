/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key memory: locked chunks, each cut into blocks of one size, so that 65536 keys cost some hundred
 * system calls and no page each. A chunk is aligned to its size: a block's chunk is found by its address.
 * Called by the control thread only. The arena is the one static object: locked pages belong to the process.
 */
#include "dataplane/keymem.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_BYTES ((size_t)256 * 1024)
#define BLOCK_ALIGN ((size_t)64)

/* A free block; the link is wiped when the block is handed out. */
struct block {
	struct block *next;
};

/* In the first bytes of its chunk. */
struct chunk {
	struct chunk *next; /* among chunks that have a free block */
	struct chunk *prev;
	struct block *free_blocks;
	size_t block_bytes;
	size_t used;
};

_Static_assert(sizeof(struct chunk) <= BLOCK_ALIGN, "the chunk header takes one block unit");

/* Chunks with a free block, of all block sizes; full chunks are found by the address of their blocks. */
static struct chunk *available;

static void available_insert(struct chunk *chunk)
{
	chunk->prev = NULL;
	chunk->next = available;
	if (available)
		available->prev = chunk;
	available = chunk;
}

static void available_remove(struct chunk *chunk)
{
	if (chunk->prev)
		chunk->prev->next = chunk->next;
	else
		available = chunk->next;
	if (chunk->next)
		chunk->next->prev = chunk->prev;
}

/* A mapping of CHUNK_BYTES that starts at a multiple of it, or NULL. */
static void *map_aligned(void)
{
	uint8_t *map =
		mmap(NULL, 2 * CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (map == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)map % CHUNK_BYTES;
	if (before)
		munmap(map, before);
	munmap(map + before + CHUNK_BYTES, CHUNK_BYTES - before);
	return map + before;
}

static struct chunk *chunk_new(size_t block_bytes)
{
	uint8_t *map = map_aligned();
	struct chunk *chunk;

	if (!map)
		return NULL;
	/* Marked before the first key is written, and refused whole if any of it fails: a key must not get
	 * into memory that is weaker than promised. */
	if (madvise(map, CHUNK_BYTES, MADV_DONTDUMP) || madvise(map, CHUNK_BYTES, MADV_DONTFORK) ||
	    mlock(map, CHUNK_BYTES)) {
		munmap(map, CHUNK_BYTES);
		return NULL;
	}
	chunk = (struct chunk *)map;
	chunk->block_bytes = block_bytes;
	for (size_t at = BLOCK_ALIGN; at + block_bytes <= CHUNK_BYTES; at += block_bytes) {
		struct block *block = (struct block *)(map + at);

		block->next = chunk->free_blocks;
		chunk->free_blocks = block;
	}
	available_insert(chunk);
	return chunk;
}

static struct chunk *chunk_with_room(size_t block_bytes)
{
	for (struct chunk *chunk = available; chunk; chunk = chunk->next) {
		if (chunk->block_bytes == block_bytes)
			return chunk;
	}
	return chunk_new(block_bytes);
}

void *keymem_alloc(size_t bytes)
{
	struct chunk *chunk;
	struct block *block;
	size_t block_bytes;

	if (bytes == 0 || bytes > CHUNK_BYTES - BLOCK_ALIGN)
		return NULL;
	block_bytes = (bytes + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
	chunk = chunk_with_room(block_bytes);
	if (!chunk)
		return NULL;
	block = chunk->free_blocks;
	chunk->free_blocks = block->next;
	chunk->used++;
	if (!chunk->free_blocks)
		available_remove(chunk);
	block->next = NULL;
	return block;
}

void keymem_free(void *block, size_t bytes)
{
	struct chunk *chunk;
	struct block *freed = block;

	if (!block)
		return;
	/* All but the list's link stays zero until the block is handed out again. */
	explicit_bzero(block, bytes);
	chunk = (struct chunk *)((uintptr_t)block & ~(CHUNK_BYTES - 1));
	if (!chunk->free_blocks)
		available_insert(chunk);
	freed->next = chunk->free_blocks;
	chunk->free_blocks = freed;
	chunk->used--;
	if (chunk->used == 0) {
		available_remove(chunk);
		munmap(chunk, CHUNK_BYTES);
	}
}
