/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/iface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/audit.h"
#include "control/iface_events.h"
#include "control/iface_queues.h"

/* Between looks whether a worker that hung has let go of deleted SAs. */
#define REAP_INTERVAL_US 50000

static int receive_attached(struct loader_channel *loader, struct iface *iface, struct failure *ret_failure)
{
	struct ipc_message message;
	int fds[IPC_FDS_MAX];
	size_t count = 0;
	int err = loader_answer(loader, &message, fds, &count, ret_failure);

	if (err)
		return err;
	if (message.type != IPC_ATTACHED || count != IPC_ATTACHED_FDS)
		return loader_unexpected(&message, fds, count, ret_failure);
	iface->info = message.attached;
	iface->pass_keepalives = message.attached.pass_keepalives;
	memcpy(&iface->fds, fds, sizeof(iface->fds));
	return 0;
}

static int receive_queue(struct loader_channel *loader, struct iface *iface, struct failure *ret_failure)
{
	struct worker_queue queue;
	int err = iface_queues_receive(loader, iface, &queue, ret_failure);

	if (err)
		return err;
	err = worker_group_add(iface->workers, &queue);
	if (err) {
		iface_queues_close(&queue);
		return failure_set(ret_failure, -err, "set up worker", "", "queue %u of %s",
				   queue.info.number, iface->info.dev);
	}
	return 0;
}

/* ---- the SA store's questions ---------------------------------------------------------------------------
 */

