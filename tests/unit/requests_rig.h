/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests through a real socket, to an engine with one interface x0 that has no workers, a native classifier
 * and the OpenSSL provider; root is the client.
 */
#ifndef XESP_TESTS_REQUESTS_RIG_H
#define XESP_TESTS_REQUESTS_RIG_H

#include <stdio.h>

#include "control/monitor.h"
#include "control/requests.h"
#include "varlink_rig.h"

#define RIG_CAPACITY 16

struct requests_rig {
	struct fixture *fixture;
	struct iface iface;
	struct engine_config config;
	struct engine engine;
	int fd;
};

static struct requests_rig rig;

static inline void expect(const char *request, const char *error)
{
	expect_error(rig.fixture, rig.fd, request, error);
}

/* Parameters of the answer, which is an error of that name, or none if `error` is NULL. */
static inline json_t *ask(const char *request, const char *error)
{
	json_t *message;
	json_t *parameters;
	const char *got;

	send_text(rig.fd, request, strlen(request) + 1);
	message = reply(rig.fixture, rig.fd);
	assert_non_null(message);
	got = json_string_value(json_object_get(message, "error"));
	if (error) {
		assert_non_null(got);
		assert_string_equal(got, error);
	} else {
		assert_null(got);
	}
	parameters = json_incref(json_object_get(message, "parameters"));
	json_decref(message);
	return parameters;
}

static inline int start(void **state)
{
	struct sadb_config store;

	memset(&rig, 0, sizeof(rig));
	assert_int_equal(set_up((void **)&rig.fixture), 0);
	varlink_server_free(rig.fixture->server);
	rig.config.provider = crypto_provider_by_name("openssl");
	rig.config.sink = &sink_null;
	rig.config.user = "somebody";
	rig.config.clients = PEER_NO_GROUP;
	rig.config.capacity = RIG_CAPACITY;
	rig.engine.config = &rig.config;
	rig.engine.event = rig.fixture->event;
	assert_int_equal(rig.config.provider->ctx_new(&rig.engine.crypto), 0);
	snprintf(rig.iface.info.dev, sizeof(rig.iface.info.dev), "x0");
	assert_int_equal(classifier_native_new(RIG_CAPACITY, &rig.iface.classifier), 0);
	store = (struct sadb_config){.classifier = rig.iface.classifier,
				     .provider = rig.config.provider,
				     .crypto = rig.engine.crypto,
				     .capacity = RIG_CAPACITY};
	assert_int_equal(sadb_new(&store, &rig.iface.db), 0);
	assert_int_equal(worker_group_new(1, rig.config.provider, rig.config.sink, &rig.iface.workers), 0);
	assert_int_equal(monitor_new(NULL, NULL, &rig.engine.monitor), 0);
	rig.engine.ifaces[3] = &rig.iface;
	assert_int_equal(outbound_new(&(struct outbound_config){.provider = rig.config.provider,
								.crypto = rig.engine.crypto,
								.capacity = RIG_CAPACITY},
				      &rig.engine.outbound),
			 0);
	assert_int_equal(outbound_events_new(rig.engine.outbound, rig.engine.event, rig.engine.monitor,
					     &rig.engine.outbound_events),
			 0);
	assert_int_equal(requests_serve(&rig.engine, rig.fixture->listener, &rig.fixture->server), 0);
	rig.fd = client(rig.fixture);
	*state = NULL;
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	close(rig.fd);
	varlink_server_free(rig.fixture->server);
	rig.fixture->server = NULL;
	monitor_free(rig.engine.monitor);
	outbound_events_free(rig.engine.outbound_events);
	outbound_free(rig.engine.outbound);
	worker_group_free(rig.iface.workers);
	sadb_free(rig.iface.db);
	classifier_free(rig.iface.classifier);
	rig.config.provider->ctx_free(rig.engine.crypto);
	return tear_down((void **)&rig.fixture);
}

#endif
