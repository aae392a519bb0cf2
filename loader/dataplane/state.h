/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that outlives the engine process: a memfd that the loader keeps open and never maps. The SAs lie in
 * it, keys, windows and sequence numbers included, so a killed engine leaves them as they were at its last
 * instruction, and the next one goes on with them. Locked, left out of core dumps, not inherited by fork,
 * wiped when freed. Control thread, but for what is in the blocks.
 *
 * A block is whole or it is nothing: it counts from state_commit() to state_uncommit(), and what the engine
 * was about to add or had begun to delete when it was killed is wiped by the next. For that the order of the
 * stores in the program is enough: the process ends with all its threads before another begins, and what a
 * CPU has stored by then is in memory. So the compiler must keep the order, and nothing else.
 */
#ifndef XESP_DATAPLANE_STATE_H
#define XESP_DATAPLANE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Blocks of one size are cut from chunks of so many bytes; a chunk's pages come and go together. */
#define STATE_CHUNK_BYTES ((size_t)256 * 1024)
#define STATE_BLOCK_MAX (STATE_CHUNK_BYTES - 64)

enum state_kind { STATE_STORE = 1, STATE_PARSER, STATE_SA, STATE_SA_OUT };

/* The store of a block: the ifindex of the interface that its SA belongs to, or this. */
#define STATE_STORE_OUTBOUND 0u

struct state;

/* What a block begins with. All zero: the object does not lie in state memory. */
struct state_head {
	_Atomic uint32_t mark; /* state.c's */
	uint32_t kind;	       /* enum state_kind */
	uint32_t store;
	uint32_t bytes;	     /* as asked for */
	uint64_t sum;	     /* state_sum() of what does not change while the block is whole */
	struct state *state; /* NULL: found, and not claimed yet; not to be believed before state_open() */
};

/* For xespd, before it splits: `bytes` of address space, without memory. Nobody can make it smaller. */
int state_create(size_t bytes, int *ret_fd);
/* Maps what state_create() made and looks at what another engine left there: what is not a whole block is
 * wiped. The descriptor is the state's from then on. Once, while the process still has CAP_IPC_LOCK: what is
 * locked then stays so. Without, each chunk is locked when it is needed, under RLIMIT_MEMLOCK. -errno. */
int state_open(int fd, struct state **ret_state);
/* Unmaps. The blocks stay as they are for who opens the memory again; NULL-safe. */
void state_close(struct state *state);
/* Was there a right to lock all of it? */
bool state_locked(const struct state *state);
/* Blocks that state_open() could make no sense of, and wiped: whose they were is not known. */
uint32_t state_damaged(const struct state *state);

/* A block of at least `bytes`, aligned to 64, with its head, and zero behind that; not whole yet. The memory
 * is there: touching it cannot fail later. NULL: there is no memory, or no right to lock it. */
void *state_alloc(struct state *state, enum state_kind kind, uint32_t store, size_t bytes);
/* Wipes and frees. */
void state_free(struct state_head *head);

/* From here on another engine will find the block, with this sum; and no longer. Both do nothing with what
 * does not lie in state memory. */
void state_commit(struct state_head *head, uint64_t sum);
void state_uncommit(struct state_head *head);

/* Continues `sum` (begins with 0) over some bytes. Finds what was overwritten by mistake, not by intent. */
uint64_t state_sum(uint64_t sum, const void *bytes, size_t size);

/* Where state_next() is; begins zeroed. */
struct state_cursor {
	uint32_t chunk;
	uint32_t block;
};

/* The next block of a kind that state_open() found and nobody has claimed: of this store, or of any if
 * `any_store`. `bytes` is right; all else may be damaged. NULL: there is none. */
struct state_head *state_next(const struct state *state, enum state_kind kind, uint32_t store, bool any_store,
			      struct state_cursor *cursor);
/* The block is in use again. */
void state_claim(struct state *state, struct state_head *head);
/* Wipes a block that state_next() found. */
void state_drop(struct state *state, struct state_head *head);

/* Bytes of memory that are in use, whole chunks. */
size_t state_used(const struct state *state);

#endif
