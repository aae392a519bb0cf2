/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors about packets that were too long, as raw sockets hand them over: what is read of them, and that
 * nothing is read of what is cut off, lies about its length or is about something else.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xesp/abi.h>

#include <cmocka.h>

#include "dataplane/checksum.h"
#include "dataplane/icmp_quote.h"
#include "dataplane/wire.h"

#define ERROR_MAX 256
#define SPI 0xc0ffee01
#define SEQ 0x01020304

static const uint8_t src4[16] = {192, 0, 2, 1}, dst4[16] = {198, 51, 100, 1};
static const uint8_t src6[] = {0x20, 1, 0x0d, 0xb8, [15] = 1}, dst6[] = {0x20, 1, 0x0d, 0xb8, [15] = 2};

struct message {
	uint8_t bytes[ERROR_MAX];
	size_t len;
	uint8_t family;
	size_t icmp;   /* offsets: of the ICMP header */
	size_t quoted; /* of the quoted IP header */
	size_t inner;  /* of what is behind that */
};

static void put_esp(struct message *message, uint32_t spi)
{
	wire_put32(message->bytes + message->len, spi);
	wire_put32(message->bytes + message->len + 4, SEQ);
	message->len += 8;
}

static void put_udp(struct message *message)
{
	wire_put16(message->bytes + message->len, 4500);
	wire_put16(message->bytes + message->len + 2, 23456);
	wire_put16(message->bytes + message->len + 4, 1380);
	message->len += 8;
}

static void put_zeros(struct message *message, size_t bytes)
{
	message->len += bytes;
}

/* After each change of an IPv4 error: its length and checksum. */
static void finish(struct message *message)
{
	uint8_t *icmp = message->bytes + message->icmp;

	if (message->family == AF_INET6)
		return;
	wire_put16(message->bytes + IPV4_TOTAL_LENGTH, (uint16_t)message->len);
	wire_put16(icmp + 2, 0);
	wire_store_checksum(icmp + 2, checksum_finish(checksum_add(0, icmp, message->len - message->icmp)));
}

/* Up to the end of the quoted IP header. `options`: bytes of them in the error's own header and in the quoted
 * one. */
static struct message begin4(uint8_t protocol, size_t options)
{
	struct message message = {.family = AF_INET, .icmp = 20 + options};
	uint8_t *quoted;

	message.quoted = message.icmp + 8;
	message.inner = message.len = message.quoted + 20 + options;
	message.bytes[0] = (uint8_t)(0x45 + options / 4);
	message.bytes[IPV4_PROTOCOL] = IPPROTO_ICMP;
	message.bytes[message.icmp] = 3;
	message.bytes[message.icmp + 1] = 4;
	wire_put16(message.bytes + message.icmp + 6, 1300);
	quoted = message.bytes + message.quoted;
	quoted[0] = (uint8_t)(0x45 + options / 4);
	wire_put16(quoted + IPV4_TOTAL_LENGTH, 1400);
	wire_put16(quoted + 4, 0xabcd);
	wire_put16(quoted + IPV4_FRAGMENT, 0x4000);
	quoted[IPV4_PROTOCOL] = protocol;
	memcpy(quoted + IPV4_SRC, src4, 4);
	memcpy(quoted + IPV4_DST, dst4, 4);
	return message;
}

static struct message begin6(uint8_t next_header)
{
	struct message message = {.family = AF_INET6, .quoted = 8, .inner = 48, .len = 48};
	uint8_t *quoted = message.bytes + 8;

	message.bytes[0] = 2;
	wire_put32(message.bytes + 4, 1300);
	quoted[0] = 0x60;
	wire_put16(quoted + IPV6_PAYLOAD_LENGTH, 1360);
	quoted[IPV6_NEXT_HEADER] = next_header;
	memcpy(quoted + IPV6_SRC, src6, 16);
	memcpy(quoted + IPV6_DST, dst6, 16);
	return message;
}

static struct message begin(uint8_t family, uint8_t protocol)
{
	return family == AF_INET ? begin4(protocol, 0) : begin6(protocol);
}

static struct message in_udp(uint8_t family)
{
	struct message message = begin(family, IPPROTO_UDP);

	put_udp(&message);
	put_esp(&message, SPI);
	finish(&message);
	return message;
}

static int parse(const struct message *message, struct icmp_quote *ret_quote)
{
	/* Of exactly that size, for the sanitizer. */
	uint8_t *copy = malloc(message->len ? message->len : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, message->bytes, message->len);
	err = icmp_quote_parse(message->family, copy, message->len, ret_quote);
	free(copy);
	return err;
}

