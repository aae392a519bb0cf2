/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is left of keys: the whole memory of the process is searched for bytes of raw and expanded keys, after
 * bursts with all suites and after the keys are gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/crypto_rig.h"
#if defined(__x86_64__)
#include "dataplane/crypto_mb_private.h"
#endif

#define WINDOW ((size_t)1 << 20)
#define REGION_MAX ((uint64_t)1 << 32) /* beyond are the shadows of sanitizers */
#define MASK 0x5a5a5a5a5a5a5a5aull     /* so that what is searched for is not found in the list of it */
#define NEEDLES_MAX 65536
#define TEXT 64

struct search {
	uint64_t needles[NEEDLES_MAX]; /* an open hash table of masked words; 0: free */
	size_t count;
	struct guard window; /* not searched itself */
	size_t places;	     /* where something was found, */
	size_t allowed;	     /* and of them those where keys may be */
	uint64_t first;	     /* where they may not */
};

struct wipe {
	struct crypto_rig *rig;
	struct crypto_rig_sa *sas;
	size_t count;
	size_t which; /* provider */
	struct search search;
};

/* ---- searching ----------------------------------------------------------------------------------------- */

static size_t slot_of(uint64_t masked)
{
	return (size_t)(masked * 0x9e3779b97f4a7c15ull >> 48) % NEEDLES_MAX;
}

static bool is_needle(const struct search *search, uint64_t word)
{
	for (size_t i = slot_of(word ^ MASK); search->needles[i]; i = (i + 1) % NEEDLES_MAX)
		if (search->needles[i] == (word ^ MASK))
			return true;
	return false;
}

/* Words that are like no key are left out: those of few different bytes, and addresses. */
static void needle_add(struct search *search, uint64_t word)
{
	bool seen[256] = {false};
	size_t different = 0;
	size_t i = slot_of(word ^ MASK);

	for (size_t byte = 0; byte < 8; byte++) {
		different += !seen[word >> 8 * byte & 0xff];
		seen[word >> 8 * byte & 0xff] = true;
	}
	if (different < 5 || word >> 48 == 0 || is_needle(search, word))
		return;
	while (search->needles[i])
		i = (i + 1) % NEEDLES_MAX;
	search->needles[i] = word ^ MASK;
	search->count++;
	assert_true(search->count < NEEDLES_MAX / 2);
}

static void needles_add(struct search *search, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at + 8 <= len; at += 8) {
		uint64_t word;

		memcpy(&word, bytes + at, 8);
		needle_add(search, word);
	}
}

static bool in_block(uint64_t at, const void *block, size_t len)
{
	return at - (uint64_t)(uintptr_t)block < len;
}

/* In a key, or in what a context keeps of keys that packets use. */
static bool is_allowed(const struct wipe *wipe, uint64_t at)
{
	const struct crypto_ctx *ctx = wipe->rig->ctx[wipe->which];

	for (size_t i = 0; i < wipe->count; i++)
		if (wipe->sas[i].keys[wipe->which] &&
		    in_block(at, wipe->sas[i].keys[wipe->which], CRYPTO_KEY_BLOCK_MAX))
			return true;
#if defined(__x86_64__)
	for (size_t i = 0; wipe->which == 0 && ctx && i < KEY_CACHE_SETS; i++)
		if (in_block(at, ctx->cache.sets[i], sizeof(*ctx->cache.sets[i])))
			return true;
#else
	(void)ctx;
#endif
	return false;
}

static void search_window(struct wipe *wipe, uint64_t start, size_t len)
{
	struct search *search = &wipe->search;

	for (size_t at = 0; at + 8 <= len; at += 8) {
		uint64_t word;

		memcpy(&word, search->window.start + at, 8);
		if (!is_needle(search, word))
			continue;
		search->places++;
		if (is_allowed(wipe, start + at))
			search->allowed++;
		else if (!search->first)
			search->first = start + at;
	}
}

static void search_region(struct wipe *wipe, int memory, uint64_t start, uint64_t end)
{
	if (in_block(start, wipe->search.window.start, WINDOW) || end - start > REGION_MAX)
		return;
	for (uint64_t at = start; at < end; at += WINDOW) {
		size_t len = end - at < WINDOW ? (size_t)(end - at) : WINDOW;
		ssize_t got = pread(memory, wipe->search.window.start, len, (off_t)at);

		if (got > 0)
			search_window(wipe, at, (size_t)got);
	}
}

