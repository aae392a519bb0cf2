/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An attached interface as the engine sees it: the classifier's maps, the SA store, the workers. Made from
 * what the loader sends, ended when the loader has detached.
 */
#ifndef XESP_CONTROL_IFACE_H
#define XESP_CONTROL_IFACE_H

#include <systemd/sd-event.h>

#include "control/loader_channel.h"
#include "control/sadb.h"
#include "dataplane/port.h"
#include "dataplane/worker.h"
#include "host/classifier.h"
#include "host/ipc.h"

struct outbound_events;
struct port;

struct iface {
	struct ipc_attached info;
	bool pass_keepalives;
	bool adopted;	    /* it was attached for an engine before this one */
	bool queues_failed; /* its queues are other ones than there are workers for, and that was told */
	struct classifier_fds fds;
	struct classifier *classifier;
	struct sadb *db;
	struct worker_group *workers;
	struct port *port;		  /* the way out; without a socket where there is no sink */
	bool (*port_leaves)(void *owner); /* see struct iface_config */
	void *port_owner;
	sd_event_source *reap; /* frees deleted SAs that a worker held too long */
	struct audit *audit;
	struct iface_events *events;
};

struct iface_config {
	struct loader_channel *loader;
	sd_event *event;
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
	const struct sink_ops *sink;
	struct monitor *monitor; /* told of what happens; NULL: nobody is */
	struct outbound_events
		*outbound_events;	/* what workers tell of outbound SAs; NULL: nobody wants it */
	struct state *state;		/* where SAs outlive the process; NULL: they do not */
	struct restore_tally *restored; /* counts SAs of iface_adopt() */
	bool disabled;			/* every packet passes, until iface_set_enabled() */
	bool mss_clamp;			/* TCP is told to send no larger segments than fit */
	enum tx_mode send;		/* through what sealed packets leave */
	const struct spd *spd;		/* which outbound SA a packet goes into; NULL: none is sent */
	struct inside *inside;		/* who is behind the inside interface, for the sink `dev`; or NULL */
	/* Called when an interface's port is no longer to be had: no next hop leads through it from now on.
	 * True: and the workers of all interfaces have been seen at rest since. NULL: none ever does. */
	bool (*port_leaves)(void *owner);
	void *port_owner;
};

/* Asks the loader to attach and builds the interface from its answer. On failure `*ret_failure` says why
 * and nothing is left attached. */
int iface_attach(const struct iface_config *config, const struct ipc_attach *request,
		 struct iface **ret_iface, struct failure *ret_failure);
/* The same of an interface that the loader has attached for an engine before this one. What was in the
 * classifier goes; it passes everything until workers run. */
int iface_adopt(const struct iface_config *config, uint32_t ifindex, struct iface **ret_iface,
		struct failure *ret_failure);
/* Asks the loader to detach, then frees the interface with all its SAs. */
int iface_detach(struct loader_channel *loader, struct iface *iface, struct failure *ret_failure);
/* The classifier's switch; packets that it has passed on already are worked off. What the kernel says. */
int iface_set_enabled(struct iface *iface, bool enabled);
/* Tells the classifier which packets the sockets take, all of them. */
int iface_set_packet_max(struct iface *iface);
/* Frees what the loader has detached already, or will; NULL-safe. */
void iface_free(struct iface *iface);

#endif
