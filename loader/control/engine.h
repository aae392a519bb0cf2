/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine process: unprivileged, without capabilities. Its control thread serves requests and events;
 * the workers of each attached interface move packets. It holds the keys.
 */
#ifndef XESP_CONTROL_ENGINE_H
#define XESP_CONTROL_ENGINE_H

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "control/iface.h"
#include "control/monitor.h"
#include "control/outbound.h"
#include "control/outbound_events.h"

struct engine_config {
	int ipc;      /* socket to the loader */
	int listener; /* control socket, listening */
	const struct crypto_provider *provider;
	const struct sink_ops *sink;
	const char *tun;     /* name of the TUN device, or NULL */
	const char *inside;  /* of a gateway's inside interface, which is attached at the begin; NULL: none */
	const char *user;    /* that the process runs as, for status */
	gid_t clients;	     /* group whose members may call every method, or PEER_NO_GROUP */
	uint32_t capacity;   /* SAs that one interface can hold */
	bool routes;	     /* into the TUN device are set for outbound SAs */
	uint32_t keepalive;  /* seconds without traffic after which NATs get a keepalive, or 0 */
	bool no_mss_clamp;   /* TCP's segment size stays as its ends say */
	enum tx_mode send;   /* by which way */
	struct state *state; /* where SAs outlive the process; NULL: they do not */
	bool legacy;	     /* SAs may have legacy algorithms */
};

struct engine {
	const struct engine_config *config;
	sd_event *event;
	struct loader_channel loader;
	struct monitor *monitor;
	struct crypto_ctx *crypto;	       /* the control thread's */
	struct nexthops *nexthops;	       /* ways to the peers of outbound SAs */
	struct inside_ways *inside_ways;       /* ways to hosts behind the inside interface; or NULL */
	struct engine_route *route;	       /* what follows from them, and from the SAs */
	struct engine_pmtu *pmtu;	       /* what routers on them tell */
	struct iface *ifaces[XESP_IFACES_MAX]; /* NULL: free */
	struct outbound *outbound;
	struct outbound_events *outbound_events;
	struct engine_dummies *dummies; /* what they send where they would be silent */
	struct ipc_begin begin;		/* how it began; see engine_resume.h */
	struct restore_tally restored;	/* SAs of the engine before */
	sd_event_source *reap;		/* frees deleted outbound SAs that a worker held too long */
	bool disabled;			/* every packet passes, on all interfaces */
};

/* Runs until the loader closes its socket (returns 0), or until something fails that cannot be lived with.
 * The caller has given up its privileges before. */
int engine_run(const struct engine_config *config);

/* The attached interface of that name, or NULL. */
struct iface *engine_iface(const struct engine *engine, const char *dev);
/* The interface a request means: the one named, or if `dev` is empty the only one, not counting an inside
 * interface beside others. Else NULL. */
struct iface *engine_pick(const struct engine *engine, const char *dev);

/* Waits as worker_group_quiesce() does, for the workers of all interfaces: any may hold an outbound SA or
 * send through any port. `owner` is the engine. */
bool engine_quiesce(void *owner, bool begin, unsigned int timeout_ms);

#endif
