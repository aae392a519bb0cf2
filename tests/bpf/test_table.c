// SPDX-License-Identifier: BSD-2-Clause
/*
 * The SA table by itself: it holds what it promises, finds it again, and stays right through churn.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/sa_table.h"
#include "host/classifier_table.h"

#define CAPACITY 65536

struct rig {
	struct classifier_table table;
	union xesp_sa_element *elements;
	uint32_t random;
};

/* Empty, for the SAs of a family (4 or 6). */
static void begin(struct rig *rig, uint8_t family)
{
	uint32_t entries = classifier_table_entries(family, CAPACITY);

	free(rig->elements);
	rig->elements = calloc(entries, sizeof(*rig->elements));
	assert_non_null(rig->elements);
	classifier_table_init(&rig->table, family, rig->elements, entries, CAPACITY, NULL);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig->random = 1;
	begin(rig, 4);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	free(rig->elements);
	free(rig);
	return 0;
}

static struct ip_addr address(uint32_t i, uint8_t family)
{
	struct ip_addr addr = {.family = family == 4 ? AF_INET : AF_INET6,
			       .bytes = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};

	return addr;
}

static struct xesp_sa_key key_of(uint32_t spi, const struct ip_addr *dst)
{
	struct xesp_sa_key key = {.spi = htonl(spi)};

	if (dst->family == AF_INET)
		memcpy(&key.daddr[3], dst->bytes, sizeof(key.daddr[3]));
	else
		memcpy(key.daddr, dst->bytes, sizeof(key.daddr));
	return key;
}

static uint32_t draw(struct rig *rig)
{
	rig->random = rig->random * 1664525 + 1013904223;
	return rig->random ^ rig->random >> 15;
}

/* Fills it to the last SA with the keys of `spi_of` and `dst_of`; then one more finds no room. */
static void fill_full(struct rig *rig, uint32_t spi_step, uint32_t dst_step, uint8_t family)
{
	struct xesp_sa_ref ref = {.generation = 1};
	struct ip_addr dst;

	begin(rig, family);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		dst = address(i * dst_step, family);
		ref.index = i;
		assert_int_equal(classifier_table_add(&rig->table, 256 + i * spi_step, &dst, &ref), 0);
	}
	dst = address(1u << 23, family);
	assert_int_equal(classifier_table_add(&rig->table, 0xffffffff, &dst, &ref), -ENOSPC);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		dst = address(i * dst_step, family);
		assert_int_equal(classifier_table_add(&rig->table, 256 + i * spi_step, &dst, &ref), -EEXIST);
		assert_int_equal(classifier_table_del(&rig->table, 256 + i * spi_step, &dst), 0);
		assert_int_equal(classifier_table_del(&rig->table, 256 + i * spi_step, &dst), -ENOENT);
	}
	assert_int_equal(rig->table.count, 0);
}

static void test_full(void **state)
{
	static const uint32_t steps[][2] = {{1, 0},	  {0, 1},	   {1, 1},
					    {0x10000, 0}, {0x9e3779b1, 0}, {65535, 3}};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		fill_full(*state, steps[i][0], steps[i][1], 4);
		fill_full(*state, steps[i][0], steps[i][1], 6);
	}
}

static uint32_t in_first_bucket(const struct rig *rig, const struct ip_addr *dst, uint32_t count)
{
	uint32_t found = 0, numbers[2];

	for (uint32_t i = 0; i < count; i++) {
		struct xesp_sa_key key = key_of(256 + i, dst);

		sa_table_hash(&key, rig->table.buckets, numbers);
		found += sa_table_in(&rig->elements[numbers[0]], rig->table.family, &key) != NULL;
	}
	return found;
}

/* SPIs in sequence, as many key daemons allot them, are spread so well that one look finds them. */
static void test_sequence(void **state)
{
	struct rig *rig = *state;

	for (uint8_t family = 4; family <= 6; family += 2) {
		struct ip_addr dst = address(0, family);
		struct xesp_sa_ref ref = {0};

		begin(rig, family);
		for (uint32_t i = 0; i < CAPACITY; i++)
			assert_int_equal(classifier_table_add(&rig->table, 256 + i, &dst, &ref), 0);
		assert_true(in_first_bucket(rig, &dst, CAPACITY) > CAPACITY * 9 / 10);
	}
}

/* Random adds and deletes against a plain array, near full. */
static void churn(struct rig *rig, uint8_t family)
{
	bool *present = calloc(2 * CAPACITY, sizeof(*present));
	uint32_t count = 0;

	assert_non_null(present);
	begin(rig, family);
	for (uint32_t i = 0; i < 3000000; i++) {
		uint32_t key = draw(rig) % (2 * CAPACITY);
		struct ip_addr dst = address(key & 7, family);
		struct xesp_sa_ref ref = {.index = key};

		if (draw(rig) % 8 > 2) {
			int expected = present[key] ? -EEXIST : count == CAPACITY ? -ENOSPC : 0;

			assert_int_equal(classifier_table_add(&rig->table, 1000 + key, &dst, &ref), expected);
			count += !expected;
			present[key] |= !expected;
		} else {
			int expected = present[key] ? 0 : -ENOENT;

			assert_int_equal(classifier_table_del(&rig->table, 1000 + key, &dst), expected);
			count -= !expected;
			present[key] = false;
		}
		assert_int_equal(rig->table.count, count);
	}
	assert_true(count > CAPACITY * 9 / 10);
	free(present);
}

