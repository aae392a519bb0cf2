/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of a request for an inbound SA, one function a group of fields. Pure; any thread.
 */
#include "control/validate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "control/capabilities.h"
#include "control/sa_limit.h"

#define FLAGS_KNOWN \
	(SA_FLAG_ESN | SA_FLAG_NO_ECN | SA_FLAG_DECAP_DSCP | SA_FLAG_AF_UNSPEC | SA_FLAG_NO_PMTU_DISC | \
	 SA_FLAG_NO_ENCAP_DSCP | SA_FLAG_FOLLOW)

static const char *number_text(char *buffer, size_t size, unsigned long long number)
{
	snprintf(buffer, size, "%llu", number);
	return buffer;
}

static bool is_unicast(const struct ip_addr *addr)
{
	if (ip_addr_is_any(addr))
		return false;
	if (addr->family == AF_INET6)
		return addr->bytes[0] != 0xff; /* RFC 4291 section 2.7 */
	/* 224/4 is multicast, 240/4 reserved, with the broadcast address in it (RFC 1112 section 4). */
	return addr->bytes[0] < 224;
}

static int check_addresses(const struct sa_params *params, struct field_error *ret_error)
{
	char text[IP_ADDR_TEXT_MAX];

	ip_addr_format(&params->dst, text);
	if (!ip_addr_size(params->dst.family)) {
		field_error_set(ret_error, "dst", text,
				"required: with the SPI it names the SA (RFC 4301 section 4.1)");
		return -EINVAL;
	}
	if (!is_unicast(&params->dst)) {
		field_error_set(ret_error, "dst", text, "must be a unicast address of %s",
				params->dir == SA_DIR_OUT ? "the peer" : "this host");
		return -EINVAL;
	}
	if (params->src.family == AF_UNSPEC && params->dir == SA_DIR_IN)
		return 0;
	if (params->src.family == AF_UNSPEC) {
		field_error_set(ret_error, "src", "", "required with dir out: the address of this host");
		return -EINVAL;
	}
	ip_addr_format(&params->src, text);
	if (params->src.family != params->dst.family) {
		field_error_set(ret_error, "src", text, "must be of the same family as dst");
		return -EINVAL;
	}
	if (!is_unicast(&params->src)) {
		field_error_set(ret_error, "src", text, "must be a unicast address%s",
				params->dir == SA_DIR_OUT ? " of this host" : ", or absent for any");
		return -EINVAL;
	}
	return 0;
}

static int check_spi(const struct sa_params *params, struct field_error *ret_error)
{
	char text[16];

	if (params->spi >= XESP_SPI_MIN)
		return 0;
	snprintf(text, sizeof(text), "0x%08x", params->spi);
	field_error_set(ret_error, "spi", text, "must be 256 or above: %s (RFC 4303 section 2.1)",
			params->spi ? "1 to 255 are reserved by IANA" : "0 is never on the wire");
	return -EINVAL;
}

/* Writes the lengths of a list that ends with 0, `scale` times each plus `extra`: "20, 28, 36". */
static const char *lengths_text(char *buffer, size_t size, const uint8_t *list, unsigned int extra,
				unsigned int scale)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (; *list && used < size; list++)
		used += (size_t)snprintf(buffer + used, size - used, "%s%u", used ? ", " : "",
					 (*list + extra) * scale);
	return buffer;
}

/* RFC 2451 section 2.3: with two equal keys in a row 3DES is DES, which must be refused. The lowest bit of
 * each byte is parity and does not count. */
static bool is_degenerate_3des(const struct sa_params *params)
{
	uint8_t differs[2] = {0, 0};

	if (params->cipher != ALGO_3DES_CBC)
		return false;
	for (size_t i = 0; i < 8; i++) {
		differs[0] |= (uint8_t)((params->key[i] ^ params->key[8 + i]) & 0xfe);
		differs[1] |= (uint8_t)((params->key[8 + i] ^ params->key[16 + i]) & 0xfe);
	}
	return !differs[0] || !differs[1];
}

