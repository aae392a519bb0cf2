/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The captures of tests/data/suites made once more: sealing what is in KIND.plain.pcap with the keys of
 * sa.txt and the numbers and IVs of KIND.pcap has to come to the bytes of KIND.pcap, which another
 * implementation made (python-cryptography, tests/tools/espgen.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "control/sa_text.h"
#include "dataplane/esp_out.h"
#include "tests/lib/packet.h"

#define FOLDER "tests/data/suites/"
#define SAS_MAX 512
#define ESP_MAX 2048
#define LINK_BYTES 14

static struct {
	struct sa_params sas[SAS_MAX];
	size_t count;
	struct crypto_ctx *crypto;
	const struct crypto_provider *provider;
	unsigned int sealed;
	unsigned int empty_prefix;
	unsigned int filled;
	unsigned int whole;
} bench;

/* ---- SAs ----------------------------------------------------------------------------------------------- */

static int keep(const struct sa_params *params, unsigned int line, void *ctx)
{
	(void)line;
	(void)ctx;
	assert_true(bench.count < SAS_MAX);
	bench.sas[bench.count++] = *params;
	return 0;
}

static int set_up(void **state)
{
	const struct sa_text_sink sink = {.each = keep};
	struct field_error error;
	unsigned int line = 0;
	FILE *file = fopen(FOLDER "sa.txt", "r");

	(void)state;
	assert_non_null(file);
	assert_int_equal(sa_text_read(file, &sink, &line, &error), 0);
	fclose(file);
	assert_true(bench.count > 250);
	bench.provider = crypto_provider_by_name("auto");
	return bench.provider->ctx_new(&bench.crypto);
}

static int tear_down(void **state)
{
	(void)state;
	bench.provider->ctx_free(bench.crypto);
	return 0;
}

static const struct sa_params *params_of(uint32_t spi)
{
	for (size_t i = 0; i < bench.count; i++)
		if (bench.sas[i].spi == spi)
			return &bench.sas[i];
	fail_msg("no SA has SPI 0x%08x", spi);
	return NULL;
}

/* ---- one packet ---------------------------------------------------------------------------------------- */

/* What is on the wire. */
struct wire {
	const uint8_t *ip;
	const uint8_t *esp;
	uint32_t headers;
	uint32_t esp_len;
	uint64_t seq;
};

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

/* No options, and the numbers of extended ones are around 2^32. */
static struct wire wire_of(const uint8_t *frame, uint32_t len, bool *ret_udp)
{
	struct wire wire = {.ip = frame + LINK_BYTES};
	uint8_t protocol = wire.ip[0] >> 4 == 4 ? wire.ip[9] : wire.ip[6];

	*ret_udp = protocol == 17;
	wire.headers = (wire.ip[0] >> 4 == 4 ? 20 : 40) + (*ret_udp ? 8 : 0);
	wire.esp = wire.ip + wire.headers;
	wire.esp_len = len - LINK_BYTES - wire.headers;
	wire.seq = get32(wire.esp + 4);
	return wire;
}

static bool seals_to(struct sa_out *sa, const struct wire *wire, const struct esp_out_split *split,
		     uint32_t inner_len, uint32_t pad_to)
{
	uint8_t esp[ESP_MAX], *payload = esp + 8 + sa->iv_bytes;
	struct esp_out out = {
		.sa = sa,
		.esp = esp,
		.payload_len = split->prefix_bytes + inner_len - split->skip,
		.pad_to = pad_to,
		.next_header = split->next_header,
		.seq = wire->seq,
		.iv = sa->iv_random ? wire->esp + 8 : NULL,
	};

	if (esp_out_bytes(sa, out.payload_len, pad_to) != wire->esp_len)
		return false;
	memcpy(payload, split->prefix, split->prefix_bytes);
	memcpy(payload + split->prefix_bytes, split->inner + split->skip, inner_len - split->skip);
	esp_out_burst(bench.crypto, &out, 1);
	assert_int_equal(out.status, 0);
	return memcmp(esp, wire->esp, wire->esp_len) == 0;
}

/* How much TFC padding there is, the capture does not say: each amount that comes to its length is tried. */
static bool seals_filled(struct sa_out *sa, const struct wire *wire, const struct esp_out_split *split,
			 uint32_t inner_len)
{
	uint32_t text = wire->esp_len - 8 - sa->iv_bytes - sa->icv_bytes;

	if (sa->mode != SA_MODE_TUNNEL)
		return false;
	for (uint32_t padding = 0; padding < sa->align_bytes; padding++)
		if (seals_to(sa, wire, split, inner_len, text - 2 - padding)) {
			bench.filled++;
			return true;
		}
	return false;
}

/* A pseudo-header without options, which xesp does not send. */
static bool seals_with_empty_prefix(struct sa_out *sa, const struct wire *wire,
				    const struct esp_out_split *split, uint32_t inner_len)
{
	static const uint8_t empty[] = {0, 0, 4, 0, 1, 1, 1, 1};
	struct esp_out_split with = *split;

	if (sa->mode != SA_MODE_BEET || split->inner[0] != 0x45)
		return false;
	memcpy(with.prefix, empty, sizeof(empty));
	with.prefix[0] = split->next_header;
	with.prefix_bytes = sizeof(empty);
	with.next_header = 94;
	bench.empty_prefix++;
	return seals_to(sa, wire, &with, inner_len, 0);
}

/* The generator leaves the fields of an outer header that it makes at 0. */
static void blank_fields(uint8_t *ip)
{
	if (ip[0] >> 4 == 4) {
		memset(ip + 1, 0, 1);
		memset(ip + 4, 0, 4);
		memset(ip + 10, 0, 2);
		return;
	}
	ip[0] = 0x60;
	memset(ip + 1, 0, 3);
}

static void check_headers(const struct sa_out *sa, const struct wire *wire, const struct esp_out_split *split)
{
	bool same = split->inner[0] >> 4 == wire->ip[0] >> 4 && sa->mode != SA_MODE_TUNNEL;
	uint8_t headers[ESP_OUT_HEADER_MAX], expected[ESP_OUT_HEADER_MAX];
	uint32_t bytes = esp_out_headers(sa, split, wire->esp, wire->esp_len, false, headers);

	assert_int_equal(bytes, wire->headers);
	memcpy(expected, wire->ip, bytes);
	if (!same) {
		blank_fields(headers);
		blank_fields(expected);
	}
	bench.whole += same;
	assert_memory_equal(headers, expected, bytes);
}

static void seal_again(const uint8_t *frame, uint32_t len, const uint8_t *inner, uint32_t inner_len)
{
	struct esp_out_split split;
	const struct sa_params *params;
	struct sa_out *sa;
	struct wire wire;
	bool udp;

	wire = wire_of(frame, len, &udp);
	params = params_of(get32(wire.esp));
	assert_int_equal(udp, params->encap.present);
	if ((params->flags & SA_FLAG_ESN) && wire.seq < 0x80000000)
		wire.seq |= 1ull << 32;
	assert_int_equal(sa_out_new(params, bench.provider, bench.crypto, &sa), 0);
	if (sa->iv_bytes && !sa->iv_random)
		sa->iv_base = ((uint64_t)get32(wire.esp + 8) << 32 | get32(wire.esp + 12)) - wire.seq;
	assert_int_equal(esp_out_split(sa, inner, inner_len, &split), 0);
	if (!seals_to(sa, &wire, &split, inner_len, 0) && !seals_filled(sa, &wire, &split, inner_len) &&
	    !seals_with_empty_prefix(sa, &wire, &split, inner_len))
		fail_msg("SPI 0x%08x, number %llu: other bytes", params->spi, (unsigned long long)wire.seq);
	check_headers(sa, &wire, &split);
	bench.sealed++;
	bench.provider->forget(bench.crypto, sa->key);
	sa_out_free(sa);
}

/* ---- all of them --------------------------------------------------------------------------------------- */

static pcap_t *open_capture(const char *kind, const char *suffix)
{
	char path[128], error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap;

	snprintf(path, sizeof(path), FOLDER "%s%s", kind, suffix);
	pcap = pcap_open_offline(path, error);
	if (!pcap)
		fail_msg("%s", error);
	return pcap;
}

static void seal_kind(const char *kind)
{
	pcap_t *sealed = open_capture(kind, ".pcap"), *plain = open_capture(kind, ".plain.pcap");
	struct pcap_pkthdr *header, *inner_header;
	const uint8_t *frame, *inner;

	while (pcap_next_ex(sealed, &header, &frame) == 1) {
		assert_int_equal(pcap_next_ex(plain, &inner_header, &inner), 1);
		assert_true(header->caplen <= ESP_MAX);
		seal_again(frame, header->caplen, inner, inner_header->caplen);
	}
	assert_int_not_equal(pcap_next_ex(plain, &inner_header, &inner), 1);
	pcap_close(sealed);
	pcap_close(plain);
}

static void test_the_same_bytes(void **state)
{
	static const char *const kinds[] = {"cbc",  "ccm", "chacha", "ctr", "gcm",
					    "gmac", "iiv", "legacy", "null"};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		seal_kind(kinds[i]);
	assert_int_equal(bench.sealed, 6 * bench.count);
	/* Two of each SA in tunnel mode, one of each in BEET mode for IPv4. */
	assert_in_range(bench.filled, bench.count / 4, bench.count);
	assert_in_range(bench.empty_prefix, bench.count / 8, bench.count / 3);
	assert_true(bench.whole > 2 * bench.count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_bytes),
	};

	return cmocka_run_group_tests_name("esp_out_captures", tests, set_up, tear_down);
}
