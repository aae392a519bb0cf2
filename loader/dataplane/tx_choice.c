/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/tx_choice.h"

#include <string.h>

const char *const tx_way_words[TX_WAY_COUNT] = {[TX_WAY_PACKET] = "packet", [TX_WAY_XDP] = "xdp"};

const char *const tx_why_words[TX_WHY_COUNT] = {[TX_WHY_NO_RING] = "no_ring",
						[TX_WHY_OPTION] = "option",
						[TX_WHY_UNTRIED] = "untried",
						[TX_WHY_MEASURED] = "measured"};

const char *const tx_mode_words[TX_MODE_COUNT] = {
	[TX_MODE_AUTO] = "auto", [TX_MODE_XDP] = "xdp", [TX_MODE_PACKET] = "packet"};

static void set_way(struct tx_choice *choice, enum tx_way way)
{
	atomic_store_explicit(&choice->way, way, memory_order_relaxed);
}

static void set_why(struct tx_choice *choice, enum tx_why why)
{
	atomic_store_explicit(&choice->why, why, memory_order_relaxed);
}

void tx_choice_init(struct tx_choice *choice, enum tx_mode mode, bool has_ring)
{
	memset(choice, 0, sizeof(*choice));
	choice->mode = mode;
	choice->has_ring = has_ring;
	choice->chosen = mode == TX_MODE_XDP && has_ring ? TX_WAY_XDP : TX_WAY_PACKET;
	set_way(choice, choice->chosen);
	if (mode == TX_MODE_PACKET)
		set_why(choice, TX_WHY_OPTION);
	else if (!has_ring)
		set_why(choice, TX_WHY_NO_RING);
	else
		set_why(choice, mode == TX_MODE_XDP ? TX_WHY_OPTION : TX_WHY_UNTRIED);
}

static uint32_t median(uint32_t *samples)
{
	for (uint32_t i = 1; i < TX_CHOICE_SAMPLES; i++) {
		uint32_t sample = samples[i], at = i;

		for (; at && samples[at - 1] > sample; at--)
			samples[at] = samples[at - 1];
		samples[at] = sample;
	}
	return samples[TX_CHOICE_SAMPLES / 2];
}

static enum tx_way other(enum tx_way way)
{
	return way == TX_WAY_PACKET ? TX_WAY_XDP : TX_WAY_PACKET;
}

static void begin(struct tx_choice *choice)
{
	memset(choice->count, 0, sizeof(choice->count));
	choice->trying = true;
}

static void decide(struct tx_choice *choice)
{
	uint64_t ns[TX_WAY_COUNT];

	for (uint32_t way = 0; way < TX_WAY_COUNT; way++) {
		uint32_t value = median(choice->samples[way]);

		ns[way] = value;
		atomic_store_explicit(&choice->ns[way], value, memory_order_relaxed);
	}
	if (ns[other(choice->chosen)] * TX_CHOICE_MARGIN < ns[choice->chosen] * (TX_CHOICE_MARGIN - 1))
		choice->chosen = other(choice->chosen);
	choice->trying = false;
	choice->left = TX_CHOICE_AGAIN;
	set_way(choice, choice->chosen);
	set_why(choice, TX_WHY_MEASURED);
	atomic_fetch_add_explicit(&choice->trials, 1, memory_order_relaxed);
}

static void add_sample(struct tx_choice *choice, enum tx_way way, uint32_t packets, uint64_t ns)
{
	uint64_t sample = (ns + packets - 1) / packets;

	choice->samples[way][choice->count[way]++] = sample < UINT32_MAX ? (uint32_t)sample : UINT32_MAX;
	if (choice->count[TX_WAY_PACKET] == TX_CHOICE_SAMPLES &&
	    choice->count[TX_WAY_XDP] == TX_CHOICE_SAMPLES)
		decide(choice);
	else if (choice->count[way] % TX_CHOICE_BLOCK == 0)
		set_way(choice, other(way));
}

_Static_assert(TX_CHOICE_SAMPLES % TX_CHOICE_BLOCK == 0, "both ways come to their samples");

void tx_choice_note(struct tx_choice *choice, enum tx_way way, uint32_t packets, uint64_t ns)
{
	if (choice->mode != TX_MODE_AUTO || !choice->has_ring || packets < TX_CHOICE_PACKETS_MIN ||
	    way != tx_choice_way(choice))
		return;
	if (choice->trying)
		add_sample(choice, way, packets, ns);
	else if (choice->left)
		choice->left--;
	else
		begin(choice);
}