static void test_churn(void **state)
{
	churn(*state, 4);
	churn(*state, 6);
}

/* Another process takes over the memory. */
static void test_taken_over(void **state)
{
	struct rig *rig = *state;
	struct ip_addr dst = address(1, 6);
	struct xesp_sa_ref ref = {.index = 3};
	struct classifier_table other;

	begin(rig, 6);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(classifier_table_add(&rig->table, 256 + i, &dst, &ref), 0);
	classifier_table_init(&other, 6, rig->elements, classifier_table_entries(6, CAPACITY), CAPACITY,
			      NULL);
	assert_int_equal(other.count, 100);
	assert_int_equal(classifier_table_add(&other, 256, &dst, &ref), -EEXIST);
	assert_int_equal(classifier_table_del(&other, 355, &dst), 0);
	assert_int_equal(other.count, 99);
}

/* Small tables, whose few buckets random keys hit unevenly, take all they promise. */
static void fill_small(struct rig *rig, uint8_t family)
{
	struct ip_addr dst = address(1, family);
	struct xesp_sa_ref ref = {0};

	begin(rig, family);
	for (uint32_t i = 0; i < 400000; i++) {
		uint32_t capacity = 4 + i % 16, entries = classifier_table_entries(family, capacity);

		memset(rig->elements, 0, entries * sizeof(*rig->elements));
		classifier_table_init(&rig->table, family, rig->elements, entries, capacity, NULL);
		while (rig->table.count < capacity) {
			int ret = classifier_table_add(&rig->table, draw(rig) | 1, &dst, &ref);

			if (ret != -EEXIST)
				assert_int_equal(ret, 0);
		}
	}
}

static void test_small(void **state)
{
	fill_small(*state, 4);
	fill_small(*state, 6);
}

/* The process before was killed while it moved an SA, which is in both its buckets. */
static void take_over_in_a_move(struct rig *rig, uint8_t family)
{
	struct ip_addr dst = address(1, family);
	struct xesp_sa_ref ref = {.index = 3};
	uint32_t numbers[2];

	begin(rig, family);
	for (uint32_t spi = 256; spi < 276; spi++) {
		struct xesp_sa_key key = key_of(spi, &dst);

		sa_table_hash(&key, rig->table.buckets, numbers);
		for (int i = 0; i < 2; i++) {
			union xesp_sa_element *bucket = &rig->elements[numbers[i]];

			if (family == 4) {
				bucket->slot4[i] = (struct xesp_sa4_slot){key.spi, key.daddr[3], ref};
			} else {
				bucket->slot6[i] = (struct xesp_sa6_slot){.spi = key.spi, .ref = ref};
				memcpy(bucket->slot6[i].daddr, key.daddr, sizeof(key.daddr));
			}
		}
		classifier_table_init(&rig->table, family, rig->elements,
				      classifier_table_entries(family, CAPACITY), CAPACITY, NULL);
		assert_int_equal(rig->table.count, 1);
		assert_int_equal(classifier_table_del(&rig->table, spi, &dst), 0);
		assert_int_equal(classifier_table_del(&rig->table, spi, &dst), -ENOENT);
	}
}

static void test_taken_over_in_a_move(void **state)
{
	take_over_in_a_move(*state, 4);
	take_over_in_a_move(*state, 6);
}

static void test_refused(void **state)
{
	struct rig *rig = *state;
	struct ip_addr dst = address(1, 4), other = address(1, 6), none = {0};
	struct xesp_sa_ref ref = {0};

	assert_int_equal(classifier_table_add(&rig->table, 0, &dst, &ref), -EINVAL);
	assert_int_equal(classifier_table_add(&rig->table, 256, &none, &ref), -EINVAL);
	assert_int_equal(classifier_table_add(&rig->table, 256, &other, &ref), -EINVAL);
	assert_int_equal(classifier_table_del(&rig->table, 256, &other), -EINVAL);
	assert_int_equal(classifier_table_del(&rig->table, 0, &dst), -EINVAL);
	/* No bucket at all. */
	classifier_table_init(&rig->table, 4, rig->elements, 1, 1, NULL);
	assert_int_equal(classifier_table_add(&rig->table, 256, &dst, &ref), -ENOSPC);
	assert_int_equal(classifier_table_del(&rig->table, 256, &dst), -ENOENT);
	for (uint8_t family = 4; family <= 6; family += 2) {
		assert_int_equal(classifier_table_entries(family, 0), 0);
		assert_int_equal(classifier_table_entries(family, UINT32_MAX), 0);
		assert_int_equal(classifier_table_capacity(family, classifier_table_entries(family, 1)), 1);
		assert_int_equal(
			classifier_table_capacity(family, classifier_table_entries(family, CAPACITY)),
			CAPACITY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sequence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_churn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_taken_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small, setup, teardown),
		cmocka_unit_test_setup_teardown(test_taken_over_in_a_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
