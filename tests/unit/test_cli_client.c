/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CLI's Varlink connection against a peer that answers byte by byte as each case says: framing, limits,
 * waits, and what is left of a sent key.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The CLI is not part of libxesp.a; including the source also shows the buffers. */
#include "cli/client.c"

#define TIMEOUT_S 1

struct pair {
	struct client *client;
	int peer;
};

static void pair_open(struct pair *pair)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(client_new(fds[0], TIMEOUT_S, &pair->client), 0);
	pair->peer = fds[1];
}

static void pair_close(struct pair *pair)
{
	client_free(pair->client);
	if (pair->peer >= 0)
		close(pair->peer);
}

static void peer_says(struct pair *pair, const char *bytes, size_t len)
{
	assert_int_equal(write(pair->peer, bytes, len), (ssize_t)len);
}

#define PEER_SAYS(pair, text) peer_says(pair, text, sizeof(text) - 1)

static void sends_a_call(void **state)
{
	static const char expected[] =
		"{\"method\":\"org.xesp.ListSas\",\"parameters\":{\"spi\":1},\"more\":true}";
	CLEANUP(pair_close) struct pair pair;
	json_t *parameters = json_pack("{s:i}", "spi", 1);
	char got[200];

	(void)state;
	pair_open(&pair);
	assert_int_equal(client_send(pair.client, "org.xesp.ListSas", parameters, true), 0);
	assert_int_equal(read(pair.peer, got, sizeof(got)), sizeof(expected));
	assert_memory_equal(got, expected, sizeof(expected));
	json_decref(parameters);
}

static void keeps_no_copy_of_a_call(void **state)
{
	static const char zeros[XESP_MESSAGE_MAX];
	CLEANUP(pair_close) struct pair pair;
	json_t *parameters = json_pack("{s:s}", "key", "000102030405060708");

	(void)state;
	pair_open(&pair);
	assert_int_equal(client_send(pair.client, "org.xesp.AddSa", parameters, false), 0);
	assert_memory_equal(pair.client->tx, zeros, sizeof(zeros));
	json_decref(parameters);
}

static void refuses_a_call_that_is_too_long(void **state)
{
	static char longest[XESP_MESSAGE_MAX];
	CLEANUP(pair_close) struct pair pair;
	/* {"method":"m","parameters":{"x":""}} and the NUL take 37 bytes. */
	const size_t fits = XESP_MESSAGE_MAX - 37;
	char got;

	(void)state;
	memset(longest, 'a', sizeof(longest));
	pair_open(&pair);
	for (size_t len = fits; len <= fits + 1; len++) {
		json_t *parameters = json_pack("{s:s%}", "x", longest, len);

		assert_int_equal(client_send(pair.client, "m", parameters, false),
				 len > fits ? -EMSGSIZE : 0);
		json_decref(parameters);
	}
	for (size_t i = 0; i < XESP_MESSAGE_MAX; i++)
		assert_int_equal(recv(pair.peer, &got, 1, MSG_DONTWAIT), 1);
	assert_int_equal(got, '\0');
	assert_int_equal(recv(pair.peer, &got, 1, MSG_DONTWAIT), -1);
}

static void send_to_a_closed_peer(void **state)
{
	CLEANUP(pair_close) struct pair pair;
	json_t *parameters = json_object();

	(void)state;
	pair_open(&pair);
	close(pair.peer);
	pair.peer = -1;
	assert_int_equal(client_send(pair.client, "m", parameters, false), -ECONNRESET);
	json_decref(parameters);
}

static void send_to_a_peer_that_does_not_read(void **state)
{
	CLEANUP(pair_close) struct pair pair;
	json_t *parameters = json_object();
	int err = 0;

	(void)state;
	pair_open(&pair);
	for (int i = 0; i < 1000000 && !err; i++)
		err = client_send(pair.client, "m", parameters, false);
	assert_int_equal(err, -ETIMEDOUT);
	json_decref(parameters);
}

static void receives_a_success(void **state)
{
	CLEANUP(pair_close) struct pair pair;
	CLEANUP_REPLY struct client_reply reply = {0};

	(void)state;
	pair_open(&pair);
	PEER_SAYS(&pair, "{\"parameters\":{\"deleted\":7}}\0");
	assert_int_equal(client_receive(pair.client, &reply), 0);
	assert_null(reply.error);
	assert_false(reply.continues);
	assert_int_equal(json_integer_value(json_object_get(reply.parameters, "deleted")), 7);
}

static void receives_an_error(void **state)
{
	CLEANUP(pair_close) struct pair pair;
	CLEANUP_REPLY struct client_reply reply = {0};

	(void)state;
	pair_open(&pair);
	PEER_SAYS(&pair, "{\"error\":\"org.xesp.NotFound\"}\0");
	assert_int_equal(client_receive(pair.client, &reply), 0);
	assert_string_equal(reply.error, "org.xesp.NotFound");
	assert_int_equal(json_object_size(reply.parameters), 0);
}