static void expect(const struct message *message, bool udp, bool has_esp, uint8_t form)
{
	struct icmp_quote quote = {0};

	assert_int_equal(parse(message, &quote), 0);
	assert_int_equal(quote.mtu, 1300);
	assert_int_equal(quote.packet_bytes, 1400);
	assert_int_equal(quote.src.family, message->family);
	assert_int_equal(quote.dst.family, message->family);
	if (message->family == AF_INET) {
		assert_memory_equal(quote.src.bytes, src4, 16);
		assert_memory_equal(quote.dst.bytes, dst4, 16);
		assert_int_equal(quote.id, 0xabcd);
	} else {
		assert_memory_equal(quote.src.bytes, src6, 16);
		assert_memory_equal(quote.dst.bytes, dst6, 16);
	}
	assert_int_equal(quote.udp, udp);
	assert_int_equal(quote.sport, udp ? 4500 : 0);
	assert_int_equal(quote.dport, udp ? 23456 : 0);
	assert_int_equal(quote.has_esp, has_esp);
	if (!has_esp)
		return;
	assert_int_equal(quote.form, form);
	assert_int_equal(quote.spi, SPI);
	assert_int_equal(quote.seq, SEQ);
}

static void expect_error(const struct message *message, int err)
{
	struct icmp_quote quote, before;

	memset(&quote, 0x5a, sizeof(quote));
	memcpy(&before, &quote, sizeof(quote));
	assert_int_equal(parse(message, &quote), err);
	assert_memory_equal(&quote, &before, sizeof(quote));
}

static void test_forms(void **state)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct message message = in_udp(families[i]);

		expect(&message, true, true, XESP_FORM_UDP);
		message = begin(families[i], IPPROTO_ESP);
		put_esp(&message, SPI);
		finish(&message);
		expect(&message, false, true, XESP_FORM_NATIVE);
		message = begin(families[i], IPPROTO_UDP);
		put_udp(&message);
		put_zeros(&message, 8); /* non-IKE marker */
		put_esp(&message, SPI);
		finish(&message);
		expect(&message, true, true, XESP_FORM_UDP_IKE);
	}
}

/* RFC 792 wants 8 bytes of the packet's content, RFC 1812 all that fits. */
static void test_short_quotes(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes <= 24; bytes++) {
		struct message message = begin4(IPPROTO_UDP, 0);

		put_udp(&message);
		put_esp(&message, SPI);
		put_zeros(&message, 8);
		message.len = message.inner + bytes;
		finish(&message);
		if (bytes < 8)
			expect_error(&message, -EINVAL);
		else
			expect(&message, true, bytes >= 16, XESP_FORM_UDP);
		message = begin4(IPPROTO_ESP, 0);
		put_esp(&message, SPI);
		message.len = message.inner + bytes;
		finish(&message);
		if (bytes < 8)
			expect_error(&message, -EINVAL);
		else
			expect(&message, false, true, XESP_FORM_NATIVE);
	}
}

static void test_ipv4_options(void **state)
{
	(void)state;
	for (size_t options = 0; options <= 40; options += 4) {
		struct message message = begin4(IPPROTO_UDP, options);

		put_udp(&message);
		put_esp(&message, SPI);
		finish(&message);
		expect(&message, true, true, XESP_FORM_UDP);
	}
}

static void put_extension(struct message *message, uint8_t next_header, uint8_t words)
{
	message->bytes[message->len] = next_header;
	message->bytes[message->len + 1] = words;
	message->len += (words + 1u) * 8;
}

static void test_ipv6_extension_headers(void **state)
{
	struct message message = begin6(IPPROTO_HOPOPTS), cut;
	size_t end;

	(void)state;
	put_extension(&message, IPPROTO_DSTOPTS, 0);
	put_extension(&message, IPPROTO_ROUTING, 2);
	put_extension(&message, IPPROTO_FRAGMENT, 1);
	put_extension(&message, IPPROTO_UDP, 0); /* its length is always 8 */
	end = message.len;
	put_udp(&message);
	put_esp(&message, SPI);
	expect(&message, true, true, XESP_FORM_UDP);
	for (size_t len = message.inner; len < end + 8; len++) {
		cut = message;
		cut.len = len;
		expect_error(&cut, -EINVAL);
	}
	cut = message;
	cut.bytes[message.inner + 1] = 255; /* longer than what is quoted */
	expect_error(&cut, -EINVAL);
	cut = message;
	wire_put16(cut.bytes + end - 6, 8); /* not the first fragment */
	expect_error(&cut, -ENOENT);
}

static void test_truncated(void **state)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct message whole = in_udp(families[i]);

		/* The IP header says that there is more. */
		for (size_t len = 0; len < whole.len; len++) {
			struct message message = whole;

			message.len = len;
			if (families[i] == AF_INET || len < whole.inner + 8)
				expect_error(&message, -EINVAL);
			else
				expect(&message, true, false, XESP_FORM_UDP);
		}
	}
}