static int check_key(const struct algo *algo, const char *field, unsigned int bytes,
		     struct field_error *ret_error)
{
	char lengths[40];
	int used;

	if (algo_key_allowed(algo, bytes))
		return 0;
	lengths_text(lengths, sizeof(lengths), algo->key_bytes, algo->salt_bytes, 1);
	field_error_set(ret_error, field, "(hidden)", "has %u bytes; %s takes %s bytes", bytes,
			algo->xfrm_name, algo->key_bytes[0] ? lengths : "0");
	used = (int)strlen(ret_error->rule);
	if (algo->salt_bytes)
		snprintf(ret_error->rule + used, sizeof(ret_error->rule) - (size_t)used,
			 ": the cipher key, then %u bytes of salt (%s)", algo->salt_bytes, algo->rfc);
	/* What a kernel takes is no mistake. */
	return algo->id == ALGO_AES_CCM && bytes == 24u + algo->salt_bytes
		       ? field_error_unsupported(ret_error, "key_bits")
		       : -EINVAL;
}

static int check_icv(const struct sa_params *params, const struct algo *algo, struct field_error *ret_error)
{
	char lengths[40], text[16];

	if (algo_length_allowed(algo->icv_bytes, params->icv_bytes))
		return 0;
	field_error_set(ret_error, "icv", number_text(text, sizeof(text), params->icv_bytes * 8u),
			"of %s is supported with %s bits only (%s)", algo->xfrm_name,
			lengths_text(lengths, sizeof(lengths), algo->icv_bytes, 0, 8), algo->rfc);
	/* Other truncations are beside the RFCs, but kernels have them. */
	return params->icv_bytes && params->icv_bytes <= algo->icv_full_bytes
		       ? field_error_unsupported(ret_error, "icv_bits")
		       : -EINVAL;
}

static int check_legacy(const struct algo *algo, bool legacy_on, const char *field,
			struct field_error *ret_error)
{
	if (algo_usable(algo, legacy_on))
		return 0;
	field_error_set(ret_error, field, algo->xfrm_name,
			"is weak or broken (RFC 8221): taken only with --legacy, for old peers");
	return field_error_unsupported(ret_error, "legacy");
}

/* An AEAD, or a cipher with an integrity algorithm. */
static int check_classes(const struct algo *cipher, const struct algo *auth, struct field_error *ret_error)
{
	bool aead = cipher && cipher->class == ALGO_CLASS_AEAD;

	if (!cipher || (!aead && cipher->class != ALGO_CLASS_ENC)) {
		field_error_set(ret_error, auth ? "enc" : "aead", "none", "required: %s",
				auth ? "an SA without encryption has enc 'ecb(cipher_null)'"
				     : "aead, or enc with auth-trunc");
		return -EINVAL;
	}
	if (aead && auth) {
		field_error_set(ret_error, "auth", auth->xfrm_name,
				"goes with enc; %s has its own authentication", cipher->xfrm_name);
		return -EINVAL;
	}
	if (!aead && (!auth || auth->class != ALGO_CLASS_AUTH)) {
		field_error_set(ret_error, "auth", "none",
				"required: encryption without authentication is never taken "
				"(RFC 8221 section 4)");
		return field_error_unsupported(ret_error, "auth");
	}
	return 0;
}

