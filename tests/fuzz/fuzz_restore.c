/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes taking over SAs from state memory that was written to, by mistake or by intent: the input says which
 * bytes are other ones, and whether the sums are made to fit again. What is taken over must work, and when
 * all of it is deleted, nothing may be left in the memory.
 */
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

#include <fcntl.h>
#include <jansson.h>

#include "base/log.h"
#include "control/sa_json.h"
#include "dataplane/esp_watch.h"
#include "tests/unit/restore_rig.h"

#define SEEN 3072 /* bytes of each chunk that the SAs of the image lie in */
#define CHUNKS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An engine's memory as it is killed. */
static struct {
	int fd;
	uint8_t chunks[CHUNKS][SEEN];
} image = {.fd = -1};

static void make_sas(void)
{
	for (uint32_t i = 0; i < 3; i++) {
		struct sa_params in = in_params(0x1000 + i), out = out_params(0x2000 + i);
		struct sa *sa;

		in.replay_window = 64 << 2 * i;
		in.flags = i & 1 ? SA_FLAG_ESN : 0;
		in.encap.dport = (uint16_t)(4500 + i);
		in.limits.packet_hard = 1000 * i;
		out.limits.byte_hard = 100000 * i;
		sa = in_add(&in);
		for (uint32_t seq = 1; seq < 100; seq += 2)
			CHECK(in_open(sa, seq));
		CHECK(sa_out_take(out_add(&out), 50 + i) == 1);
	}
}

static void make_image(void)
{
	CHECK(state_create(STATE_BYTES, &image.fd) == 0);
	log_init("fuzz", LOG_LEVEL_ERROR);
	engine_begin(image.fd);
	make_sas();
	for (size_t i = 0; i < CHUNKS; i++)
		CHECK(pread(image.fd, image.chunks[i], SEEN, (off_t)(i * STATE_CHUNK_BYTES)) == SEEN);
	engine_end();
}

static bool has_content(const uint8_t *chunk)
{
	for (size_t i = 0; i < SEEN; i++)
		if (chunk[i])
			return true;
	return false;
}

/* As sa_commit() would in the engine that left them: the state is not this process's. */
static void fit_sums(uint8_t *chunk)
{
	const uint64_t *words = (const uint64_t *)chunk;
	size_t step = words[1]; /* bytes of a block */

	if (step < 64 || step % 64)
		return;
	for (size_t at = 64; at + step <= SEEN; at += step) {
		struct state_head *head = (struct state_head *)(chunk + at);

		head->state = (struct state *)head;
		if (head->kind == STATE_SA && step >= sizeof(struct sa))
			sa_commit((struct sa *)head);
		if (head->kind == STATE_SA_OUT && step >= sizeof(struct sa_out))
			sa_out_commit((struct sa_out *)head);
	}
}

/* Four bytes of the input are one of the image: chunk, offset, value. */
static void write_image(const uint8_t *data, size_t size, bool fit)
{
	static _Alignas(64) uint8_t chunks[CHUNKS][SEEN];

	memcpy(chunks, image.chunks, sizeof(chunks));
	for (; size >= 4; data += 4, size -= 4)
		chunks[data[0] % CHUNKS][(data[1] << 8 | data[2]) % SEEN] = data[3];
	for (size_t i = 0; i < CHUNKS; i++) {
		if (fit)
			fit_sums(chunks[i]);
		if (has_content(chunks[i]))
			CHECK(pwrite(image.fd, chunks[i], SEEN, (off_t)(i * STATE_CHUNK_BYTES)) == SEEN);
	}
}

static void show(const struct sa_params *params)
{
	json_t *object = sa_json_encode(params, false);

	CHECK(object);
	json_decref(object);
}

static void use_inbound(void)
{
	const struct sa *found;
	struct sa_peer peer;

	for (uint32_t i = 0; (found = sadb_next(engine.db, &i));) {
		struct sa *sa = (struct sa *)found;

		show(&sa->params);
		esp_watch_read_peer(sa, &peer);
		for (uint32_t seq = 0; seq < 300; seq++)
			in_open(sa, seq);
		if (sa->replay.window)
			CHECK(replay_check(&sa->replay, sa->replay.top) != REPLAY_NEW);
		CHECK(sadb_get(engine.db, sa->index, sa->generation) == sa);
	}
}

static void use_outbound(void)
{
	const struct sa_out *found;

	for (uint32_t i = 0; (found = outbound_next(engine.outbound, &i));) {
		struct sa_out *sa = (struct sa_out *)found;
		uint64_t before = atomic_load(&sa->last_seq), first = sa_out_take(sa, 3);
		struct sa_out_ends ends;

		show(&sa->params);
		CHECK(!first || first == before + 1);
		sa_out_get_ends(sa, &ends);
		CHECK(ends.dst.family == sa->params.dst.family);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sa_params more = in_params(0x3000);
	const struct sa *sa;
	const char *what;

	if (image.fd < 0)
		make_image();
	write_image(data + (size > 0), size - (size > 0), size > 0 && (data[0] & 1));
	engine_begin(image.fd);
	CHECK(engine.tally.kept == sadb_count(engine.db) + outbound_count(engine.outbound));
	CHECK(engine.tally.kept <= 6);
	use_inbound();
	use_outbound();
	more.encap.present = false;
	CHECK(sadb_add(engine.db, &more, &sa, &what) == 0);
	engine_end();
	CHECK(!memory_has_key(image.fd, 0x1000 + (uint32_t)size % 3));
	CHECK(!memory_has_key(image.fd, 0x2000 + (uint32_t)size % 3));
	return 0;
}
