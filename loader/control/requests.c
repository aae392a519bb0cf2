/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods about the daemon and its interfaces, and what all methods share. */
#include "control/requests.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/reasons.h"
#include "control/engine_attach.h"
#include "control/engine_pmtu.h"
#include "control/iface_link.h"
#include "control/requests_private.h"

/* ---- shared -------------------------------------------------------------------------------------------- */

/* Text that was cut to fit a buffer may end inside a character, which JSON does not take. */
static json_t *text_json(const char *text)
{
	size_t length = strlen(text);
	json_t *value = json_stringn(text, length);

	for (unsigned int cut = 1; !value && cut < 4 && cut <= length; cut++)
		value = json_stringn(text, length - cut);
	return value;
}

void request_invalid(struct varlink_call *call, const char *field, const char *value, const char *rule)
{
	varlink_error(call, "InvalidField",
		      json_pack("{s:o, s:o, s:o}", "field", text_json(field), "value", text_json(value),
				"rule", text_json(rule)));
}

void request_error_what(struct varlink_call *call, const char *name, const char *format, ...)
{
	char what[160];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	varlink_error(call, name, json_pack("{s:o}", "what", text_json(what)));
}

void request_failed(struct varlink_call *call, const struct failure *failure)
{
	varlink_error(call, "Failed",
		      json_pack("{s:s, s:i, s:o, s:o}", "operation", failure->operation, "errno",
				failure->error, "reason", text_json(failure->reason), "advice",
				text_json(failure->advice)));
}

void request_refused(struct varlink_call *call, const struct field_error *error)
{
	char what[sizeof(*error)];

	if (!error->capability) {
		request_invalid(call, error->field, error->value, error->rule);
		return;
	}
	snprintf(what, sizeof(what), "%s '%s': %s", error->field, error->value, error->rule);
	varlink_error(call, "NotSupported",
		      json_pack("{s:s, s:o}", "capability", error->capability, "what", text_json(what)));
}

struct iface *request_pick(struct varlink_call *call, const struct engine *engine, const char *dev)
{
	struct iface *iface = engine_pick(engine, dev);
	bool any = false;

	if (iface)
		return iface;
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		any |= engine->ifaces[i] != NULL;
	if (dev && dev[0])
		request_error_what(call, "NotFound", "interface %s is not attached", dev);
	else if (any)
		request_invalid(call, "dev", "", "several interfaces are attached: name one of them");
	else
		request_error_what(call, "NotFound", "no interface is attached; `xesp attach IFACE` first");
	return NULL;
}

/* For methods on all interfaces, or on one if the request names it. False: answered, the name is unknown. */
static bool names_known_iface(struct varlink_call *call, const struct engine *engine, const char *dev)
{
	if (!dev || engine_iface(engine, dev))
		return true;
	request_error_what(call, "NotFound", "interface %s is not attached", dev);
	return false;
}

static bool is_meant(const struct iface *iface, const char *dev)
{
	return iface && (!dev || !strcmp(iface->info.dev, dev));
}

/* ---- status -------------------------------------------------------------------------------------------- */

/* How a worker sends; null where it does not. */
static json_t *queue_send_json(const struct worker_state *state)
{
	const struct send_state *send = &state->send;

	if (!state->sends)
		return json_null();
	return json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:I}", "way", tx_way_words[send->way], "why",
			 tx_why_words[send->why], "trials", (int)send->trials, "frames",
			 (int)state->levels.tx_frames, "frames_idle", (int)state->levels.tx_idle, "xdp_ns",
			 (json_int_t)send->ns[TX_WAY_XDP], "packet_ns", (json_int_t)send->ns[TX_WAY_PACKET]);
}