static int on_reap(sd_event_source *timer, uint64_t now, void *ctx)
{
	const struct iface *iface = ctx;

	(void)now;
	if (!sadb_reap(iface->db))
		return 0;
	sd_event_source_set_time_relative(timer, REAP_INTERVAL_US);
	return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void on_marked(void *ctx)
{
	struct iface *iface = ctx;

	if (sd_event_source_get_enabled(iface->reap, NULL))
		return;
	log_warning("%s: a worker does not get to an end: %u deleted SAs wait to be freed", iface->info.dev,
		    sadb_marked(iface->db));
	sd_event_source_set_time_relative(iface->reap, REAP_INTERVAL_US);
	sd_event_source_set_enabled(iface->reap, SD_EVENT_ONESHOT);
}

static void on_delete_request(void *ctx, const struct sa *sa)
{
	const struct iface *iface = ctx;

	iface_events_delete_request(iface->events, sa);
}

/* A timer that is off until there is something to free. */
static int make_reap_timer(const struct iface_config *config, struct iface *iface)
{
	int err = sd_event_add_time_relative(config->event, &iface->reap, CLOCK_MONOTONIC, REAP_INTERVAL_US,
					     0, on_reap, iface);

	if (err >= 0)
		err = sd_event_source_set_enabled(iface->reap, SD_EVENT_OFF);
	return err < 0 ? err : 0;
}

int iface_set_enabled(struct iface *iface, bool enabled)
{
	struct xesp_config config = *iface->classifier->tables.config;

	config.enabled = enabled;
	return iface->classifier->ops->set_config(iface->classifier, &config);
}

int iface_set_packet_max(struct iface *iface)
{
	struct xesp_config config = *iface->classifier->tables.config;

	config.multi_buffer = worker_group_multi_buffer(iface->workers);
	config.packet_max = config.multi_buffer ? XESP_PACKET_JUMBO_MAX : XESP_PACKET_MAX;
	return iface->classifier->ops->set_config(iface->classifier, &config);
}

static int build(const struct iface_config *config, struct iface *iface, struct failure *ret_failure)
{
	struct sadb_config store;
	int err = classifier_fds_new(&iface->fds, iface->adopted, &iface->classifier);

	if (err)
		return failure_set(ret_failure, -err, "use classifier maps", "", "%s", iface->info.dev);
	/* An adopted one is off. */
	err = config->disabled ? iface_set_enabled(iface, false) : 0;
	if (err)
		return failure_set(ret_failure, -err, "switch the classifier off", "", "%s", iface->info.dev);
	err = iface_set_packet_max(iface);
	if (err)
		return failure_set(ret_failure, -err, "set the longest packet", "", "%s", iface->info.dev);
	store = (struct sadb_config){.classifier = iface->classifier,
				     .provider = config->provider,
				     .crypto = config->crypto,
				     .capacity = iface->info.capacity,
				     .state = config->state,
				     .store = iface->info.ifindex,
				     .quiesce = worker_group_quiesce,
				     .forget = worker_group_forget,
				     .workers = iface->workers,
				     .marked = on_marked,
				     .delete_request = on_delete_request,
				     .owner = iface};
	err = make_reap_timer(config, iface);
	if (!err)
		err = sadb_new(&store, &iface->db);
	if (err)
		return failure_set(ret_failure, -err, "make SA store", "", "%u SAs for %s", store.capacity,
				   iface->info.dev);
	if (iface->adopted)
		sadb_restore(iface->db, config->restored);
	err = iface_events_new(iface, config->event, config->monitor, config->outbound_events,
			       &iface->events);
	if (err)
		return failure_set(ret_failure, -err, "watch workers", "", "%s", iface->info.dev);
	err = audit_new(config->event, iface->fds.audit, iface->info.dev, config->monitor, &iface->audit);
	if (err)
		return failure_set(ret_failure, -err, "read audit events", "use kernel 5.19 or later", "%s",
				   iface->info.dev);
	worker_group_set_spd(iface->workers, config->spd, config->mss_clamp);
	worker_group_set_inside(iface->workers, config->inside);
	worker_group_set_segments(iface->workers, iface->info.pieces);
	worker_group_set_port(iface->workers, iface->port, config->send);
	err = worker_group_start(iface->workers, iface->db);
	if (err)
		return failure_set(ret_failure, -err, "start workers", "", "%s", iface->info.dev);
	if (!iface->adopted)
		return 0;
	iface_events_resume(iface->events);
	err = config->disabled ? 0 : iface_set_enabled(iface, true);
	return err ? failure_set(ret_failure, -err, "switch the classifier on", "", "%s", iface->info.dev)
		   : 0;
}

static int receive_queues(const struct iface_config *config, struct iface *iface, struct failure *ret_failure)
{
	int err = worker_group_new(iface->info.queues, config->provider, config->sink, &iface->workers);

	if (err)
		return failure_set(ret_failure, -err, "make workers", "", "%u for %s", iface->info.queues,
				   iface->info.dev);
	err = port_new(iface->info.ifindex, &iface->port);
	if (err)
		return failure_set(ret_failure, -err, "make port", "", "%s", iface->info.dev);
	for (uint32_t i = 0; i < iface->info.queues; i++) {
		err = receive_queue(config->loader, iface, ret_failure);
		if (err)
			return err;
	}
	return 0;
}

static int ask_detach(struct loader_channel *loader, uint32_t ifindex, struct failure *ret_failure)
{
	struct ipc_message message = {.type = IPC_DETACH, .link = {.ifindex = ifindex}};

	return loader_do(loader, &message, &message, ret_failure);
}

/* `request` is ATTACH or ADOPT. */
static int make(const struct iface_config *config, struct ipc_message *request, struct iface **ret_iface,
		struct failure *ret_failure)
{
	struct iface *iface = calloc(1, sizeof(*iface));
	struct failure ignored;
	int err;

	if (!iface)
		return failure_set(ret_failure, ENOMEM, "attach", "", "no memory for an interface");
	iface->adopted = request->type == IPC_ADOPT;
	iface->port_leaves = config->port_leaves;
	iface->port_owner = config->port_owner;
	iface->fds = (struct classifier_fds){-1, -1, -1, -1, -1, -1, -1, -1};
	err = loader_ask(config->loader, request, ret_failure);
	if (!err)
		err = receive_attached(config->loader, iface, ret_failure);
	if (err) {
		iface_free(iface);
		return err;
	}
	err = receive_queues(config, iface, ret_failure);
	/* -EREMOTEIO: the loader failed and has undone its part. */
	if (!err)
		err = build(config, iface, ret_failure);
	if (err) {
		if (err != -EREMOTEIO)
			ask_detach(config->loader, iface->info.ifindex, &ignored);
		iface_free(iface);
		return err;
	}
	*ret_iface = iface;
	return 0;
}

int iface_attach(const struct iface_config *config, const struct ipc_attach *request,
		 struct iface **ret_iface, struct failure *ret_failure)
{
	struct ipc_message message = {.type = IPC_ATTACH, .attach = *request};

	return make(config, &message, ret_iface, ret_failure);
}

int iface_adopt(const struct iface_config *config, uint32_t ifindex, struct iface **ret_iface,
		struct failure *ret_failure)
{
	struct ipc_message message = {.type = IPC_ADOPT, .link = {.ifindex = ifindex}};
	struct failure ignored;
	int err = make(config, &message, ret_iface, ret_failure);

	/* The loader keeps what it could not hand over. */
	if (err == -EREMOTEIO)
		ask_detach(config->loader, ifindex, &ignored);
	return err;
}

int iface_detach(struct loader_channel *loader, struct iface *iface, struct failure *ret_failure)
{
	int err = ask_detach(loader, iface->info.ifindex, ret_failure);

	/* The loader has no such interface any more: it vanished, and that is as good as detached. */
	if (err == -EREMOTEIO && ret_failure->error == ENOENT)
		err = 0;
	if (!err)
		iface_free(iface);
	return err;
}

/* Workers of other interfaces may send through it as well. */
static void free_port(struct iface *iface)
{
	struct port *port = iface->port;

	iface->port = NULL;
	if (!port || !iface->port_leaves || iface->port_leaves(iface->port_owner))
		port_free(port);
	else
		log_warning("%s: a worker does not get to an end: the sockets stay open", iface->info.dev);
}

void iface_free(struct iface *iface)
{
	if (!iface)
		return;
	if (iface->workers)
		worker_group_stop(iface->workers);
	audit_free(iface->audit);
	iface_events_free(iface->events);
	sd_event_source_disable_unref(iface->reap);
	sadb_free(iface->db);
	worker_group_free(iface->workers);
	iface->workers = NULL;
	free_port(iface);
	classifier_free(iface->classifier);
	for (size_t i = 0; i < IPC_ATTACHED_FDS; i++)
		cleanup_fd(&((int *)&iface->fds)[i]);
	free(iface);
}