static int check_suite(const struct sa_params *params, bool legacy_on, struct field_error *ret_error)
{
	const struct algo *cipher = algo_by_id(params->cipher), *auth = algo_by_id(params->auth);
	int err = check_classes(cipher, auth, ret_error);

	if (!err)
		err = check_legacy(cipher, legacy_on, auth ? "enc" : "aead", ret_error);
	if (!err && auth)
		err = check_legacy(auth, legacy_on, "auth", ret_error);
	if (!err)
		err = check_key(cipher, "key", params->key_bytes, ret_error);
	if (!err && auth)
		err = check_key(auth, "auth key", params->auth_key_bytes, ret_error);
	if (!err && !auth && params->auth_key_bytes) {
		field_error_set(ret_error, "auth key", "(hidden)", "has no use without auth");
		return -EINVAL;
	}
	if (!err)
		err = check_icv(params, auth ? auth : cipher, ret_error);
	if (err || !is_degenerate_3des(params))
		return err;
	field_error_set(ret_error, "key", "(hidden)",
			"has two equal parts, which makes 3DES the same as DES (RFC 2451 section 2.3)");
	return -EINVAL;
}

static int check_mode(const struct sa_params *params, struct field_error *ret_error)
{
	char text[16];

	if (!capabilities_value(CAPABILITY_MODE, params->mode)) {
		field_error_set(ret_error, "mode", number_text(text, sizeof(text), params->mode),
				"must be tunnel, transport or beet");
		return -EINVAL;
	}
	if (params->flags & ~(uint32_t)FLAGS_KNOWN) {
		snprintf(text, sizeof(text), "0x%x", params->flags);
		field_error_set(ret_error, "flag", text, "has unknown flags");
		return -EINVAL;
	}
	if (params->flags & SA_FLAG_FOLLOW && params->dir == SA_DIR_OUT && !params->reqid) {
		field_error_set(ret_error, "flag", "follow",
				"needs the reqid of the inbound SAs that it follows");
		return -EINVAL;
	}
	return 0;
}

static int check_replay(const struct sa_params *params, struct field_error *ret_error)
{
	bool esn = params->flags & SA_FLAG_ESN;
	char text[24];

	if (params->dir == SA_DIR_OUT)
		return 0;
	number_text(text, sizeof(text), params->replay_window);
	if (params->replay_window != 0 && (params->replay_window < XESP_REPLAY_WINDOW_MIN ||
					   params->replay_window > XESP_REPLAY_WINDOW_MAX)) {
		field_error_set(ret_error, "replay-window", text,
				"must be %u to %u packets, or 0 for no protection (RFC 4303 section 3.4.3)",
				XESP_REPLAY_WINDOW_MIN, XESP_REPLAY_WINDOW_MAX);
		return field_error_unsupported(ret_error, "replay_window");
	}
	if (esn && params->replay_window == 0) {
		field_error_set(ret_error, "replay-window", text,
				"flag esn needs a window: the high half of the sequence number is derived "
				"from it (RFC 4303 section 3.3.3, appendix A2)");
		return -EINVAL;
	}
	number_text(text, sizeof(text), params->replay_seq);
	if (!esn && params->replay_seq > UINT32_MAX) {
		field_error_set(ret_error, "replay-seq-hi", text,
				"without flag esn sequence numbers have 32 bits (RFC 4303 section 2.2)");
		return -EINVAL;
	}
	if (params->replay_seq > INT64_MAX) {
		field_error_set(ret_error, "replay-seq-hi", text, "must be below 2^63: rekey long before");
		return -EINVAL;
	}
	return 0;
}

/* The number is the nonce, so one that begins at 1 again under the same key gives its plaintext away, and the
 * means to forge. Only whoever has the key knows what was sent with it. */
static int check_implicit_iv(const struct sa_params *params, struct field_error *ret_error)
{
	const struct algo *cipher = algo_by_id(params->cipher);

	if (!cipher || cipher->iv_bytes || !cipher->salt_bytes || params->send_seq_given)
		return 0;
	field_error_set(
		ret_error, "replay-oseq", "(none)",
		"must be given with an implicit IV (RFC 8750), 0 only if nothing was ever sent with the "
		"key");
	return -EINVAL;
}

