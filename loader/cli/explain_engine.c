/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judging packets of a capture with the classifier and the data plane.
 */
#include "cli/explain_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "base/reasons.h"
#include "cli/explain_nested.h"
#include "cli/explain_outer.h"
#include "control/sa_text.h"
#include "control/sadb.h"
#include "control/validate.h"
#include "dataplane/esp.h"
#include "host/classifier.h"

struct explain_engine {
	struct classifier *classifier;
	int kernel_err; /* why "auto" did not take the kernel's classifier */
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
	struct sadb *db;
	bool restart_replay;
	bool legacy;
	bool replay_preset;
	struct esp_packet esp[XESP_BURST_MAX];
	struct explain_packet *esp_of[XESP_BURST_MAX]; /* whose esp[i] is */
};

/* ---- construction --------------------------------------------------------------------------------- */

void explain_engine_free(struct explain_engine *engine)
{
	if (!engine)
		return;
	sadb_free(engine->db);
	if (engine->crypto)
		engine->provider->ctx_free(engine->crypto);
	classifier_free(engine->classifier);
	free(engine);
}

static void cleanup_engine(struct explain_engine **engine)
{
	explain_engine_free(*engine);
}

static int open_classifier(const struct cli *cli, struct explain_engine *engine, const char *name)
{
	bool automatic = strcmp(name, "auto") == 0;
	int err = -EINVAL;

	if (automatic || strcmp(name, "kernel") == 0) {
		err = classifier_kernel_new(XESP_SA_CAPACITY_DEFAULT, &engine->classifier);
		if (automatic)
			engine->kernel_err = err;
	}
	if (err && strcmp(name, "kernel") != 0)
		err = classifier_native_new(XESP_SA_CAPACITY_DEFAULT, &engine->classifier);
	if (err == -EPERM)
		cli_error(cli, "classifier %s: %s; run as root or with --classifier=native", name,
			  strerror(-err));
	else if (err)
		cli_error(cli, "classifier %s: %s", name, strerror(-err));
	return err;
}

static int configure_classifier(const struct cli *cli, struct classifier *classifier)
{
	/* As an interface whose sockets take jumbo frames. */
	const struct xesp_config config = {
		.enabled = 1, .packet_max = XESP_PACKET_JUMBO_MAX, .multi_buffer = 1};
	int err = classifier->ops->set_config(classifier, &config);

	if (err)
		cli_error(cli, "classifier %s: cannot be configured: %s", classifier->ops->name,
			  strerror(-err));
	return err;
}

static int open_crypto(const struct cli *cli, struct explain_engine *engine, const char *name)
{
	int err;

	engine->provider = crypto_provider_by_name(name);
	if (!engine->provider) {
		cli_error(cli, "crypto provider '%s' is unknown; auto, ipsec-mb and openssl are", name);
		return -EINVAL;
	}
	err = engine->provider->ctx_new(&engine->crypto);
	if (err)
		cli_error(cli, "crypto provider %s: %s", engine->provider->name, strerror(-err));
	return err;
}

static int open_store(const struct cli *cli, struct explain_engine *engine)
{
	const struct sadb_config config = {
		.classifier = engine->classifier,
		.provider = engine->provider,
		.crypto = engine->crypto,
		.capacity = XESP_SA_CAPACITY_DEFAULT,
	};
	int err = sadb_new(&config, &engine->db);

	if (err)
		cli_error(cli, "SA store: %s", strerror(-err));
	return err;
}

int explain_engine_new(const struct cli *cli, const struct explain_engine_config *config,
		       struct explain_engine **ret_engine)
{
	CLEANUP(cleanup_engine) struct explain_engine *engine = calloc(1, sizeof(*engine));
	int err;

