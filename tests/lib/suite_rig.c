/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bench for tests of each suite in each mode.
 */
#include "tests/lib/suite_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/packet.h"

#define ANY 253 /* nobody's protocol (RFC 3692) */
#define PAYLOAD_MAX 9000

const enum sa_mode suite_modes[3] = {SA_MODE_TRANSPORT, SA_MODE_TUNNEL, SA_MODE_BEET};

static struct ip_prefix host(unsigned int i)
{
	struct ip_prefix result = {.addr.family = AF_INET, .length = 32};

	memcpy(result.addr.bytes, packet_addr4[i], 4);
	return result;
}

struct sa_params suite_params(const struct suite *suite, enum sa_mode mode)
{
	struct sa_params params = esp_rig_params(mode);

	esp_rig_suite(&params, suite->cipher->id, suite->cipher_key_bytes,
		      suite->auth ? suite->auth->id : ALGO_NONE, suite->icv_bytes);
	if (mode == SA_MODE_BEET) {
		params.selector.src = host(1);
		params.selector.dst = host(3);
	}
	return params;
}

void suite_rig_setup(struct suite_rig *rig, const struct suite *suite, const struct sa_params *params,
		     const struct crypto_provider *provider)
{
	rig->suite = *suite;
	rig->mode = params->mode;
	esp_rig_setup(&rig->rig, params, provider);
}

void suite_rig_change(struct suite_rig *rig, const struct suite *suite, const struct sa_params *params)
{
	rig->suite = *suite;
	rig->mode = params->mode;
	esp_rig_change(&rig->rig, params);
}

void suite_rig_teardown(struct suite_rig *rig)
{
	esp_rig_teardown(&rig->rig);
}

void suite_rig_fail(const struct suite_rig *rig, const char *what, size_t number)
{
	char name[SUITE_NAME_MAX];

	fprintf(stderr, "%s, mode %d, %s, %s: %zu\n", suites_name(&rig->suite, name), (int)rig->mode,
		rig->rig.provider->name, what, number);
	abort();
}

size_t suite_payload(const struct suite_rig *rig, size_t len, uint8_t *out, uint8_t *ret_next_header)
{
	if (rig->mode == SA_MODE_TUNNEL) {
		*ret_next_header = IPPROTO_IPIP;
		return packet_udp4(out, len - 28);
	}
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(11 * i + 5);
	*ret_next_header = ANY;
	return len;
}

uint8_t suite_padding(const struct suite_rig *rig, size_t len)
{
	return esp_seal_padding_to(len, rig->suite.cipher->align_bytes);
}

struct esp_packet suite_seal(struct suite_rig *rig, size_t slot, size_t len)
{
	uint8_t payload[PAYLOAD_MAX], next_header;

	suite_payload(rig, len, payload, &next_header);
	return esp_rig_seal_payload(&rig->rig, slot, &esp_rig_udp4, payload, len, next_header);
}

bool suite_is_plain(const struct suite_rig *rig, const struct esp_packet *packet, size_t len)
{
	uint8_t payload[PAYLOAD_MAX], next_header;
	size_t header = rig->mode == SA_MODE_TUNNEL ? 0 : 20;

	suite_payload(rig, len, payload, &next_header);
	return packet->reason == XESP_REASON_DELIVERED && packet->packet_len == header + len &&
	       memcmp(packet->packet + header, payload, len) == 0;
}
