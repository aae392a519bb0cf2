/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which quoted packets are believed to have been sent, and by which outbound SA: everything that a quote says
 * has to be right, field by field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <xesp/abi.h>

#include <cmocka.h>

#include "control/icmp_match.h"
#include "dataplane/esp_out.h"
#include "sa_sample.h"

#define CAPACITY 8
#define SPI 0x1000
#define SENT 500000

static struct outbound *store;
static struct crypto_ctx *crypto;

static int set_up(void **state)
{
	struct outbound_config config = {.provider = &crypto_openssl, .capacity = CAPACITY};

	(void)state;
	assert_int_equal(crypto_openssl.ctx_new(&crypto), 0);
	config.crypto = crypto;
	return outbound_new(&config, &store);
}

static int tear_down(void **state)
{
	(void)state;
	outbound_free(store);
	crypto_openssl.ctx_free(crypto);
	return 0;
}

static struct sa_params params_of(uint32_t spi, const char *src, const char *dst)
{
	struct sa_params params = {.dir = SA_DIR_OUT,
				   .src = sample_addr(src),
				   .dst = sample_addr(dst),
				   .spi = spi,
				   .mode = SA_MODE_TUNNEL,
				   .cipher = ALGO_AES_GCM,
				   .key_bytes = 20,
				   .icv_bytes = 16};

	params.encap =
		(struct sa_encap){.present = true, .type = XESP_ENCAP_RFC3948, .sport = 4500, .dport = 23456};
	return params;
}

static struct sa_out *add(const struct sa_params *params, uint64_t sent)
{
	const struct sa_out *sa = NULL;
	const char *what = NULL;

	assert_int_equal(outbound_add(store, params, &sa, &what), 0);
	if (sent)
		assert_int_equal(sa_out_take((struct sa_out *)sa, (uint32_t)sent), 1);
	return (struct sa_out *)sa;
}

/* What a router quotes of number `seq`. */
static struct icmp_quote quote_of(const struct sa_out *sa, uint64_t seq)
{
	struct sa_out_ends ends;
	struct icmp_quote quote = {.udp = sa->form != XESP_FORM_NATIVE,
				   .has_esp = true,
				   .form = sa->form,
				   .spi = sa->spi,
				   .seq = (uint32_t)seq,
				   .id = esp_out_id(sa, (uint32_t)seq),
				   .mtu = 1300,
				   .packet_bytes = 1400};

	sa_out_get_ends(sa, &ends);
	quote.src = ends.src;
	quote.dst = ends.dst;
	quote.sport = quote.udp ? ends.sport : 0;
	quote.dport = quote.udp ? ends.dport : 0;
	return quote;
}

static void expect_sa(const struct icmp_quote *quote, bool may_scan, const struct sa_out *expected)
{
	const struct sa_out *sa = NULL;

	assert_int_equal(icmp_match(store, quote, may_scan, &sa), PATH_MTU_LEARNED);
	assert_ptr_equal(sa, expected);
}

static void expect_none(const struct icmp_quote *quote, enum path_mtu_result result)
{
	const struct sa_out *const before = (const struct sa_out *)store, *sa = before;

	assert_int_equal(icmp_match(store, quote, true, &sa), result);
	assert_ptr_equal(sa, before);
}

static void check_fields(const struct sa_out *sa)
{
	const struct icmp_quote right = quote_of(sa, SENT);
	struct icmp_quote quote = right;

	expect_sa(&right, false, sa);
	quote.src.bytes[3] ^= 1;
	expect_none(&quote, PATH_MTU_NO_SA);
	quote = right;
	quote.dst.bytes[3] ^= 1;
	expect_none(&quote, PATH_MTU_NO_SA);
	quote = right;
	quote.sport ^= 1;
	quote.udp = true;
	expect_none(&quote, PATH_MTU_NO_SA);
	quote = right;
	quote.dport ^= 1;
	quote.udp = true;
	expect_none(&quote, PATH_MTU_NO_SA);
	quote = right;
	quote.udp = !quote.udp;
	expect_none(&quote, PATH_MTU_NO_SA);
	quote = right;
	quote.spi ^= 1;
	expect_none(&quote, PATH_MTU_NO_SA);
	quote = right;
	quote.form = quote.form == XESP_FORM_UDP_IKE ? XESP_FORM_UDP : XESP_FORM_UDP_IKE;
	expect_none(&quote, PATH_MTU_NO_SA);
}

static void test_every_field_counts(void **state)
{
	struct sa_params params = params_of(SPI, "192.0.2.1", "198.51.100.1");

	(void)state;
	check_fields(add(&params, SENT));
	params = params_of(SPI, "2001:db8::1", "2001:db8::2");
	check_fields(add(&params, SENT));
	params.spi++;
	params.encap.type = XESP_ENCAP_IKE;
	check_fields(add(&params, SENT));
	params = params_of(SPI + 2, "192.0.2.1", "198.51.100.1");
	params.encap = (struct sa_encap){0};
	check_fields(add(&params, SENT));
}

