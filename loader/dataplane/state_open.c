/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * State memory as another engine left it: the file, its mapping, and the blocks that are whole. Control
 * thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dataplane/state_private.h"

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* ---- the memfd ----------------------------------------------------------------------------------------- */

/* memfd_secret() would also hide the pages from the kernel, but they could not be given back one by one, the
 * file not be sealed, and each page taken splits the kernel's own mapping of memory. */
int state_create(size_t bytes, int *ret_fd)
{
	size_t whole = (bytes + STATE_CHUNK_BYTES - 1) / STATE_CHUNK_BYTES * STATE_CHUNK_BYTES;
	CLEANUP_FD int fd = memfd_create("xesp-state", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("xesp-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)whole) || fcntl(fd, F_ADD_SEALS, SEALS))
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* ---- what another engine left -------------------------------------------------------------------------- */

static bool head_makes_sense(const struct state_head *head, uint32_t block_bytes)
{
	return head->kind >= STATE_STORE && head->kind <= STATE_SA_OUT && head->bytes >= sizeof(*head) &&
	       state_round_up(head->bytes) == block_bytes;
}

/* Keeps whole blocks; all others are wiped, free or not. */
static void adopt_block(struct state *state, struct state_chunk *chunk, struct state_head *head)
{
	uint32_t mark = atomic_load_explicit(&head->mark, memory_order_relaxed);

	if (mark == STATE_MARK_WHOLE && head_makes_sense(head, chunk->block_bytes)) {
		head->state = NULL;
		chunk->used++;
		return;
	}
	if (mark != STATE_MARK_FREE && mark != STATE_MARK_DRAFT && mark != STATE_MARK_GOING)
		state->damaged++;
	state_wipe(head, chunk->block_bytes);
	state_block_link(chunk, head);
}

static bool chunk_makes_sense(const struct state_chunk_head *head)
{
	return head->magic == STATE_CHUNK_MAGIC && head->block_bytes &&
	       head->block_bytes % STATE_BLOCK_ALIGN == 0 && head->block_bytes <= STATE_BLOCK_MAX;
}

/* A chunk with something in it. -errno: it cannot be used here, not even read. */
static int adopt_chunk(struct state *state, uint32_t number)
{
	const struct state_chunk_head *head = (const struct state_chunk_head *)state_chunk_at(state, number);
	struct state_chunk *chunk = &state->chunks[number];
	struct state_class *class = NULL;
	int err = state_populate(state, number);

	if (err)
		return err;
	if (chunk_makes_sense(head))
		class = state_class_of(state, (uint32_t)head->block_bytes);
	if (!class) {
		/* Its engine had not finished with it, or it is damaged. */
		state->damaged += head->magic != 0;
		explicit_bzero(state_chunk_at(state, number), STATE_CHUNK_BYTES);
		state_release(state, number);
		state_spare_insert(state, number);
		return 0;
	}
	*chunk = (struct state_chunk){.block_bytes = class->block_bytes};
	for (uint32_t i = state_blocks_of(chunk); i-- > 0;)
		adopt_block(state, chunk, state_block_at(state, number, i));
	if (chunk->free)
		state_available_insert(state, class, number);
	class->chunks++;
	state->chunks_used++;
	if (!chunk->used)
		state_chunk_free(state, class, number);
	return 0;
}

static int adopt(struct state *state)
{
	off_t at = 0;

	while ((at = lseek(state->fd, at, SEEK_DATA)) >= 0) {
		uint32_t number = (uint32_t)((size_t)at / STATE_CHUNK_BYTES);
		int err;

		while (state->fresh < number)
			state_spare_insert(state, state->fresh++);
		state->fresh = number + 1;
		err = adopt_chunk(state, number);
		if (err)
			return err;
		at = (off_t)(number + 1) * (off_t)STATE_CHUNK_BYTES;
	}
	return errno == ENXIO ? 0 : -errno;
}

/* ---- begin and end ------------------------------------------------------------------------------------- */

static int map(struct state *state)
{
	void *memory;

	state->chunks = calloc(state->bytes / STATE_CHUNK_BYTES, sizeof(*state->chunks));
	if (!state->chunks)
		return -ENOMEM;
	memory = mmap(NULL, state->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, state->fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	state->map = memory;
	if (madvise(memory, state->bytes, MADV_DONTDUMP) || madvise(memory, state->bytes, MADV_DONTFORK))
		return -errno;
	state->locked = mlock2(memory, state->bytes, MLOCK_ONFAULT) == 0;
	return 0;
}

static int check_file(struct state *state)
{
	int seals = fcntl(state->fd, F_GET_SEALS);
	struct stat file;

	if (seals < 0 || fstat(state->fd, &file))
		return -EINVAL; /* no memfd, or none at all */
	state->bytes = (size_t)file.st_size;
	if ((seals & SEALS) != SEALS || !state->bytes || state->bytes % STATE_CHUNK_BYTES ||
	    state->bytes / STATE_CHUNK_BYTES >= STATE_NO_CHUNK)
		return -EINVAL;
	state->chunk_count = (uint32_t)(state->bytes / STATE_CHUNK_BYTES);
	return 0;
}

int state_open(int fd, struct state **ret_state)
{
	struct state *state = calloc(1, sizeof(*state));
	int err;

	if (!state)
		return -ENOMEM;
	state->fd = fd;
	state->spare = STATE_NO_CHUNK;
	err = check_file(state);
	if (!err)
		err = map(state);
	if (!err)
		err = adopt(state);
	if (err) {
		state->fd = -1; /* it stays the caller's */
		state_close(state);
		return err;
	}
	*ret_state = state;
	return 0;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	if (state->map)
		munmap(state->map, state->bytes);
	cleanup_fd(&state->fd);
	free(state->chunks);
	free(state);
}

bool state_locked(const struct state *state)
{
	return state->locked;
}

uint32_t state_damaged(const struct state *state)
{
	return state->damaged;
}

size_t state_used(const struct state *state)
{
	return state->chunks_used * STATE_CHUNK_BYTES;
}

/* ---- taking over --------------------------------------------------------------------------------------- */

struct state_head *state_next(const struct state *state, enum state_kind kind, uint32_t store, bool any_store,
			      struct state_cursor *cursor)
{
	for (; cursor->chunk < state->fresh; cursor->chunk++, cursor->block = 0) {
		const struct state_chunk *chunk = &state->chunks[cursor->chunk];

		while (chunk->used && cursor->block < state_blocks_of(chunk)) {
			struct state_head *head = state_block_at(state, cursor->chunk, cursor->block++);

			if (atomic_load_explicit(&head->mark, memory_order_relaxed) == STATE_MARK_WHOLE &&
			    !head->state && head->kind == kind && (any_store || head->store == store))
				return head;
		}
	}
	return NULL;
}

void state_claim(struct state *state, struct state_head *head)
{
	head->state = state;
}
