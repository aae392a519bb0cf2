/* SPDX-License-Identifier: BSD-2-Clause */
/* The method Monitor. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "control/event_json.h"
#include "control/monitor.h"
#include "control/requests_private.h"

/* The types named, as bits; all but packets if none are. False: answered. */
static bool parse_types(struct varlink_call *call, const json_t *names, uint32_t *ret_types)
{
	uint32_t types = 0;
	enum event_type type;
	const json_t *name;
	size_t i;

	if (names && !json_is_array(names)) {
		request_invalid(call, "types", "", "must be an array of strings");
		return false;
	}
	json_array_foreach ((json_t *)names, i, name) {
		const char *text = json_is_string(name) ? json_string_value(name) : "";

		if (!event_type_by_name(text, &type)) {
			request_invalid(call, "types", text, "is no type of event");
			return false;
		}
		types |= MONITOR_TYPE(type);
	}
	*ret_types = types ? types : MONITOR_TYPES_DEFAULT;
	return true;
}

void request_monitor(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	const struct engine *engine = ctx;
	const char *dev = "";
	json_t *names = NULL;
	struct failure failure;
	uint32_t types;

	if (!request_unpack(call, parameters, "{s?o, s?s}", "types", &names, "dev", &dev) ||
	    !parse_types(call, names, &types))
		return;
	if (strlen(dev) >= IF_NAMESIZE) {
		request_invalid(call, "dev", dev, "an interface name has 1 to 15 characters");
		return;
	}
	if (monitor_subscribe(engine->monitor, call, types, dev)) {
		failure_set(&failure, ENOMEM, "monitor", "", "no memory");
		request_failed(call, &failure);
	}
}
