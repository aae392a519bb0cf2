/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods about what xesp can do, and whether it does it. */
#include "base/log.h"
#include "control/capabilities_json.h"
#include "control/monitor.h"
#include "control/requests_private.h"

static json_t *use_json(uint32_t used, uint32_t limit)
{
	return json_pack("{s:i, s:i}", "used", (int)used, "limit", (int)limit);
}

static json_t *iface_json(const struct iface *iface)
{
	return json_pack("{s:s, s:o, s:o}", "dev", iface->info.dev, "sas",
			 use_json(sadb_count(iface->db), sadb_capacity(iface->db)), "parsers",
			 use_json(sadb_parser_count(iface->db), XESP_PARSERS_MAX));
}

void request_capabilities(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	const struct engine *engine = ctx;
	json_t *answer, *attached;
	uint32_t count = 0;

	if (!request_unpack(call, parameters, "{}"))
		return;
	attached = json_array();
	for (size_t i = 0; i < XESP_IFACES_MAX; i++) {
		if (!engine->ifaces[i])
			continue;
		json_array_append_new(attached, iface_json(engine->ifaces[i]));
		count++;
	}
	answer = capabilities_json_encode(engine->config->capacity, engine->config->legacy);
	json_object_set_new(answer, "enabled", json_boolean(!engine->disabled));
	json_object_set_new(answer, "interfaces", use_json(count, XESP_IFACES_MAX));
	json_object_set_new(answer, "attached", attached);
	varlink_reply(call, answer);
}

/* ---- the switch ------------------------------------------------------------------------------------------
 */

/* Switches all interfaces, or, if one of them cannot be, leaves them as they were. */
static int switch_all(struct engine *engine, bool disabled, struct failure *ret_failure)
{
	bool before = engine->disabled;
	int err = 0;

	engine->disabled = disabled;
	for (size_t i = 0; i < XESP_IFACES_MAX && !err; i++) {
		if (!engine->ifaces[i])
			continue;
		err = iface_set_enabled(engine->ifaces[i], !engine->disabled);
		if (err)
			failure_set(ret_failure, -err, disabled ? "disable" : "enable", "try again",
				    "the classifier of %s", engine->ifaces[i]->info.dev);
	}
	if (!err)
		return 0;
	engine->disabled = before;
	for (size_t i = 0; i < XESP_IFACES_MAX; i++) {
		if (engine->ifaces[i])
			iface_set_enabled(engine->ifaces[i], !engine->disabled);
	}
	return err;
}

/* An engine after this one begins so. Nobody waits for the answer. */
static void tell_loader(struct engine *engine)
{
	struct ipc_message message = {.type = IPC_SWITCH, .power = {.disabled = engine->disabled}};
	struct failure failure;

	if (loader_ask(&engine->loader, &message, &failure))
		log_warning("%s: %s", failure.operation, failure.reason);
}

static void announce(const struct engine *engine)
{
	const struct event event = {.type = EVENT_CAPABILITY_CHANGE, .sa_index = UINT32_MAX};
	const char *detail = engine->disabled ? "offload disabled: every packet passes" : "offload enabled";

	monitor_publish(engine->monitor, NULL, &event, detail);
}

void request_set_enabled(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct engine *engine = ctx;
	struct failure failure;
	int enabled;

	if (!request_unpack(call, parameters, "{s:b}", "enabled", &enabled))
		return;
	if (!enabled != engine->disabled) {
		if (switch_all(engine, !enabled, &failure)) {
			request_failed(call, &failure);
			return;
		}
		tell_loader(engine);
		announce(engine);
	}
	varlink_reply(call, NULL);
}