static json_t *queue_json(const struct worker_group *workers, uint32_t i)
{
	struct worker_state state;

	worker_group_state(workers, i, &state);
	return json_pack(
		"{s:i, s:i, s:i, s:b, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:s, "
		"s:I, s:I, s:o}",
		"queue", (int)state.queue, "worker", (int)i, "cpu", (int)state.cpu, "zero_copy",
		state.zero_copy, "multi_buffer", state.multi_buffer, "frames", (int)state.frames,
		"frames_fill", (int)state.levels.fill, "frames_rx", (int)state.levels.rx, "frames_held",
		(int)state.levels.held, "jumbo_buffers", (int)state.levels.jumbo_buffers,
		"jumbo_buffers_held", (int)state.levels.jumbo_held, "rx_packets",
		(json_int_t)state.levels.received, "kernel_rx_dropped",
		(json_int_t)state.levels.kernel_rx_dropped, "kernel_rx_ring_full",
		(json_int_t)state.levels.kernel_rx_ring_full, "kernel_fill_ring_empty",
		(json_int_t)state.levels.kernel_fill_ring_empty, "cut_pieces", (json_int_t)state.cut_pieces,
		"cut_packets", (json_int_t)state.cut_packets, "merges", state.sink.merges, "merged_packets",
		(json_int_t)state.sink.merged_packets, "merged_writes", (json_int_t)state.sink.merged_writes,
		"send", queue_send_json(&state));
}

static const char *attach_word(const struct iface *iface)
{
	if (iface->info.state.program != IPC_PROGRAM_OURS)
		return "lost";
	return iface->info.dispatcher ? "dispatcher" : "single";
}

/* The way out, and what went there: packets of all workers. */
static json_t *port_json(const struct port *port)
{
	const char *way = "none";

	if (port && atomic_load(&port->count))
		way = atomic_load(&port->segments) ? "segments" : "packets";
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "way", way, "packets",
			 port ? (json_int_t)atomic_load(&port->sent) : 0, "frames",
			 port ? (json_int_t)atomic_load(&port->calls) : 0, "failed",
			 port ? (json_int_t)atomic_load(&port->failed) : 0, "by_xdp",
			 port ? (json_int_t)atomic_load(&port->by_ring) : 0);
}

static json_t *iface_json(const struct iface *iface)
{
	json_t *queues = json_array();

	for (uint32_t i = 0; i < worker_group_count(iface->workers); i++)
		json_array_append_new(queues, queue_json(iface->workers, i));
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:i, s:i, s:i, s:o, s:o}", "name",
			 iface->info.dev, "ifindex", (int)iface->info.ifindex, "role",
			 iface->info.inside ? "inside" : "outside", "mode",
			 iface->info.mode == IPC_XDP_NATIVE ? "native" : "generic", "attach",
			 attach_word(iface), "link", iface_link_word(&iface->info.state), "mtu",
			 (int)iface->info.state.mtu, "packet_max",
			 (int)iface->classifier->tables.config->packet_max, "keepalives",
			 iface->pass_keepalives ? "pass" : "consume", "sas", (int)sadb_count(iface->db),
			 "parsers", (int)sadb_parser_count(iface->db), "capacity",
			 (int)sadb_capacity(iface->db), "send", port_json(iface->port), "queues", queues);
}

/* NULL: no engine ended yet. */
static json_t *restart_json(const struct engine *engine)
{
	const struct ipc_past *past = &engine->begin.past;

	if (!past->count)
		return NULL;
	return json_pack("{s:I, s:i, s:I, s:I}", "time_us", (json_int_t)past->ended_us,
			 past->by_signal ? "signal" : "status", (int)past->status, "sas_kept",
			 (json_int_t)engine->restored.kept, "sas_lost", (json_int_t)engine->restored.lost);
}

static void request_status(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	const struct engine *engine = ctx;
	const struct engine_config *config = engine->config;
	json_t *ifaces;
	char sink[64];

	if (!request_unpack(call, parameters, "{}"))
		return;
	ifaces = json_array();
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i])
			json_array_append_new(ifaces, iface_json(engine->ifaces[i]));
	if (config->inside)
		snprintf(sink, sizeof(sink), "dev %s, tun %s", config->inside, config->tun);
	else
		snprintf(sink, sizeof(sink), "%s%s%s", config->sink->name, config->tun ? " " : "",
			 config->tun ? config->tun : "");
	varlink_reply(call,
		      json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:b, s:I, s:o*, s:o, s:o}", "version",
				XESP_VERSION, "pid", (int)getppid(), "engine_pid", (int)getpid(),
				"engine_user", config->user, "crypto", config->provider->name,
				"crypto_detail", config->provider->ctx_describe(engine->crypto), "sink", sink,
				"enabled", (int)!engine->disabled, "restarts",
				(json_int_t)engine->begin.past.count, "restart", restart_json(engine),
				"pmtu_errors", engine_pmtu_json(engine->pmtu), "interfaces", ifaces));
}

