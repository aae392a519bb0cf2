/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the whole way of requests: bytes of a client through framing, JSON, parameters, validation and the
 * SA store. The first byte says where the client pauses. Every answer must be a Varlink reply, and the server
 * serves the next client.
 */
#include "base/log.h"
#include "tests/unit/requests_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	void *state;

	(void)argc;
	(void)argv;
	log_init("fuzz", LOG_LEVEL_ERROR);
	start(&state);
	rig.engine.loader.socket = -1; /* nothing can be attached */
	return 0;
}

static void check_reply(const char *text, size_t length)
{
	json_t *message = json_loadb(text, length, 0, NULL);
	const json_t *error = json_object_get(message, "error");

	check(json_is_object(message), "an answer is no JSON object");
	check(!error || json_is_string(error), "an error has no name");
	check(json_is_object(json_object_get(message, "parameters")), "an answer has no parameters");
	json_decref(message);
}

/* Everything that the server sent until it closed; whole messages, each ended by NUL. */
static void check_answers(int fd)
{
	static char answers[4 * 1024 * 1024];
	size_t used = 0, at = 0;
	ssize_t n;

	do {
		serve(rig.fixture);
		n = recv(fd, answers + used, sizeof(answers) - used, MSG_DONTWAIT);
		used += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	while (at < used) {
		const char *end = memchr(answers + at, '\0', used - at);

		check(end, "an answer has no end");
		check_reply(answers + at, (size_t)(end - answers) - at);
		at = (size_t)(end - answers) + 1;
	}
}

/* What the client changed must not change what the next input does. */
static void restore(void)
{
	static const struct xesp_config config = {.enabled = 1};

	sadb_flush(rig.iface.db);
	check(sadb_count(rig.iface.db) == 0, "SAs are left");
	rig.engine.disabled = false;
	rig.iface.classifier->ops->set_config(rig.iface.classifier, &config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char status[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	size_t pause;
	int fd;

	if (!size)
		return 0;
	pause = data[0] * (size - 1) / 256;
	fd = client(rig.fixture);
	send(fd, data + 1, pause, MSG_NOSIGNAL);
	serve(rig.fixture);
	send(fd, data + 1 + pause, size - 1 - pause, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	check_answers(fd);
	check(sadb_count(rig.iface.db) <= RIG_CAPACITY, "more SAs than fit");
	close(fd);
	serve(rig.fixture);
	send_text(rig.fd, status, sizeof(status));
	json_decref(reply(rig.fixture, rig.fd));
	restore();
	return 0;
}
