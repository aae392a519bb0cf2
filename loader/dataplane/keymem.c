/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key memory: locked chunks, each cut into blocks of one size, so that 65536 keys cost some hundred
 * system calls and no page each. A chunk is aligned to its size: a block's chunk is found by its address.
 * Called by the control thread only. The arena is the one static object: locked pages belong to the process.
 */
#include "dataplane/keymem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_BYTES KEYMEM_CHUNK_BYTES
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

/* What keymem_reserve() set aside: chunks never used yet lie from `next` to `end`, used and emptied ones
 * are in `spare` (through their `next`). */
static struct {
	uint8_t *start;
	uint8_t *next;
	uint8_t *end;
	struct chunk *spare;
} reserve;

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

/* Whole chunks that start at a multiple of CHUNK_BYTES, neither dumped nor inherited, locked as `flags` of
 * mlock2() say; or NULL with errno set. Marked before the first key is written, and refused whole if any of
 * it fails: a key must not get into memory that is weaker than promised. */
static uint8_t *map_locked(size_t bytes, unsigned int flags)
{
	uint8_t *map = mmap(NULL, bytes + CHUNK_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (map == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)map % CHUNK_BYTES;
	if (before)
		munmap(map, before);
	map += before;
	munmap(map + bytes, CHUNK_BYTES - before);
	if (madvise(map, bytes, MADV_DONTDUMP) || madvise(map, bytes, MADV_DONTFORK) ||
	    mlock2(map, bytes, flags)) {
		int error = errno;

		munmap(map, bytes);
		errno = error;
		return NULL;
	}
	return map;
}

int keymem_reserve(size_t bytes)
{
	size_t whole = (bytes + CHUNK_BYTES - 1) / CHUNK_BYTES * CHUNK_BYTES;
	uint8_t *map;

	if (reserve.start || !whole)
		return -EINVAL;
	map = map_locked(whole, MLOCK_ONFAULT);
	if (!map)
		return -errno;
	reserve.start = reserve.next = map;
	reserve.end = map + whole;
	return 0;
}

static bool in_reserve(const struct chunk *chunk)
{
	return (const uint8_t *)chunk >= reserve.start && (const uint8_t *)chunk < reserve.end;
}

static struct chunk *chunk_from_reserve(void)
{
	struct chunk *chunk = reserve.spare;

	if (chunk) {
		reserve.spare = chunk->next;
		/* Of an emptied chunk, header and free list are what is not zero. */
		memset(chunk, 0, CHUNK_BYTES);
	} else if (reserve.next < reserve.end) {
		chunk = (struct chunk *)reserve.next;
		reserve.next += CHUNK_BYTES;
	}
	return chunk;
}

static void chunk_free(struct chunk *chunk)
{
	available_remove(chunk);
	if (!in_reserve(chunk)) {
		munmap(chunk, CHUNK_BYTES);
		return;
	}
	chunk->next = reserve.spare;
	reserve.spare = chunk;
}

static struct chunk *chunk_new(size_t block_bytes)
{
	struct chunk *chunk = chunk_from_reserve();
	uint8_t *map;

	if (!chunk)
		chunk = (struct chunk *)map_locked(CHUNK_BYTES, 0);
	if (!chunk)
		return NULL;
	map = (uint8_t *)chunk;
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
	chunk = (struct chunk *)((uint8_t *)block - (uintptr_t)block % CHUNK_BYTES);
	if (!chunk->free_blocks)
		available_insert(chunk);
	freed->next = chunk->free_blocks;
	chunk->free_blocks = freed;
	chunk->used--;
	if (chunk->used == 0)
		chunk_free(chunk);
}