/* What is about sending, for SAs that send. */
static int check_sending(const struct sa_params *params, struct field_error *ret_error)
{
	uint64_t limit = params->flags & SA_FLAG_ESN ? INT64_MAX : UINT32_MAX;
	char text[24];

	if (params->dir != SA_DIR_OUT)
		return 0;
	/* RFC 4303 section 3.3.3: a number is used once; the last one leaves none to send. */
	if (params->send_seq >= limit) {
		field_error_set(ret_error, "replay-oseq", number_text(text, sizeof(text), params->send_seq),
				"must be below %llu: else all sequence numbers are used up",
				(unsigned long long)limit);
		return -EINVAL;
	}
	if (params->tfc_pad > XESP_TFC_PAD_MAX) {
		field_error_set(ret_error, "tfcpad", number_text(text, sizeof(text), params->tfc_pad),
				"must be at most %u bytes", XESP_TFC_PAD_MAX);
		return -EINVAL;
	}
	return check_implicit_iv(params, ret_error);
}

/* In any mode (RFC 4303 section 2.6). */
static int check_dummies(const struct sa_params *params, struct field_error *ret_error)
{
	char text[24];

	if (params->dummy_ms == 0)
		return 0;
	number_text(text, sizeof(text), params->dummy_ms);
	if (params->dir != SA_DIR_OUT) {
		field_error_set(ret_error, "dummy-interval", text, "only an SA that sends has it: dir out");
		return -EINVAL;
	}
	if (params->dummy_ms < XESP_DUMMY_MS_MIN || params->dummy_ms > XESP_DUMMY_MS_MAX) {
		field_error_set(ret_error, "dummy-interval", text,
				"must be %u to %u milliseconds, or 0 for none", XESP_DUMMY_MS_MIN,
				XESP_DUMMY_MS_MAX);
		return -EINVAL;
	}
	return 0;
}

static int check_original(const struct sa_params *params, const char *field, const struct ip_addr *addr,
			  struct field_error *ret_error)
{
	char text[IP_ADDR_TEXT_MAX];

	if (addr->family == AF_UNSPEC || addr->family == params->dst.family)
		return 0;
	field_error_set(ret_error, field, ip_addr_format(addr, text),
			"an original address must be of the same family as dst (RFC 3948 section 3.1.2)");
	return -EINVAL;
}

static int check_encap(const struct sa_params *params, struct field_error *ret_error)
{
	const struct sa_encap *encap = &params->encap;
	char text[16];

	if (!encap->present)
		return 0;
	if (!capabilities_value(CAPABILITY_ENCAP, (int)encap->type)) {
		field_error_set(ret_error, "encap", number_text(text, sizeof(text), encap->type),
				"must be espinudp or espinudp-nonike");
		return -EINVAL;
	}
	/* Inbound, sport 0 means any: per-CPU SAs and NAT rebinding leave the peer's port open. */
	if (encap->dport == 0 || (params->dir == SA_DIR_OUT && encap->sport == 0)) {
		field_error_set(ret_error, encap->dport ? "encap sport" : "encap dport", "0",
				"must be 1 to 65535: %s UDP port",
				encap->dport || params->dir == SA_DIR_IN ? "our" : "the peer's");
		return -EINVAL;
	}
	if (check_original(params, "encap oaddr", &encap->original_src, ret_error) < 0)
		return -EINVAL;
	return check_original(params, "encap oa-dst", &encap->original_dst, ret_error);
}

static int check_prefix(const struct sa_params *params, const char *field, const struct ip_prefix *prefix,
			struct field_error *ret_error)
{
	unsigned int max = (unsigned int)ip_addr_size(prefix->addr.family) * 8;
	char text[IP_PREFIX_TEXT_MAX];

	ip_prefix_format(prefix, text);
	if (prefix->length > max) {
		field_error_set(ret_error, field, text, "the prefix length must be at most %u", max);
		return -EINVAL;
	}
	/* In transport mode the inner addresses are the outer ones (RFC 4301 section 4.1). */
	if (params->mode == SA_MODE_TRANSPORT && max != 0 && prefix->addr.family != params->dst.family) {
		field_error_set(ret_error, field, text,
				"in transport mode selectors must be of the same family as dst");
		return -EINVAL;
	}
	return 0;
}