static void test_numbers(void **state)
{
	const struct sa_params params = params_of(SPI, "192.0.2.1", "198.51.100.1");
	struct sa_out *sa = add(&params, 0);
	struct icmp_quote quote = quote_of(sa, 1);

	(void)state;
	expect_none(&quote, PATH_MTU_NOT_SENT);
	quote.seq = 0;
	expect_none(&quote, PATH_MTU_NOT_SENT);
	atomic_store(&sa->last_seq, 2);
	expect_none(&quote, PATH_MTU_NOT_SENT);
	for (uint32_t seq = 1; seq <= 2; seq++) {
		quote.seq = seq;
		expect_sa(&quote, false, sa);
	}
	quote.seq = 3;
	expect_none(&quote, PATH_MTU_NOT_SENT);
	atomic_store(&sa->last_seq, ICMP_MATCH_RECENT + 5);
	quote.seq = 5;
	expect_none(&quote, PATH_MTU_NOT_SENT);
	quote.seq = 6;
	expect_sa(&quote, false, sa);
}

/* Of 64 bits of the number the quote has 32. */
static void test_extended_numbers(void **state)
{
	const struct sa_params params = params_of(SPI, "192.0.2.1", "198.51.100.1");
	struct sa_out *sa = add(&params, 0);
	struct icmp_quote quote = quote_of(sa, 0xfffffff0);

	(void)state;
	atomic_store(&sa->last_seq, (3ull << 32) + 10);
	expect_sa(&quote, false, sa);
	quote.seq = 0; /* 3 << 32 */
	expect_sa(&quote, false, sa);
	quote.seq = 11;
	expect_none(&quote, PATH_MTU_NOT_SENT);
	quote.seq = 0x7fffffff;
	expect_none(&quote, PATH_MTU_NOT_SENT);
}

static struct icmp_quote short_quote(const struct sa_out *sa, uint64_t seq)
{
	struct icmp_quote quote = quote_of(sa, seq);

	quote.has_esp = false;
	quote.spi = quote.seq = 0;
	return quote;
}

/* Ports only: the identification says which number it was. */
static void test_short_quotes(void **state)
{
	const struct sa_params params = params_of(SPI, "192.0.2.1", "198.51.100.1");
	const struct sa_params second = params_of(SPI + 1, "192.0.2.1", "198.51.100.1");
	struct sa_out *sa = add(&params, SENT), *other = add(&second, 2 * SENT);
	struct icmp_quote quote = short_quote(sa, SENT - 10);
	const struct sa_out *found;

	(void)state;
	assert_int_equal(icmp_match(store, &quote, false, &found), PATH_MTU_BUSY);
	expect_sa(&quote, true, sa);
	quote = short_quote(other, 2 * SENT - 10);
	expect_sa(&quote, true, other);
	quote = short_quote(sa, SENT + 1);
	expect_none(&quote, PATH_MTU_NOT_SENT);
	quote = short_quote(sa, SENT - ICMP_MATCH_RECENT_ID);
	expect_none(&quote, PATH_MTU_NOT_SENT);
	quote = short_quote(sa, SENT - ICMP_MATCH_RECENT_ID + 1);
	expect_sa(&quote, true, sa);
	quote.dport++;
	expect_none(&quote, PATH_MTU_NO_SA);
}

/* The identification is the host's in transport mode, and IPv6 has none. */
static void test_short_quotes_that_say_nothing(void **state)
{
	struct sa_params params = params_of(SPI, "192.0.2.1", "198.51.100.1");
	struct icmp_quote quote;

	(void)state;
	params.mode = SA_MODE_TRANSPORT;
	quote = short_quote(add(&params, SENT), SENT);
	expect_none(&quote, PATH_MTU_NOT_SENT);
	params = params_of(SPI, "2001:db8::1", "2001:db8::2");
	quote = short_quote(add(&params, SENT), SENT);
	expect_none(&quote, PATH_MTU_NOT_SENT);
}

/* An SA that has followed its peer still has its name. */
static void test_peer_that_moved(void **state)
{
	const struct sa_params params = params_of(SPI, "192.0.2.1", "198.51.100.1");
	const struct ip_addr elsewhere = sample_addr("198.51.100.77");
	struct sa_out *sa = add(&params, SENT);
	struct icmp_quote before = quote_of(sa, SENT), quote;
	const struct sa_out *found;

	(void)state;
	assert_int_equal(outbound_move(store, sa, &elsewhere, 999), 0);
	quote = quote_of(sa, SENT);
	assert_int_equal(quote.dport, 999);
	assert_int_equal(icmp_match(store, &quote, false, &found), PATH_MTU_BUSY);
	expect_sa(&quote, true, sa);
	expect_none(&before, PATH_MTU_NO_SA);
}

static void test_deleted(void **state)
{
	const struct sa_params params = params_of(SPI, "192.0.2.1", "198.51.100.1");
	struct sa_out *sa = add(&params, SENT);
	const struct icmp_quote quote = quote_of(sa, SENT);

	(void)state;
	outbound_delete(store, sa, NULL);
	expect_none(&quote, PATH_MTU_NO_SA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_field_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_extended_numbers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_short_quotes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_short_quotes_that_say_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_peer_that_moved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deleted, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("icmp_match", tests, NULL, NULL);
}
