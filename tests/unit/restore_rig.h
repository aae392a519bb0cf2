/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Engines that come one after the other on the same state memory: each is a process with both stores, on a
 * classifier of its own, and ends without a word. What they tell the test stands in memory that all share.
 */
#ifndef XESP_TESTS_RESTORE_RIG_H
#define XESP_TESTS_RESTORE_RIG_H

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/outbound.h"
#include "control/restore.h"
#include "tests/unit/sadb_rig.h"

#define STORE 7 /* the interface's number */
#define STATE_BYTES ((size_t)64 * STATE_CHUNK_BYTES)

/* In an engine, where cmocka's would go on with the other tests. Who fuzzes has one that aborts. */
#ifndef CHECK
#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1); \
		} \
	} while (0)
#endif

struct engine {
	struct state *state;
	struct fake fake;
	struct sadb *db;
	struct outbound *outbound;
	struct restore_tally tally;
};

static struct engine engine;

/* One a process. */
static inline struct crypto_ctx *engine_crypto(void)
{
	static struct crypto_ctx *ctx;

	if (!ctx)
		CHECK(crypto_openssl.ctx_new(&ctx) == 0);
	return ctx;
}

/* Opens the memory and takes over what there is. */
static inline void engine_begin(int fd)
{
	struct sadb_config in = {.classifier = &engine.fake.classifier,
				 .provider = &crypto_openssl,
				 .capacity = CAPACITY,
				 .store = STORE};
	struct outbound_config out = {.provider = &crypto_openssl, .capacity = CAPACITY};

	memset(&engine, 0, sizeof(engine));
	engine.fake.classifier.ops = &fake_ops;
	CHECK(state_open(dup(fd), &engine.state) == 0);
	in.crypto = out.crypto = engine_crypto();
	in.state = out.state = engine.state;
	CHECK(outbound_new(&out, &engine.outbound) == 0);
	CHECK(sadb_new(&in, &engine.db) == 0);
	outbound_restore(engine.outbound, &engine.tally);
	sadb_restore(engine.db, &engine.tally);
	restore_sweep(engine.state, &engine.tally);
}

/* In an orderly way. */
static inline void engine_end(void)
{
	sadb_free(engine.db);
	outbound_free(engine.outbound);
	state_close(engine.state);
}

/* Runs an engine to its end, which is not orderly; what CHECK() says against it fails the test. */
static inline void engine_run_one(int fd, void (*life)(int fd))
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		life(fd);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* What engines tell the test and each other in; zero. */
static inline void *engine_shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static inline int restore_fd(void)
{
	int fd = -1;

	assert_int_equal(state_create(STATE_BYTES, &fd), 0);
	return fd;
}

/* As params_of(), with a key that can be looked for. */
static inline struct sa_params in_params(uint32_t spi)
{
	struct sa_params params = {
		.spi = spi,
		.mode = SA_MODE_TUNNEL,
		.cipher = ALGO_AES_GCM,
		.key_bytes = 20,
		.icv_bytes = 16,
		.replay_window = 64,
		.encap = {.present = true, .type = XESP_ENCAP_RFC3948, .sport = 4500, .dport = 4500}};

	CHECK(ip_addr_parse("192.0.2.1", &params.dst) == 0);
	for (size_t i = 0; i < params.key_bytes; i++)
		params.key[i] = (uint8_t)(0xa5 ^ (spi >> 8 * (i % 4)) ^ i);
	return params;
}

static inline struct sa_params out_params(uint32_t spi)
{
	struct sa_params params = in_params(spi);

	params.dir = SA_DIR_OUT;
	params.replay_window = 0;
	CHECK(ip_addr_parse("198.51.100.1", &params.src) == 0);
	return params;
}

static inline struct sa *in_add(const struct sa_params *params)
{
	const struct sa *sa = NULL;
	const char *what;

	CHECK(sadb_add(engine.db, params, &sa, &what) == 0);
	return (struct sa *)sa;
}

static inline struct sa_out *out_add(const struct sa_params *params)
{
	const struct sa_out *sa = NULL;
	const char *what;

	CHECK(outbound_add(engine.outbound, params, &sa, &what) == 0);
	return (struct sa_out *)sa;
}

/* NULL: there is none. */
static inline struct sa *in_find(uint32_t spi)
{
	struct sa_params params = in_params(spi);

	return (struct sa *)sadb_find(engine.db, spi, &params.dst);
}

static inline struct sa_out *out_find(uint32_t spi)
{
	struct sa_params params = out_params(spi);

	return (struct sa_out *)outbound_find(engine.outbound, spi, &params.dst);
}

/* As the data plane does with a packet whose ICV is good. False: refused. */
static inline bool in_open(struct sa *sa, uint32_t low)
{
	uint64_t seq = replay_guess(&sa->replay, low);

	replay_expect(&sa->replay, seq);
	if (replay_check(&sa->replay, seq) != REPLAY_NEW) {
		replay_settle(&sa->replay);
		return false;
	}
	replay_advance(&sa->replay, seq);
	atomic_fetch_add(&sa->counters.packets, 1);
	replay_settle(&sa->replay);
	return true;
}

/* Does the memory have the key of an SA anywhere? */
static inline bool memory_has_key(int fd, uint32_t spi)
{
	struct sa_params params = in_params(spi);
	off_t at = 0, end;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && (end = lseek(fd, at, SEEK_HOLE)) > at) {
		size_t bytes = (size_t)(end - at);
		uint8_t *part = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, at);
		bool found = part != MAP_FAILED && memmem(part, bytes, params.key, params.key_bytes);

		munmap(part, bytes);
		if (found)
			return true;
		at = end;
	}
	return false;
}

#endif