/* All memory of the process that can be written. */
static void search_all(struct wipe *wipe)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512];

	assert_true(maps && memory >= 0);
	wipe->search.places = wipe->search.allowed = 0;
	wipe->search.first = 0;
	while (fgets(line, sizeof(line), maps)) {
		uint64_t start, end;
		char mode[5];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, mode) == 3 && mode[1] == 'w')
			search_region(wipe, memory, start, end);
	}
	fclose(maps);
	close(memory);
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

/* Seals and opens a packet of each SA, in mixed bursts. */
static void use(struct wipe *wipe)
{
	const struct crypto_provider *provider = crypto_rig_providers[wipe->which];
	struct crypto_op ops[XESP_BURST_MAX];
	struct crypto_op *list[XESP_BURST_MAX];

	for (size_t start = 0; start < wipe->count; start += XESP_BURST_MAX) {
		size_t count = wipe->count - start < XESP_BURST_MAX ? wipe->count - start : XESP_BURST_MAX;

		for (size_t i = 0; i < count; i++) {
			ops[i] = (struct crypto_op){.key = wipe->sas[start + i].keys[wipe->which],
						    .esp = wipe->rig->guards[i].start,
						    .seq = 7,
						    .text_len = TEXT};
			memset(ops[i].esp, 0x11, TEXT + ESP_SEAL_OVERHEAD_MAX);
			list[i] = &ops[i];
		}
		provider->seal_burst(wipe->rig->ctx[wipe->which], list, count);
		provider->open_burst(wipe->rig->ctx[wipe->which], list, count);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(ops[i].status, 0);
	}
}

/* The raw keys, as they are and as HMAC pads them; they go out of the memory of the test. */
static void take_raw(struct wipe *wipe, struct crypto_rig_sa *sa)
{
	static const uint8_t pads[] = {0, 0x36, 0x5c};

	needles_add(&wipe->search, sa->key, sa->seal.key_bytes / 8 * 8);
	for (size_t pad = 0; pad < sizeof(pads); pad++) {
		uint8_t padded[XESP_AUTH_KEY_MAX];

		for (size_t i = 0; i < sizeof(padded); i++)
			padded[i] = sa->auth_key[i] ^ pads[pad];
		needles_add(&wipe->search, padded, sa->seal.auth_key_bytes / 8 * 8);
		explicit_bzero(padded, sizeof(padded));
	}
	explicit_bzero(sa->key, sizeof(sa->key));
	explicit_bzero(sa->auth_key, sizeof(sa->auth_key));
}

#if defined(__x86_64__)
/* What libipsec-mb has made of the keys; OpenSSL's round keys are the same. */
static void take_expanded(struct wipe *wipe)
{
	for (size_t i = 0; wipe->which == 0 && i < wipe->count; i++) {
		const struct key_slot *slot =
			key_cache_find(&wipe->rig->ctx[0]->cache, wipe->sas[i].keys[0]->serial);

		if (slot)
			needles_add(&wipe->search, slot->expanded, sizeof(slot->expanded));
	}
}
#else
static void take_expanded(struct wipe *wipe)
{
	(void)wipe;
}
#endif

static void expect(struct wipe *wipe, const char *when, bool there)
{
	search_all(wipe);
	if (wipe->search.places != wipe->search.allowed)
		fail_msg("%s: %s: %zu of %zu places with bytes of keys, the first at %" PRIx64,
			 crypto_rig_providers[wipe->which]->name, when,
			 wipe->search.places - wipe->search.allowed, wipe->search.places, wipe->search.first);
	/* What is not found where it is would not be found elsewhere. */
	if (there && wipe->search.places < wipe->count)
		fail_msg("%s: %s: only %zu places", crypto_rig_providers[wipe->which]->name, when,
			 wipe->search.places);
	if (!there)
		assert_int_equal(wipe->search.places, 0);
}

static void free_keys(struct wipe *wipe, bool told)
{
	const struct crypto_provider *provider = crypto_rig_providers[wipe->which];

	for (size_t i = 0; i < wipe->count; i++) {
		if (told)
			provider->forget(wipe->rig->ctx[wipe->which], wipe->sas[i].keys[wipe->which]);
		provider->key_free(wipe->sas[i].keys[wipe->which]);
		wipe->sas[i].keys[wipe->which] = NULL;
	}
}

static struct wipe *wipe_new(struct crypto_rig *rig, size_t which, uint64_t seed)
{
	struct wipe *wipe = calloc(1, sizeof(*wipe));