/* ---- attach, detach -------------------------------------------------------------------------------------
 */

static bool parse_mode(const char *word, uint32_t *ret_mode)
{
	static const char *const words[] = {
		[IPC_XDP_AUTO] = "auto", [IPC_XDP_NATIVE] = "native", [IPC_XDP_GENERIC] = "generic"};

	for (uint32_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i], word)) {
			*ret_mode = i;
			return true;
		}
	return false;
}

static bool parse_attach(struct varlink_call *call, const json_t *parameters, struct ipc_attach *ret_request)
{
	const char *dev;
	const char *mode = "auto";
	const char *keepalives = "consume";
	struct ipc_attach request = {0};

	if (!request_unpack(call, parameters, "{s:s, s?s, s?s}", "dev", &dev, "mode", &mode, "keepalives",
			    &keepalives))
		return false;
	if (!dev[0] || strlen(dev) >= sizeof(request.dev)) {
		request_invalid(call, "dev", dev, "an interface name has 1 to 15 characters");
		return false;
	}
	snprintf(request.dev, sizeof(request.dev), "%s", dev);
	if (!parse_mode(mode, &request.mode)) {
		request_invalid(call, "mode", mode, "auto, native or generic");
		return false;
	}
	request.pass_keepalives = !strcmp(keepalives, "pass");
	if (!request.pass_keepalives && strcmp(keepalives, "consume")) {
		request_invalid(call, "keepalives", keepalives, "consume or pass");
		return false;
	}
	*ret_request = request;
	return true;
}

/* An interface that is attached, but whose hook somebody else took the classifier from. */
static void attach_again(struct varlink_call *call, struct engine *engine, struct iface *iface)
{
	struct failure failure;
	bool done = false;

	if (iface_link_repair(&engine->loader, iface, engine->monitor, &done, &failure))
		request_failed(call, &failure);
	else if (done)
		varlink_reply(call, json_pack("{s:o}", "interface", iface_json(iface)));
	else
		request_error_what(call, "AlreadyExists", "interface %s is attached", iface->info.dev);
}

static void request_attach(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct engine *engine = ctx;
	struct ipc_attach request;
	struct failure failure;
	struct iface *iface;
	int err;

	if (!parse_attach(call, parameters, &request))
		return;
	if (engine_iface(engine, request.dev)) {
		attach_again(call, engine, engine_iface(engine, request.dev));
		return;
	}
	err = engine_attach(engine, &request, &iface, &failure);
	if (err == -ENOSPC)
		varlink_error(call, "CapacityExceeded",
			      json_pack("{s:s, s:i}", "what", "interfaces", "limit", XESP_IFACES_MAX));
	else if (err)
		request_failed(call, &failure);
	else
		varlink_reply(call, json_pack("{s:o}", "interface", iface_json(iface)));
}

static void request_detach(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct engine *engine = ctx;
	struct failure failure;
	const char *dev;

	if (!request_unpack(call, parameters, "{s:s}", "dev", &dev))
		return;
	for (size_t i = 0; i < XESP_IFACES_MAX; i++) {
		if (!is_meant(engine->ifaces[i], dev))
			continue;
		if (iface_detach(&engine->loader, engine->ifaces[i], &failure)) {
			request_failed(call, &failure);
			return;
		}
		engine->ifaces[i] = NULL;
		varlink_reply(call, NULL);
		return;
	}
	request_error_what(call, "NotFound", "interface %s is not attached", dev);
}

/* ---- parser entries, counters -----------------------------------------------------------------------------
 */