/* The inner header is not sent: its addresses are those of the selector (RFC 7402 appendix B). */
static int check_beet(const char *field, const struct ip_prefix *prefix, struct field_error *ret_error)
{
	unsigned int max = (unsigned int)ip_addr_size(prefix->addr.family) * 8;
	char text[IP_PREFIX_TEXT_MAX];

	if (max && prefix->length == max && is_unicast(&prefix->addr))
		return 0;
	field_error_set(ret_error, field, ip_prefix_format(prefix, text),
			"must be one unicast address in beet mode: the inner one");
	return -EINVAL;
}

static int check_selector(const struct sa_params *params, struct field_error *ret_error)
{
	const struct sa_selector *selector = &params->selector;
	char text[IP_PREFIX_TEXT_MAX];

	if (check_prefix(params, "sel src", &selector->src, ret_error) < 0 ||
	    check_prefix(params, "sel dst", &selector->dst, ret_error) < 0)
		return -EINVAL;
	if (params->mode == SA_MODE_BEET && (check_beet("sel src", &selector->src, ret_error) < 0 ||
					     check_beet("sel dst", &selector->dst, ret_error) < 0))
		return -EINVAL;
	if (selector->src.addr.family != AF_UNSPEC && selector->dst.addr.family != AF_UNSPEC &&
	    selector->src.addr.family != selector->dst.addr.family) {
		field_error_set(ret_error, "sel dst", ip_prefix_format(&selector->dst, text),
				"must be of the same family as sel src");
		return -EINVAL;
	}
	if ((selector->sport || selector->dport) && !sa_selector_has_ports(selector->protocol)) {
		field_error_set(
			ret_error, selector->sport ? "sel sport" : "sel dport",
			number_text(text, sizeof(text), selector->sport ? selector->sport : selector->dport),
			"ports need sel proto tcp, udp, dccp, sctp or udplite "
			"(RFC 4301 section 4.4.1.1)");
		return -EINVAL;
	}
	return 0;
}

static int check_limits(const struct sa_params *params, struct field_error *ret_error)
{
	const struct sa_limit_name *name;
	char text[24];

	for (size_t row = 0; (name = sa_limit_at(row)); row++)
		if (sa_limit_get(&params->limits, name) >= SA_LIMIT_INFINITE) {
			number_text(text, sizeof(text), sa_limit_get(&params->limits, name));
			field_error_set(ret_error, name->word, text,
					"must be below 2^63, or absent for none");
			return -EINVAL;
		}
	return 0;
}

static int check_dev(const struct sa_params *params, struct field_error *ret_error)
{
	char text[IF_NAMESIZE + 1];
	size_t len = strnlen(params->dev, sizeof(params->dev));
	bool valid = len < sizeof(params->dev);

	memcpy(text, params->dev, len);
	text[len] = '\0';
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		valid = false;
	/* The kernel's dev_valid_name(), and nothing that a terminal would interpret. */
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '/' || text[i] == ':')
			valid = false;
	}
	if (valid)
		return 0;
	field_error_set(ret_error, "dev", text,
			"is not an interface name: at most %d characters, no '/', ':' "
			"or space",
			IF_NAMESIZE - 1);
	return -EINVAL;
}

int validate_sa(const struct sa_params *params, bool legacy_on, struct field_error *ret_error)
{
	static int (*const checks[])(const struct sa_params *, struct field_error *) = {
		check_addresses, check_spi,    check_mode, check_replay,  check_encap,
		check_selector,	 check_limits, check_dev,  check_sending, check_dummies,
	};

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		int err = checks[i](params, ret_error);

		if (err < 0)
			return err;
	}
	return check_suite(params, legacy_on, ret_error);
}