	assert_non_null(wipe);
	wipe->rig = rig;
	wipe->count = suites_count();
	wipe->sas = calloc(wipe->count, sizeof(*wipe->sas));
	wipe->search.window = guard_new(WINDOW);
	assert_non_null(wipe->sas);
	for (size_t i = 0; i < wipe->count; i++) {
		struct suite suite;

		suites_at(i, &suite);
		crypto_rig_sa_init(rig, &wipe->sas[i], &suite, i % 2, &seed);
		take_raw(wipe, &wipe->sas[i]);
	}
	/* What one provider makes of the keys is searched for in what the other leaves. */
	for (wipe->which = 0; wipe->which < CRYPTO_RIG_PROVIDERS; wipe->which++) {
		if (wipe->which == which || !rig->ctx[wipe->which])
			continue;
		use(wipe);
		take_expanded(wipe);
		free_keys(wipe, true);
	}
	wipe->which = which;
	return wipe;
}

static void wipe_free(struct wipe *wipe)
{
	guard_free(&wipe->search.window);
	free(wipe->sas);
	free(wipe);
}

static void test_nothing_is_left(void **state)
{
	struct crypto_rig *rig = *state;

	for (size_t which = 0; which < CRYPTO_RIG_PROVIDERS; which++) {
		struct wipe *wipe;

		if (!rig->ctx[which])
			continue;
		wipe = wipe_new(rig, which, 31 + which);
		expect(wipe, "keys not used yet", true);
		use(wipe);
		take_expanded(wipe);
		expect(wipe, "keys in use", true);
		free_keys(wipe, true);
		expect(wipe, "keys forgotten", false);
		wipe_free(wipe);
	}
}

/* A context that goes takes all with it that it has not been told to forget. */
static void test_context_is_wiped(void **state)
{
	struct crypto_rig *rig = *state;

	for (size_t which = 0; which < CRYPTO_RIG_PROVIDERS; which++) {
		struct crypto_ctx *kept = rig->ctx[which];
		struct wipe *wipe;

		if (!kept)
			continue;
		assert_int_equal(crypto_rig_providers[which]->ctx_new(&rig->ctx[which]), 0);
		wipe = wipe_new(rig, which, 77 + which);
		use(wipe);
		take_expanded(wipe);
		free_keys(wipe, false);
		crypto_rig_providers[which]->ctx_free(rig->ctx[which]);
		rig->ctx[which] = NULL;
		expect(wipe, "context gone", false);
		rig->ctx[which] = kept;
		wipe_free(wipe);
	}
}

#if defined(__x86_64__)
/* One key of a suite that needs much room in each slot of a set, then of one that needs less: when the first
 * are gone, nothing of them is left beside the second. */
static void test_slots_filled_again(void **state)
{
	enum { KEYS = 2 * KEY_CACHE_WAYS * KEY_CACHE_SETS };
	const struct suite much = {algo_by_id(ALGO_AES_CBC), algo_by_id(ALGO_HMAC_SHA512), 32, 32};
	const struct suite less = {algo_by_id(ALGO_NULL), algo_by_id(ALGO_HMAC_SHA1), 0, 12};
	struct crypto_rig only = {.ctx = {((struct crypto_rig *)*state)->ctx[0]}};
	struct wipe *wipe = calloc(1, sizeof(*wipe));
	struct crypto_rig_sa *sas = calloc(KEYS, sizeof(*sas));
	uint64_t seed = 5;

	if (!only.ctx[0]) {
		print_message("no ipsec-mb on this CPU\n");
		skip();
	}
	assert_true(wipe && sas);
	wipe->rig = *state;
	wipe->count = 1;
	wipe->search.window = guard_new(WINDOW);
	/* Serials are given in order, and find their set by it. */
	for (size_t i = 0; i < KEYS; i++) {
		crypto_rig_sa_init(&only, &sas[i], i < KEYS / 2 ? &much : &less, false, &seed);
		wipe->sas = &sas[i];
		if (i % KEY_CACHE_SETS)
			continue;
		use(wipe);
		if (i < KEYS / 2)
			take_expanded(wipe);
	}
	for (size_t i = 0; i < KEYS / 2; i++) {
		take_raw(wipe, &sas[i]);
		crypto_rig_sa_free(&only, &sas[i]);
	}
	wipe->count = 0;
	expect(wipe, "slots filled again", false);
	for (size_t i = KEYS / 2; i < KEYS; i++)
		crypto_rig_sa_free(&only, &sas[i]);
	wipe->sas = sas;
	wipe_free(wipe);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_context_is_wiped),
#if defined(__x86_64__)
		cmocka_unit_test(test_slots_filled_again),
#endif
	};

	return cmocka_run_group_tests_name("crypto_wipe", tests, crypto_rig_setup, crypto_rig_teardown);
}
