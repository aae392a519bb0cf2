/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a packet cannot go into an SA. What can is seen in test_esp_out and test_esp_out_headers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/packet.h"
#include "tests/lib/seal_rig.h"

struct packet {
	uint8_t bytes[300];
	size_t len;
};

static void setup(struct seal_rig *rig, enum sa_mode mode, uint8_t family)
{
	const struct sa_params params = seal_rig_params(mode, family, family, XESP_FORM_UDP);

	seal_rig_setup(rig, &params, NULL);
}

static void set_inner(struct packet *packet, const struct seal_rig *rig, uint8_t family)
{
	packet->len = seal_rig_inner(&rig->sa->params, family, IPPROTO_UDP, 60, packet->bytes);
}

static int split_of(const struct seal_rig *rig, const uint8_t *inner, size_t len)
{
	struct esp_out_split split, untouched;
	int err;

	memset(&split, 0x5a, sizeof(split));
	untouched = split;
	err = esp_out_split(rig->sa, inner, (uint32_t)len, &split);
	if (err)
		assert_memory_equal(&split, &untouched, sizeof(split));
	return err;
}

static void test_refused_in_any_mode(void **state)
{
	static const enum sa_mode modes[] = {SA_MODE_TUNNEL, SA_MODE_TRANSPORT, SA_MODE_BEET};
	struct packet packet;
	struct seal_rig rig;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		setup(&rig, modes[i], 4);
		set_inner(&packet, &rig, 4);
		assert_int_equal(split_of(&rig, packet.bytes, packet.len), 0);
		for (size_t len = 0; len < 20; len++)
			assert_int_equal(split_of(&rig, packet.bytes, len), -EINVAL);
		packet.bytes[0] = 0x55;
		assert_int_equal(split_of(&rig, packet.bytes, packet.len), -EINVAL);
		if (modes[i] == SA_MODE_TUNNEL) {
			seal_rig_teardown(&rig);
			continue;
		}
		packet.bytes[0] = 0x44;
		assert_int_equal(split_of(&rig, packet.bytes, packet.len), -EINVAL);
		packet.bytes[0] = 0x4f;
		assert_int_equal(split_of(&rig, packet.bytes, 59), -EINVAL);
		/* The other family, for which there is no place. */
		set_inner(&packet, &rig, 6);
		assert_int_equal(split_of(&rig, packet.bytes, packet.len), -EINVAL);
		seal_rig_teardown(&rig);
	}
}

static void test_refused_in_transport_mode(void **state)
{
	uint8_t header[72] = {0, 0, 1, 4};
	struct packet packet;
	struct seal_rig rig;

	(void)state;
	setup(&rig, SA_MODE_TRANSPORT, 6);
	set_inner(&packet, &rig, 6);
	for (size_t len = 0; len < 40; len++)
		assert_int_equal(split_of(&rig, packet.bytes, len), -EINVAL);
	/* A routing header, also behind destination options. */
	packet.len = packet_insert(packet.bytes, packet.len, IPPROTO_ROUTING, header, 8);
	assert_int_equal(split_of(&rig, packet.bytes, packet.len), -EPROTONOSUPPORT);
	packet.len = packet_insert(packet.bytes, packet.len, IPPROTO_DSTOPTS, header, 8);
	assert_int_equal(split_of(&rig, packet.bytes, packet.len), -EPROTONOSUPPORT);
	/* More options than the peer's classifier takes; and cut short. */
	set_inner(&packet, &rig, 6);
	header[1] = 8;
	header[3] = 68;
	packet.len = packet_insert(packet.bytes, packet.len, IPPROTO_HOPOPTS, header, 72);
	assert_int_equal(split_of(&rig, packet.bytes, packet.len), -EPROTONOSUPPORT);
	assert_int_equal(split_of(&rig, packet.bytes, 40 + 71), -EINVAL);
	assert_int_equal(split_of(&rig, packet.bytes, 40 + 7), -EINVAL);
	seal_rig_teardown(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_in_any_mode),
		cmocka_unit_test(test_refused_in_transport_mode),
	};

	return cmocka_run_group_tests_name("esp_out_split", tests, NULL, NULL);
}
