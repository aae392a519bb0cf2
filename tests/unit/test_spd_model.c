/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which SA a packet goes into, compared with a model that keeps a plain list and looks at all of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/sa_out.h"
#include "dataplane/spd.h"

/* ---- the model ----------------------------------------------------------------------------------------- */

#define MODEL_SAS 300
#define STEPS 60000

struct entry {
	bool present;
	struct sa_selector sel;
	uint32_t priority;
	uint64_t added;
};

struct model {
	struct entry entries[MODEL_SAS];
	uint64_t added;
	uint32_t random;
};

static uint32_t rnd(struct model *model, uint32_t below)
{
	model->random = model->random * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(model->random >> 4) * below >> 28);
}

static struct ip_prefix random_prefix(struct model *model, uint8_t family)
{
	static const uint8_t lengths4[] = {5, 7, 8, 24, 31, 32};
	static const uint8_t lengths6[] = {6, 15, 64, 65, 127, 128};
	struct ip_prefix result = {.addr.family = family};
	unsigned int at;

	if (family == AF_UNSPEC || rnd(model, 8) == 0)
		return (struct ip_prefix){0};
	if (rnd(model, 20) == 0)
		return result; /* 0.0.0.0/0, ::/0 */
	at = rnd(model, 6);
	result.length = family == AF_INET ? lengths4[at] : lengths6[at];
	result.addr.bytes[0] = (uint8_t)(10 + rnd(model, 4));
	result.addr.bytes[family == AF_INET ? 3 : 8] = (uint8_t)(rnd(model, 2) << 7);
	if (family == AF_INET6)
		result.addr.bytes[15] = (uint8_t)rnd(model, 3);
	else
		result.addr.bytes[3] |= (uint8_t)rnd(model, 3);
	/* As ip_prefix_parse() has it: nothing behind the length. */
	for (unsigned int bit = result.length; bit < 128; bit++)
		result.addr.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return result;
}

static struct sa_selector random_selector(struct model *model)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	uint8_t family = rnd(model, 40) ? families[rnd(model, 2)] : AF_UNSPEC;
	struct sa_selector sel = {.src = random_prefix(model, family), .dst = random_prefix(model, family)};

	if (rnd(model, 2)) {
		sel.protocol = rnd(model, 3) ? IPPROTO_UDP : IPPROTO_ICMP;
		if (sel.protocol == IPPROTO_UDP && rnd(model, 2))
			sel.sport = (uint16_t)(1 + rnd(model, 2));
		if (sel.protocol == IPPROTO_UDP && rnd(model, 2))
			sel.dport = (uint16_t)(1 + rnd(model, 2));
	}
	return sel;
}

static struct spd_flow random_flow(struct model *model)
{
	struct spd_flow result = {.family = rnd(model, 2) ? 4 : 6,
				  .protocol = rnd(model, 3) ? IPPROTO_UDP : IPPROTO_ICMP,
				  .sport = (uint16_t)(1 + rnd(model, 2)),
				  .dport = (uint16_t)(1 + rnd(model, 2))};
	uint8_t *addrs[] = {result.src, result.dst};

	for (unsigned int i = 0; i < 2; i++) {
		addrs[i][0] = (uint8_t)(10 + rnd(model, 4));
		addrs[i][result.family == 4 ? 3 : 8] = (uint8_t)(rnd(model, 2) << 7);
		addrs[i][result.family == 4 ? 3 : 15] |= (uint8_t)rnd(model, 3);
	}
	result.has_ports = result.protocol == IPPROTO_UDP && rnd(model, 5);
	return result;
}

static bool matches(const struct sa_selector *sel, const struct spd_flow *packet)
{
	uint8_t af = packet->family == 4 ? AF_INET : AF_INET6;

	if (!ip_prefix_match(&sel->src, af, packet->src) || !ip_prefix_match(&sel->dst, af, packet->dst))
		return false;
	if (sel->protocol && sel->protocol != packet->protocol)
		return false;
	if ((sel->sport || sel->dport) && !packet->has_ports)
		return false;
	return (!sel->sport || sel->sport == packet->sport) && (!sel->dport || sel->dport == packet->dport);
}

static unsigned int length_of(const struct ip_prefix *p)
{
	return p->addr.family == AF_UNSPEC ? 0 : p->length;
}

/* By the text of spd.h. */
static bool is_better(const struct entry *a, const struct entry *b)
{
	const struct sa_selector *x = &a->sel, *y = &b->sel;
	unsigned int ports_x = (x->sport && x->dport) * 4u + (x->dport != 0) * 2u + (x->sport != 0);
	unsigned int ports_y = (y->sport && y->dport) * 4u + (y->dport != 0) * 2u + (y->sport != 0);

	if (a->priority != b->priority)
		return a->priority < b->priority;
	if (length_of(&x->dst) != length_of(&y->dst))
		return length_of(&x->dst) > length_of(&y->dst);
	if (length_of(&x->src) != length_of(&y->src))
		return length_of(&x->src) > length_of(&y->src);
	if (!x->protocol != !y->protocol)
		return x->protocol != 0;
	if (ports_x != ports_y)
		return ports_x > ports_y;
	return a->added > b->added;
}

static const struct entry *model_find(const struct model *model, const struct spd_flow *packet)
{
	const struct entry *best = NULL;

	for (size_t i = 0; i < MODEL_SAS; i++) {
		const struct entry *entry = &model->entries[i];

		if (entry->present && matches(&entry->sel, packet) && (!best || is_better(entry, best)))
			best = entry;
	}
	return best;
}

/* Adds or removes; more of the one for a while, then of the other, so that groups come and go. */
static void change(struct model *model, struct spd *spd, struct sa_out *sas, bool growing)
{
	uint32_t i = rnd(model, MODEL_SAS);
	struct entry *entry = &model->entries[i];

	if (entry->present && (!growing || rnd(model, 3) == 0)) {
		spd_remove(spd, &sas[i]);
		entry->present = false;
	} else if (!entry->present && (growing || rnd(model, 60) == 0)) {
		*entry = (struct entry){.present = true,
					.sel = random_selector(model),
					.priority = rnd(model, 3) ? 5 : rnd(model, 10),
					.added = ++model->added};
		assert_int_equal(spd_add(spd, &entry->sel, entry->priority, &sas[i]), 0);
	}
	if (rnd(model, 50) == 0 && spd_reap_begin(spd))
		spd_reap(spd);
}

static void test_against_a_list(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct sa_out *sas = aligned_alloc(64, MODEL_SAS * sizeof(*sas));
	unsigned int found = 0, missed = 0;
	struct spd *spd;

	(void)state;
	assert_non_null(model);
	assert_non_null(sas);
	memset(sas, 0, MODEL_SAS * sizeof(*sas));
	assert_int_equal(spd_new(&spd), 0);
	for (unsigned int step = 0; step < STEPS; step++) {
		const struct spd_flow packet = random_flow(model);
		const struct entry *wanted;
		const struct sa_out *got;

		change(model, spd, sas, step / 1000 % 2 == 0);
		wanted = model_find(model, &packet);
		got = spd_find(spd, &packet);
		if (wanted)
			assert_ptr_equal(got, &sas[wanted - model->entries]);
		else
			assert_null(got);
		found += wanted != NULL;
		missed += wanted == NULL;
	}
	assert_true(found > STEPS / 4 && missed > STEPS / 20);
	spd_free(spd);
	free(sas);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_list),
	};

	return cmocka_run_group_tests_name("spd_model", tests, NULL, NULL);
}
