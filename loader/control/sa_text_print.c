/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints an SA as `ip xfrm state` lays it out, in words that sa_text.c reads again, but for the keys. Runs in
 * the CLI.
 */
#include <inttypes.h>

#include "control/capabilities.h"
#include "control/sa_flag.h"
#include "control/sa_limit.h"
#include "control/sa_text.h"

/* "None" as `ip xfrm` writes it: zeros of the SA's family. */
static const char *address_text(const struct sa_params *params, const struct ip_addr *addr, char *buffer)
{
	if (addr->family == AF_UNSPEC)
		return params->dst.family == AF_INET6 ? "::" : "0.0.0.0";
	return ip_addr_format(addr, buffer);
}

static void print_flags(FILE *out, uint32_t flags)
{
	const char *before = " flag ";
	const struct sa_flag_name *flag;

	for (size_t row = 0; (flag = sa_flag_at(row)); row++) {
		if (flags & flag->sa_flag && flag->xfrm_bit) {
			fprintf(out, "%s%s", before, flag->name);
			before = " ";
		}
	}
	if (flags & (SA_FLAG_NO_ENCAP_DSCP | SA_FLAG_FOLLOW))
		fprintf(out, " extra-flag");
	if (flags & SA_FLAG_NO_ENCAP_DSCP)
		fprintf(out, " dont-encap-dscp");
	if (flags & SA_FLAG_FOLLOW)
		fprintf(out, " follow");
}

/* What only an outbound SA has. */
static void print_sending(FILE *out, const struct sa_params *params)
{
	if (params->dir != SA_DIR_OUT)
		return;
	fprintf(out, "\tdir out priority %" PRIu32, params->priority);
	if (params->tfc_pad)
		fprintf(out, " tfcpad %" PRIu32, params->tfc_pad);
	if (params->dummy_ms)
		fprintf(out, " dummy-interval %" PRIu32, params->dummy_ms);
	if (params->send_seq || params->send_seq_given)
		fprintf(out, " replay-oseq %" PRIu32, (uint32_t)params->send_seq);
	if (params->send_seq >> 32)
		fprintf(out, " replay-oseq-hi %" PRIu32, (uint32_t)(params->send_seq >> 32));
	fputc('\n', out);
}

static void print_replay(FILE *out, const struct sa_params *params)
{
	fprintf(out, "\treplay-window %u", params->replay_window);
	if (params->replay_seq)
		fprintf(out, " replay-seq %" PRIu32, (uint32_t)params->replay_seq);
	if (params->replay_seq >> 32)
		fprintf(out, " replay-seq-hi %" PRIu32, (uint32_t)(params->replay_seq >> 32));
	print_flags(out, params->flags);
	fputc('\n', out);
}

static void print_algos(FILE *out, const struct sa_params *params)
{
	const struct algo *cipher = algo_by_id(params->cipher), *auth = algo_by_id(params->auth);

	if (auth)
		fprintf(out, "\tauth-trunc %s <hidden> %u\n", auth->xfrm_name, params->icv_bytes * 8u);
	if (cipher && cipher->class == ALGO_CLASS_AEAD)
		fprintf(out, "\taead %s <hidden> %u\n", cipher->xfrm_name, params->icv_bytes * 8u);
	else if (cipher) /* NULL has no key to hide */
		fprintf(out, "\tenc %s%s\n", cipher->xfrm_name, cipher->key_bytes[0] ? " <hidden>" : "");
}

static void print_encap(FILE *out, const struct sa_params *params)
{
	const struct sa_encap *encap = &params->encap;
	char text[IP_ADDR_TEXT_MAX];

	if (!encap->present)
		return;
	fprintf(out, "\tencap type %s sport %u dport %u addr %s",
		encap->type == XESP_ENCAP_IKE ? "espinudp-nonike" : "espinudp", encap->sport, encap->dport,
		address_text(params, &encap->original_src, text));
	if (encap->original_dst.family != AF_UNSPEC)
		fprintf(out, " oa-dst %s", ip_addr_format(&encap->original_dst, text));
	fputc('\n', out);
}

static void print_selector(FILE *out, const struct sa_selector *selector)
{
	char src[IP_PREFIX_TEXT_MAX], dst[IP_PREFIX_TEXT_MAX];

	if (selector->src.addr.family == AF_UNSPEC && selector->dst.addr.family == AF_UNSPEC &&
	    !selector->protocol && !selector->sport && !selector->dport)
		return;
	fprintf(out, "\tsel src %s dst %s", ip_prefix_format(&selector->src, src),
		ip_prefix_format(&selector->dst, dst));
	if (selector->protocol)
		fprintf(out, " proto %u", selector->protocol);
	if (selector->sport)
		fprintf(out, " sport %u", selector->sport);
	if (selector->dport)
		fprintf(out, " dport %u", selector->dport);
	fputc('\n', out);
}

static void print_limits(FILE *out, const struct sa_limits *limits)
{
	const char *before = "\t";
	const struct sa_limit_name *name;

	for (size_t row = 0; (name = sa_limit_at(row)); row++) {
		uint64_t limit = sa_limit_get(limits, name);

		if (limit) {
			fprintf(out, "%slimit %s %" PRIu64, before, name->word, limit);
			before = " ";
		}
	}
	if (*before == ' ')
		fputc('\n', out);
}

void sa_text_print(FILE *out, const struct sa_params *params)
{
	const struct capability_word *mode = capabilities_value(CAPABILITY_MODE, (int)params->mode);
	char src[IP_ADDR_TEXT_MAX], dst[IP_ADDR_TEXT_MAX];

	fprintf(out, "src %s dst %s\n", address_text(params, &params->src, src),
		address_text(params, &params->dst, dst));
	fprintf(out, "\tproto esp spi 0x%08" PRIx32 " reqid %u mode %s\n", params->spi, params->reqid,
		mode ? mode->word : "none");
	print_replay(out, params);
	print_algos(out, params);
	print_encap(out, params);
	print_selector(out, &params->selector);
	print_limits(out, &params->limits);
	print_sending(out, params);
	if (params->dev[0])
		fprintf(out, "\tdev %s\n", params->dev);
}