static void append_parsers(const struct iface *iface, json_t *list)
{
	const struct sadb_parser *parser;
	char handle[HANDLE_TEXT_MAX];
	uint32_t index = 0;

	while ((parser = sadb_parser_next(iface->db, &index)))
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:i, s:i}", "dev", iface->info.dev, "handle",
					handle_format(HANDLE_PARSER, parser->handle, handle), "type",
					parser->type == XESP_ENCAP_IKE ? "espinudp_nonike" : "espinudp",
					"port", (int)parser->port, "sas", (int)parser->refs));
}

static void request_list_parsers(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	const struct engine *engine = ctx;
	const char *dev = NULL;
	json_t *list;

	if (!request_unpack(call, parameters, "{s?s}", "dev", &dev) || !names_known_iface(call, engine, dev))
		return;
	list = json_array();
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (is_meant(engine->ifaces[i], dev))
			append_parsers(engine->ifaces[i], list);
	varlink_reply(call, json_pack("{s:o}", "parsers", list));
}

static int append_counters(const struct iface *iface, json_t *interfaces, struct failure *ret_failure)
{
	uint64_t counters[XESP_REASON_END] = {0};
	int err = iface->classifier->ops->read_counters(iface->classifier, counters);
	json_t *list;

	/* Zeros in place of what cannot be read would be a lie. */
	if (err)
		return failure_set(ret_failure, -err, "read counters", "see the log of xespd",
				   "classifier of %s", iface->info.dev);
	list = json_array();
	worker_group_counters(iface->workers, counters);
	for (unsigned int number = 1; number < XESP_REASON_END; number++) {
		const struct reason_info *reason = reason_info(number);

		if (reason)
			json_array_append_new(list,
					      json_pack("{s:s, s:i, s:s, s:I, s:s}", "name", reason->name,
							"number", (int)number, "exit",
							reason_exit_name(reason->exit), "packets",
							(json_int_t)counters[number], "text", reason->text));
	}
	json_array_append_new(interfaces, json_pack("{s:s, s:o}", "dev", iface->info.dev, "counters", list));
	return 0;
}

static void request_stats(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	const struct engine *engine = ctx;
	const char *dev = NULL;
	struct failure failure;
	json_t *list;

	if (!request_unpack(call, parameters, "{s?s}", "dev", &dev) || !names_known_iface(call, engine, dev))
		return;
	list = json_array();
	for (size_t i = 0; i < XESP_IFACES_MAX; i++) {
		if (!is_meant(engine->ifaces[i], dev) || !append_counters(engine->ifaces[i], list, &failure))
			continue;
		json_decref(list);
		request_failed(call, &failure);
		return;
	}
	varlink_reply(call, json_pack("{s:o}", "interfaces", list));
}

/* ---- the interface ----------------------------------------------------------------------------------------
 */

static const char description[] =
#include "org.xesp.varlink.inc"
	;

static const struct varlink_method methods[] = {
	{"Status", request_status},
	{"Attach", request_attach},
	{"Detach", request_detach},
	{"AddSa", request_add_sa},
	{"DeleteSa", request_delete_sa},
	{"ListSas", request_list_sas},
	{"FlushSas", request_flush_sas},
	{"ListParsers", request_list_parsers},
	{"Stats", request_stats},
	{"Monitor", request_monitor},
	{"Capabilities", request_capabilities},
	{"SetEnabled", request_set_enabled},
	{NULL, NULL},
};

/* What everybody may ask. */
static const char *const open_methods[] = {"Capabilities", NULL};

int requests_serve(struct engine *engine, int listener, struct varlink_server **ret_server)
{
	const struct varlink_config config = {.interface = "org.xesp",
					      .description = description,
					      .vendor = "xesp",
					      .product = "xespd",
					      .version = XESP_VERSION,
					      .methods = methods,
					      .ctx = engine,
					      .open = open_methods,
					      .group = engine->config->clients,
					      .idle_usec = XESP_CLIENT_IDLE_SECONDS * 1000000ull};

	return varlink_server_new(&config, engine->event, listener, ret_server);
}