/* Every way to cut two replies in two pieces. */
static void receives_pieces(void **state)
{
	static const char both[] =
		"{\"parameters\":{\"n\":1},\"continues\":true}\0{\"parameters\":{\"n\":2}}";

	(void)state;
	for (size_t cut = 0; cut <= sizeof(both); cut++) {
		CLEANUP(pair_close) struct pair pair;

		pair_open(&pair);
		peer_says(&pair, both, cut);
		for (int i = 1; i <= 2; i++) {
			CLEANUP_REPLY struct client_reply reply = {0};

			/* The rest comes once the client has looked at the first piece. */
			if (fill_rx(pair.client, now_ms()) == -ETIMEDOUT && i == 1)
				assert_int_equal(cut, 0);
			if (i == 1)
				peer_says(&pair, both + cut, sizeof(both) - cut);
			assert_int_equal(client_receive(pair.client, &reply), 0);
			assert_int_equal(json_integer_value(json_object_get(reply.parameters, "n")), i);
			assert_int_equal(reply.continues, i == 1);
		}
	}
}

static void refuses_what_is_no_reply(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"[]",
		"5",
		"null",
		"{\"parameters\":{}",
		"{\"parameters\":[]}",
		"{\"parameters\":5}",
		"{\"error\":{}}",
		"{\"error\":null}",
		"{\"continues\":1}",
		"{\"parameters\":{},\"other\":1}",
		"{\"parameters\":{},\"parameters\":{}}",
		"{\"parameters\":{\"a\":\"\\u0000\"}}",
		"\xff\xfe",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(pair_close) struct pair pair;
		struct client_reply reply = {.error = "untouched"};

		pair_open(&pair);
		peer_says(&pair, bad[i], strlen(bad[i]) + 1);
		assert_int_equal(client_receive(pair.client, &reply), -EBADMSG);
		assert_string_equal(reply.error, "untouched");
	}
}

static void receive_from_a_closed_peer(void **state)
{
	CLEANUP(pair_close) struct pair pair;
	struct client_reply reply;

	(void)state;
	pair_open(&pair);
	PEER_SAYS(&pair, "{\"parameters\":");
	close(pair.peer);
	pair.peer = -1;
	assert_int_equal(client_receive(pair.client, &reply), -ECONNRESET);
}

static void receive_in_time(void **state)
{
	CLEANUP(pair_close) struct pair pair;
	struct client_reply reply;
	int64_t start_ms = now_ms();

	(void)state;
	pair_open(&pair);
	PEER_SAYS(&pair, "{");
	assert_int_equal(client_receive(pair.client, &reply), -ETIMEDOUT);
	assert_in_range(now_ms() - start_ms, TIMEOUT_S * 1000 - 10, TIMEOUT_S * 1000 + 5000);
}

struct flood {
	int peer;
	size_t bytes; /* of spaces, which JSON ignores, before the reply */
};

static void *flood(void *arg)
{
	const struct flood *flood = arg;
	char chunk[65536];
	size_t left = flood->bytes;

	memset(chunk, ' ', sizeof(chunk));
	while (left) {
		ssize_t sent =
			send(flood->peer, chunk, left < sizeof(chunk) ? left : sizeof(chunk), MSG_NOSIGNAL);

		if (sent < 0)
			return NULL;
		left -= (size_t)sent;
	}
	send(flood->peer, "{}", 3, MSG_NOSIGNAL);
	return NULL;
}

static int receive_flood(size_t bytes)
{
	CLEANUP_REPLY struct client_reply reply = {0};
	struct pair pair;
	struct flood flood_arg;
	pthread_t thread;
	int err;

	pair_open(&pair);
	flood_arg = (struct flood){pair.peer, bytes};
	assert_int_equal(pthread_create(&thread, NULL, flood, &flood_arg), 0);
	err = client_receive(pair.client, &reply);
	client_free(pair.client);
	pthread_join(thread, NULL);
	close(pair.peer);
	return err;
}

static void receives_up_to_the_limit(void **state)
{
	(void)state;
	assert_int_equal(receive_flood(CLIENT_REPLY_MAX - 3), 0);
	assert_int_equal(receive_flood(CLIENT_REPLY_MAX - 2), -EMSGSIZE);
}

static void opens_no_path_that_is_too_long(void **state)
{
	struct sockaddr_un address;
	struct client *client = NULL;
	char path[sizeof(address.sun_path) + 1];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(client_open(path, TIMEOUT_S, &client), -ENAMETOOLONG);
	path[sizeof(path) - 2] = '\0';
	assert_int_equal(client_open(path, TIMEOUT_S, &client), -ENOENT);
	assert_null(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_a_call),
		cmocka_unit_test(keeps_no_copy_of_a_call),
		cmocka_unit_test(refuses_a_call_that_is_too_long),
		cmocka_unit_test(send_to_a_closed_peer),
		cmocka_unit_test(send_to_a_peer_that_does_not_read),
		cmocka_unit_test(receives_a_success),
		cmocka_unit_test(receives_an_error),
		cmocka_unit_test(receives_pieces),
		cmocka_unit_test(refuses_what_is_no_reply),
		cmocka_unit_test(receive_from_a_closed_peer),
		cmocka_unit_test(receive_in_time),
		cmocka_unit_test(receives_up_to_the_limit),
		cmocka_unit_test(opens_no_path_that_is_too_long),
	};

	return cmocka_run_group_tests_name("cli_client", tests, NULL, NULL);
}