/* An error of in_udp(AF_INET) with one byte changed, and its checksum made good again. */
static void expect_changed(size_t at, uint8_t value, int err)
{
	struct message message = in_udp(AF_INET);

	message.bytes[at] = value;
	wire_put16(message.bytes + 22, 0);
	wire_store_checksum(message.bytes + 22,
			    checksum_finish(checksum_add(0, message.bytes + 20, message.len - 20)));
	expect_error(&message, err);
}

static void test_lying_ipv4(void **state)
{
	(void)state;
	expect_changed(0, 0x65, -EINVAL);		     /* no IPv4 */
	expect_changed(0, 0x44, -EINVAL);		     /* header shorter than a header */
	expect_changed(0, 0x4f, -EINVAL);		     /* leaves no room for the quote */
	expect_changed(IPV4_PROTOCOL, IPPROTO_UDP, -ENOENT); /* no ICMP */
	expect_changed(IPV4_TOTAL_LENGTH, 0xff, -EINVAL);    /* longer than what came */
	expect_changed(28, 0x65, -EINVAL);		     /* quotes no IPv4 */
	expect_changed(28, 0x44, -EINVAL);		     /* a header shorter than a header */
	expect_changed(28, 0x4f, -EINVAL);		     /* longer than the quote */
	expect_changed(28 + IPV4_FRAGMENT + 1, 1, -ENOENT);  /* a later fragment */
	expect_changed(28 + IPV4_PROTOCOL, IPPROTO_TCP, -ENOENT);
}

static void test_wrong_lengths(void **state)
{
	struct message message = in_udp(AF_INET);
	struct icmp_quote quote = {0};

	(void)state;
	wire_put16(message.bytes + message.quoted + IPV4_TOTAL_LENGTH, 19);
	finish(&message);
	expect_error(&message, -EINVAL);
	wire_put16(message.bytes + message.quoted + IPV4_TOTAL_LENGTH, 65535);
	finish(&message);
	assert_int_equal(parse(&message, &quote),
			 0); /* as much as it says; who believes it is another question */
	assert_int_equal(quote.packet_bytes, 65535);
	/* Behind the error there may be more: of the frame, or what the socket did not cut off. */
	message = in_udp(AF_INET);
	message.len += 10;
	expect(&message, true, true, XESP_FORM_UDP);
	message = in_udp(AF_INET6);
	message.bytes[message.quoted] = 0x40;
	expect_error(&message, -EINVAL);
}

static void test_checksum(void **state)
{
	(void)state;
	for (size_t at = 20; at < in_udp(AF_INET).len; at++) {
		struct message message = in_udp(AF_INET);

		if (at == 20 || at == 21) /* type and code: another kind, whatever the checksum */
			continue;
		message.bytes[at] ^= 0x10;
		expect_error(&message, -EINVAL);
	}
}

static void test_other_errors(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 256; i++) {
		struct message message = in_udp(AF_INET);

		message.bytes[20] = (uint8_t)i;
		finish(&message);
		if (i != 3)
			expect_error(&message, -ENOENT);
		message = in_udp(AF_INET);
		message.bytes[21] = (uint8_t)i;
		finish(&message);
		if (i != 4)
			expect_error(&message, -ENOENT);
		message = in_udp(AF_INET6);
		message.bytes[0] = (uint8_t)i;
		if (i != 2)
			expect_error(&message, -ENOENT);
	}
}

/* What the IKE daemon sends by the same ports. */
static void test_ike_is_no_esp(void **state)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct message message = begin(families[i], IPPROTO_UDP);

		put_udp(&message);
		put_zeros(&message, 4); /* non-ESP marker (RFC 3948 section 2.2) */
		put_esp(&message, 0x11223344);
		finish(&message);
		expect_error(&message, -ENOENT);
		message = begin(families[i], IPPROTO_UDP);
		put_udp(&message);
		put_zeros(&message, 8);
		put_esp(&message, 0);
		finish(&message);
		expect_error(&message, -ENOENT);
		message = begin(families[i], IPPROTO_ESP);
		put_esp(&message, 0);
		finish(&message);
		expect_error(&message, -ENOENT);
	}
}

static void test_no_mtu_told(void **state)
{
	struct message message = in_udp(AF_INET);
	struct icmp_quote quote = {.mtu = 1};

	(void)state;
	wire_put16(message.bytes + message.icmp + 6, 0);
	finish(&message);
	assert_int_equal(parse(&message, &quote), 0);
	assert_int_equal(quote.mtu, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	      cmocka_unit_test(test_short_quotes),
		cmocka_unit_test(test_ipv4_options),  cmocka_unit_test(test_ipv6_extension_headers),
		cmocka_unit_test(test_truncated),     cmocka_unit_test(test_lying_ipv4),
		cmocka_unit_test(test_wrong_lengths), cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_other_errors),  cmocka_unit_test(test_ike_is_no_esp),
		cmocka_unit_test(test_no_mtu_told),
	};

	return cmocka_run_group_tests_name("icmp_quote", tests, NULL, NULL);
}