	if (!engine) {
		cli_error(cli, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	engine->restart_replay = config->restart_replay;
	engine->legacy = config->legacy;
	err = open_classifier(cli, engine, config->classifier);
	if (!err)
		err = configure_classifier(cli, engine->classifier);
	if (!err)
		err = open_crypto(cli, engine, config->crypto);
	if (!err)
		err = open_store(cli, engine);
	if (err)
		return err;
	*ret_engine = TAKE_PTR(engine);
	return 0;
}

/* ---- SAs ------------------------------------------------------------------------------------------ */

struct loading {
	const struct cli *cli;
	struct explain_engine *engine;
	const char *name; /* of the file, for messages */
	unsigned int taken;
	unsigned int unsupported;
	unsigned int unsupported_line; /* of the first */
	struct field_error unsupported_error;
};

static void report_field(const struct loading *loading, unsigned int line, const struct field_error *error)
{
	cli_error(loading->cli, "%s:%u: %s: value '%s': %s", loading->name, line, error->field, error->value,
		  error->rule);
}

/* A dump of all SAs of a host explains the packets of those that are supported. */
static void pass_over(const struct field_error *error, unsigned int line, void *ctx)
{
	struct loading *loading = ctx;

	if (loading->unsupported++)
		return;
	loading->unsupported_line = line;
	loading->unsupported_error = *error;
}

static int add_sa(struct loading *loading, const struct sa_params *params, unsigned int line)
{
	struct field_error error;
	char dst[IP_ADDR_TEXT_MAX];
	const struct sa *sa;
	const char *what = NULL;
	int err = sadb_add(loading->engine->db, params, &sa, &what);

	switch (err) {
	case 0: return 0;
	case -EEXIST:
		cli_error(loading->cli,
			  "%s:%u: spi: value '0x%08x': an SA before has this SPI and destination %s",
			  loading->name, line, params->spi, ip_addr_format(&params->dst, dst));
		return err;
	case -EOPNOTSUPP:
		field_error_set(&error, "crypto", loading->engine->provider->name,
				"this provider lacks the algorithm here");
		pass_over(&error, line, loading);
		return err;
	case -ENOSPC:
		cli_error(loading->cli, "%s:%u: no room for more %s", loading->name, line,
			  what ? what : "SAs");
		return err;
	default:
		cli_error(loading->cli, "%s:%u: SPI 0x%08x cannot be added: %s", loading->name, line,
			  params->spi, strerror(-err));
		return err;
	}
}

/* A capture has both directions, so that "dir out" decides nothing. */
static int each_sa(const struct sa_params *params, unsigned int line, void *ctx)
{
	struct loading *loading = ctx;
	struct sa_params own = *params;
	struct field_error error;
	int err;

	own.dir = SA_DIR_IN;
	if (loading->engine->restart_replay)
		own.replay_seq &= ~(uint64_t)UINT32_MAX;
	if (own.replay_window && (uint32_t)own.replay_seq)
		loading->engine->replay_preset = true;
	err = validate_sa(&own, loading->engine->legacy, &error);
	if (err == -EOPNOTSUPP) {
		pass_over(&error, line, loading);
		sa_params_wipe(&own);
		return 0;
	}
	if (err)
		report_field(loading, line, &error);
	else
		err = add_sa(loading, &own, line);
	loading->taken += !err;
	sa_params_wipe(&own);
	/* Ends the reading with a number that is never sa_text_read()'s own: this one is explained. */
	return err && err != -EOPNOTSUPP ? -ECANCELED : 0;
}

int explain_engine_load(const struct cli *cli, struct explain_engine *engine, const char *path)
{
	bool standard_input = strcmp(path, "-") == 0;
	struct loading loading = {
		.cli = cli, .engine = engine, .name = standard_input ? "standard input" : path};
	const struct sa_text_sink sink = {.each = each_sa, .unsupported = pass_over, .ctx = &loading};
	CLEANUP_FILE FILE *opened = NULL;
	struct field_error error;
	unsigned int line = 0;
	int err;

	if (!standard_input) {
		opened = fopen(path, "re");
		if (!opened) {
			err = -errno;
			cli_error(cli, "%s: %s", path, strerror(-err));
			return err;
		}
	}
	err = sa_text_read(opened ? opened : stdin, &sink, &line, &error);
	if (loading.unsupported) {
		cli_error(cli, "%s: SAs that xesp does not support are passed over: %u, the first of them:",
			  loading.name, loading.unsupported);
		report_field(&loading, loading.unsupported_line, &loading.unsupported_error);
		if (!err && !loading.taken)
			return -ECANCELED; /* not what the caller has in mind */
	}
	if (err == -EINVAL)
		report_field(&loading, line, &error);
	else if (err && err != -ECANCELED)
		cli_error(cli, "%s: %s", loading.name, strerror(-err));
	return err;
}

/* ---- packets -------------------------------------------------------------------------------------- */

static void describe(struct explain_packet *packet)
{
	struct explain_outer outer;

	explain_outer_read(packet->frame, packet->frame_len, &outer);
	packet->src = outer.src;
	packet->dst = outer.dst;
	packet->has_spi = outer.has_esp && explain_reason_means_esp(packet->reason);
	packet->spi = outer.spi;
	packet->seq = outer.seq;
}

/* A packet that passes must reach the kernel byte for byte as it came. */
static bool frame_unchanged(const struct explain_packet *packet, const struct classifier_result *result)
{
	return !result->frame || (result->frame_len == packet->frame_len &&
				  memcmp(result->frame, packet->frame, packet->frame_len) == 0);
}

static int classify(const struct cli *cli, struct explain_engine *engine, struct explain_packet *packet,
		    struct classifier_result *ret_result)
{
	struct classifier *classifier = engine->classifier;
	struct classifier_result result = {0};
	int err = classifier->ops->run(classifier, packet->frame, packet->frame_len, &result);

	if (err) {
		cli_error(cli, "packet %llu: classifier %s: %s", (unsigned long long)packet->number,
			  classifier->ops->name, strerror(-err));
		return err;
	}
	if (!frame_unchanged(packet, &result)) {
		cli_error(cli, "packet %llu: classifier %s changed the frame, which is a bug",
			  (unsigned long long)packet->number, classifier->ops->name);
		return -EPROTO;
	}
	packet->reason = result.reason;
	describe(packet);
	*ret_result = result;
	return 0;
}

/* What xespd's worker does with the packet before the burst is opened. */
static bool to_burst(struct explain_engine *engine, struct explain_packet *packet,
		     const struct xesp_meta *meta, struct esp_packet *ret_esp)
{
	struct sa *sa = sadb_get(engine->db, meta->sa_index, meta->sa_generation);

	if (!sa) {
		packet->reason = XESP_REASON_SA_GONE;
		return false;
	}
	*ret_esp = (struct esp_packet){
		.frame = packet->frame,
		.frame_len = (uint32_t)packet->frame_len,
		.meta = *meta,
		.sa = sa,
	};
	return true;
}

static void take_result(struct explain_packet *packet, const struct esp_packet *esp)
{
	packet->reason = esp->reason;
	packet->result = esp->result;
	if (esp->spi) {
		packet->has_spi = true;
		packet->spi = esp->spi;
		packet->seq = esp->seq;
	}
	if (esp_is_delivered(esp->reason)) {
		packet->opened = esp->packet;
		packet->opened_len = esp->packet_len;
	}
}

/* Each packet leaves through exactly one exit; the sums of the listing rely on it. */
static int check_outcome(const struct cli *cli, const struct explain_packet *packet)
{
	const struct reason_info *info = reason_info(packet->reason);

	if (packet->skip == EXPLAIN_OVERSIZE || (info && info->exit != REASON_EXIT_ENGINE))
		return 0;
	cli_error(cli, "packet %llu: got no outcome but reason %u, which is a bug",
		  (unsigned long long)packet->number, packet->reason);
	return -EPROTO;
}

/* Makes a packet ready to be judged. False: there is nothing to judge. */
static bool begin(struct explain_packet *packet)
{
	packet->opened = NULL;
	packet->has_spi = false;
	packet->result = (struct esp_result){0};
	packet->inner.present = false;
	packet->src.family = packet->dst.family = AF_UNSPEC;
	packet->reason = packet->skip == EXPLAIN_RUNT ? XESP_REASON_TRUNCATED : XESP_REASON_NONE;
	return packet->skip == EXPLAIN_JUDGED;
}

static void open_burst(struct explain_engine *engine, size_t count)
{
	uint64_t now = (uint64_t)engine->esp_of[count - 1]->time.tv_sec;

	esp_open_burst(engine->crypto, engine->esp, count, now);
	for (size_t i = 0; i < count; i++)
		take_result(engine->esp_of[i], &engine->esp[i]);
	explain_nested_open(engine->db, engine->crypto, engine->esp, engine->esp_of, count, now);
}

int explain_engine_run(const struct cli *cli, struct explain_engine *engine, struct explain_packet *packets,
		       size_t count)
{
	size_t burst = 0;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		struct classifier_result result = {.redirected = false};

		if (begin(&packets[i]))
			err = classify(cli, engine, &packets[i], &result);
		if (!err && result.redirected &&
		    to_burst(engine, &packets[i], &result.meta, &engine->esp[burst]))
			engine->esp_of[burst++] = &packets[i];
	}
	if (err)
		return err;
	if (burst)
		open_burst(engine, burst);
	for (size_t i = 0; i < count && !err; i++)
		err = check_outcome(cli, &packets[i]);
	return err;
}

/* ---- what it is made of --------------------------------------------------------------------------- */

const char *explain_engine_classifier(const struct explain_engine *engine, const char **ret_why)
{
	*ret_why = engine->kernel_err ? strerror(-engine->kernel_err) : NULL;
	return engine->classifier->ops->name;
}

const char *explain_engine_crypto(const struct explain_engine *engine, const char **ret_detail)
{
	*ret_detail = engine->provider->ctx_describe(engine->crypto);
	return engine->provider->name;
}

uint32_t explain_engine_sas(const struct explain_engine *engine)
{
	return sadb_count(engine->db);
}

bool explain_engine_replay_preset(const struct explain_engine *engine)
{
	return engine->replay_preset;
}
