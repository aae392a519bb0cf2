/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BEET mode against Linux: packets that a kernel sealed come out as another kernel opened them, byte for byte
 * (tests/data/linux-beet).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pcap/pcap.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

#define PACKETS 44
#define ETHERNET_BYTES 14

static pcap_t *data_open(const char *name)
{
	char path[100], error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap;

	snprintf(path, sizeof(path), "tests/data/linux-beet/%s.pcap", name);
	pcap = pcap_open_offline(path, error);
	if (!pcap)
		fail_msg("%s", error);
	return pcap;
}

static struct ip_prefix host(const char *net, unsigned int number, const char *bits)
{
	char text[40];
	struct ip_prefix result;

	snprintf(text, sizeof(text), "%s%u%s", net, number, bits);
	assert_int_equal(ip_prefix_parse(text, &result), 0);
	return result;
}

/* As in sa.txt: SPI 0x1000N is that of IPv4 in something, 0x2000N of IPv6. */
static struct sa_params params_of(uint32_t spi)
{
	struct sa_params params = esp_rig_params(SA_MODE_BEET);
	bool v4 = spi >> 16 == 1;

	params.spi = spi;
	params.selector.src = host(v4 ? "10.2.0." : "fd02::", spi & 0xf, v4 ? "/32" : "/128");
	params.selector.dst = host(v4 ? "10.1.0." : "fd01::", spi & 0xf, v4 ? "/32" : "/128");
	for (uint8_t i = 0; i < params.key_bytes; i++)
		params.key[i] = i;
	return params;
}

/* The capture has neither options nor VLAN tags in its outer headers. */
static struct esp_packet read_frame(pcap_t *pcap, uint8_t *room)
{
	struct pcap_pkthdr *header;
	const uint8_t *data;
	struct esp_packet packet = {.meta = {.magic = XESP_META_MAGIC, .l3_offset = ETHERNET_BYTES}};
	uint8_t *ip;

	assert_int_equal(pcap_next_ex(pcap, &header, &data), 1);
	packet.frame_len = header->caplen;
	packet.frame = room - packet.frame_len;
	memcpy(packet.frame, data, packet.frame_len);
	ip = packet.frame + ETHERNET_BYTES;
	packet.meta.family = ip[0] >> 4;
	packet.meta.form =
		ip[packet.meta.family == 4 ? 9 : 6] == IPPROTO_UDP ? XESP_FORM_UDP : XESP_FORM_NATIVE;
	packet.meta.esp_offset = (uint16_t)(ETHERNET_BYTES + (packet.meta.family == 4 ? 20 : 40) +
					    (packet.meta.form == XESP_FORM_UDP ? 8 : 0));
	packet.meta.esp_length = (uint16_t)(packet.frame_len - packet.meta.esp_offset);
	return packet;
}

static void test_what_linux_sends(void **state)
{
	pcap_t *sealed = data_open("beet"), *plain = data_open("beet.plain");
	struct guard memory = guard_new(4096);
	unsigned int with_options = 0, families[7][7] = {{0}};
	struct pcap_pkthdr *header;
	const uint8_t *data;

	(void)state;
	for (unsigned int i = 0; i < PACKETS; i++) {
		struct esp_packet packet = read_frame(sealed, memory.end);
		const uint8_t *esp = packet.frame + packet.meta.esp_offset;
		struct sa_params params =
			params_of((uint32_t)packet_get16(esp) << 16 | packet_get16(esp + 2));
		struct esp_rig rig;

		esp_rig_setup(&rig, &params, NULL);
		packet.sa = rig.sa;
		assert_int_equal(pcap_next_ex(plain, &header, &data), 1);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_int_equal(packet.packet_len, header->caplen);
		assert_memory_equal(packet.packet, data, header->caplen);
		with_options += data[0] >> 4 == 4 && data[0] != 0x45;
		families[data[0] >> 4][packet.meta.family]++;
		esp_rig_teardown(&rig);
	}
	assert_int_equal(pcap_next_ex(sealed, &header, &data), PCAP_ERROR_BREAK);
	/* The capture has what the README says. */
	assert_int_equal(with_options, 24);
	assert_true(families[4][4] && families[4][6] && families[6][4] && families[6][6]);
	guard_free(&memory);
	pcap_close(sealed);
	pcap_close(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_linux_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
