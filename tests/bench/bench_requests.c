// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench_requests: how long a delete takes at an SA store, nobody else at work and while the worker opens
 * packets of the very SAs, at half of what it can and at all of it.
 * bench_requests SOCKET IFACE: the same by requests to an xespd whose interface is at the other end of
 * IFACE's cable, and how many SAs a second are added and deleted, one request at a time and in batches.
 * Packets are made inside the kernel, on the second CPU; the worker has the first, and whoever asks, and the
 * control thread, share both with them. Needs root; the store's cable is in a network namespace of this
 * process.
 */
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "control/sa_json.h"
#include "tests/lib/cable.h"
#include "tests/lib/figure.h"
#include "tests/lib/live_esp.h"
#include "tests/lib/live_worker.h"
#include "tests/lib/stopwatch.h"

#define CPU_RECEIVES 0
#define CPU_SENDS 1
#define TRAFFIC_SAS LIVE_TEMPLATES /* a packet in 64 is of the SA that is deleted */
#define CHUNK 512 /* frames made in one go: at half of the most, what an interrupt may bring */
#define ROUNDS 5
#define ROUNDS_QUICK 1
#define DELETES 500  /* a round and load, */
#define SECONDS 1.5  /* or as many as there is time for */
#define PAUSE_US 500 /* between them: who asks has other things to do, and the worker goes on */
#define SETTLE_US 50000
#define SAS 2000 /* added and deleted in a round */
#define BATCH 64 /* requests written together */
#define ANSWER_MAX 65536

enum load { LOAD_IDLE, LOAD_FULL, LOAD_HALF, LOADS };

static const char *const load_names[LOADS] = {"idle", "full", "half"};

/* Who deletes SAs and adds them again: each function -errno. */
struct target {
	const char *name;
	int (*add)(void *ctx, uint32_t sa);
	int (*del)(void *ctx, uint32_t sa);
	int (*opened)(void *ctx, double *ret_packets);
	void *ctx;
};

struct generator {
	struct live_frames frames;
	double rate; /* packets a second; 0: what goes */
	pthread_t thread;
	_Atomic bool stop;
};

struct latencies {
	double us[LOADS][ROUNDS * DELETES];
	size_t count[LOADS];
	double opened[LOADS][ROUNDS]; /* packets a second meanwhile */
};

/* ---- packets ------------------------------------------------------------------------------------------- */

/* Sleeps when it is ahead, as a network card leaves a CPU alone until there is something. */
static void *generate(void *arg)
{
	struct generator *generator = arg;
	double begin = stopwatch_wall(), sent = 0, ahead;

	cable_stay_on(CPU_SENDS);
	while (!atomic_load(&generator->stop) && !live_frames_send(&generator->frames, CHUNK)) {
		sent += CHUNK;
		ahead = generator->rate > 0 ? sent / generator->rate - (stopwatch_wall() - begin) : 0;
		if (ahead > 0)
			usleep((useconds_t)(ahead * 1e6));
	}
	return NULL;
}

static int start_load(struct generator *generator, enum load load, double rate)
{
	if (load == LOAD_IDLE)
		return 0;
	generator->rate = load == LOAD_HALF ? rate : 0;
	atomic_store(&generator->stop, false);
	return -pthread_create(&generator->thread, NULL, generate, generator);
}

static void stop_load(struct generator *generator, enum load load)
{
	if (load == LOAD_IDLE)
		return;
	atomic_store(&generator->stop, true);
	pthread_join(generator->thread, NULL);
}

/* ---- latency of a delete ------------------------------------------------------------------------------- */

/* Each SA in turn; it is added again before the next. */
static int delete_for_a_while(const struct target *target, double *us, size_t *count)
{
	double begin = stopwatch_wall(), start;
	size_t first = *count;
	int err = 0;

	while (!err && *count - first < DELETES && stopwatch_wall() - begin < SECONDS) {
		uint32_t sa = (uint32_t)(*count % TRAFFIC_SAS);

		start = stopwatch_wall();
		err = target->del(target->ctx, sa);
		us[(*count)++] = (stopwatch_wall() - start) * 1e6;
		if (!err)
			err = target->add(target->ctx, sa);
		usleep(PAUSE_US);
	}
	return err;
}

static int measure_load(const struct target *target, struct generator *generator, enum load load,
			size_t round, struct latencies *latencies)
{
	double before, after, start;
	int err = start_load(generator, load, latencies->opened[LOAD_FULL][round] / 2);

	if (err)
		return err;
	usleep(SETTLE_US);
	start = stopwatch_wall();
	err = target->opened(target->ctx, &before);
	if (!err)
		err = delete_for_a_while(target, latencies->us[load], &latencies->count[load]);
	if (!err)
		err = target->opened(target->ctx, &after);
	if (!err)
		latencies->opened[load][round] = (after - before) / (stopwatch_wall() - start);
	stop_load(generator, load);
	return !err && load != LOAD_IDLE && after <= before ? -EIO : err;
}

static void report(const struct target *target, enum load load, size_t rounds, struct latencies *latencies)
{
	double *us = latencies->us[load];
	size_t count = latencies->count[load];
	char name[64];

	snprintf(name, sizeof(name), "requests.delete.%s.%s", target->name, load_names[load]);
	figure_rounds(name, "us", us, count);
	snprintf(name, sizeof(name), "requests.opened.%s.%s", target->name, load_names[load]);
	if (load != LOAD_IDLE)
		figure_rounds(name, "packets/s", latencies->opened[load], rounds);
	printf("%-7s %-5s median %6.0f us, ", target->name, load_names[load], figure_median(us, count));
	printf("p99 %6.0f, longest %6.0f of %zu deletes", us[count * 99 / 100], us[count - 1], count);
	if (load != LOAD_IDLE)
		printf("; %.2f M packets a second opened",
		       figure_median(latencies->opened[load], rounds) / 1e6);
	printf("\n");
}

static int measure_deletes(const struct target *target, struct generator *generator)
{
	CLEANUP_FREE struct latencies *latencies = calloc(1, sizeof(*latencies));
	size_t rounds = figure_quick() ? ROUNDS_QUICK : ROUNDS;
	int err = latencies ? 0 : -ENOMEM;

	for (uint32_t sa = 0; sa < TRAFFIC_SAS && !err; sa++)
		err = target->add(target->ctx, sa);
	for (size_t round = 0; round < rounds && !err; round++)
		for (enum load load = 0; load < LOADS && !err; load++)
			err = measure_load(target, generator, load, round, latencies);
	for (enum load load = 0; load < LOADS && !err; load++)
		report(target, load, rounds, latencies);
	return err;
}

/* ---- the store ----------------------------------------------------------------------------------------- */

static int store_add(void *ctx, uint32_t number)
{
	const struct live_worker *worker = ctx;
	const struct sa_params params = live_esp_params(number);
	const struct sa *sa;
	const char *what;

	return sadb_add(worker->db, &params, &sa, &what);
}

static int store_del(void *ctx, uint32_t number)
{
	const struct live_worker *worker = ctx;
	const struct sa_params params = live_esp_params(number);

	return sadb_del(worker->db, params.spi, &params.dst);
}

static int store_opened(void *ctx, double *ret_packets)
{
	*ret_packets = (double)live_worker_count(ctx, XESP_REASON_DELIVERED);
	return 0;
}

static int measure_store(struct esp_rig *rig)
{
	struct cable cable;
	struct generator generator = {.frames = {.map = -1, .prog = -1, .link = -1}};
	struct live_worker worker;
	const struct target target = {"store", store_add, store_del, store_opened, &worker};
	struct live_worker_config config = {.link = &cable.link,
					    .provider = rig->provider,
					    .crypto = rig->crypto,
					    .capacity = TRAFFIC_SAS,
					    .sink = &sink_null,
					    .cpu = CPU_RECEIVES};
	int err = cable_new(&cable);

	if (!err)
		err = live_esp_open(rig, cable.sender, 0, TRAFFIC_SAS, &generator.frames);
	if (err)
		return err;
	err = live_worker_start(&config, &worker);
	if (!err)
		err = measure_deletes(&target, &generator);
	live_worker_stop(&worker);
	live_frames_close(&generator.frames);
	return err;
}

/* ---- requests ------------------------------------------------------------------------------------------ */

struct connection {
	int fd;
	const char *add[SAS]; /* calls, ended by NUL */
	const char *del[SAS];
	char answers[ANSWER_MAX];
	size_t used; /* of them */
};

static int open_connection(const char *path, int *ret_fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* NULL if memory ran out. */
static const char *call_text(const char *method, json_t *parameters)
{
	json_t *call = json_pack("{s:s, s:o}", "method", method, "parameters", parameters);
	const char *text = call ? json_dumps(call, JSON_COMPACT) : NULL;

	json_decref(call);
	return text;
}

static int write_calls(struct connection *connection)
{
	for (uint32_t i = 0; i < SAS; i++) {
		struct sa_params params = live_esp_params(i);
		char dst[IP_ADDR_TEXT_MAX];

		connection->add[i] =
			call_text("org.xesp.AddSa", json_pack("{s:o}", "sa", sa_json_encode(&params, true)));
		connection->del[i] = call_text(
			"org.xesp.DeleteSa", json_pack("{s:s, s:I}", "dst", ip_addr_format(&params.dst, dst),
						       "spi", (json_int_t)params.spi));
		if (!connection->add[i] || !connection->del[i])
			return -ENOMEM;
	}
	return 0;
}

static int send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent < 0)
			return -errno;
		data += sent;
		len -= (size_t)sent;
	}
	return 0;
}

/* Waits for so many answers, the last of which is `*ret_last` until the next call. -EBADMSG: a refusal. */
static int take_answers(struct connection *connection, size_t count, const char **ret_last)
{
	const char *answer = connection->answers, *end;

	connection->used = 0;
	for (;;) {
		ssize_t got = recv(connection->fd, connection->answers + connection->used,
				   sizeof(connection->answers) - connection->used, 0);

		if (got <= 0)
			return got ? -errno : -ECONNRESET;
		connection->used += (size_t)got;
		for (;
		     (end = memchr(answer, '\0', (size_t)(connection->answers + connection->used - answer)));
		     answer = end + 1) {
			if (strstr(answer, "\"error\"")) {
				fprintf(stderr, "bench_requests: %s\n", answer);
				return -EBADMSG;
			}
			*ret_last = answer;
			if (!--count)
				return 0;
		}
	}
}

/* Calls that go out together. */
static int call(struct connection *connection, const char *const *calls, size_t count, const char **ret_last)
{
	char batch[BATCH * 1024];
	size_t used = 0;
	int err;

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(calls[i]) + 1;

		if (used + len > sizeof(batch))
			return -EMSGSIZE;
		memcpy(batch + used, calls[i], len);
		used += len;
	}
	err = send_all(connection->fd, batch, used);
	return err ? err : take_answers(connection, count, ret_last);
}

static int socket_add(void *ctx, uint32_t sa)
{
	struct connection *connection = ctx;
	const char *ignored;

	return call(connection, &connection->add[sa], 1, &ignored);
}

static int socket_del(void *ctx, uint32_t sa)
{
	struct connection *connection = ctx;
	const char *ignored;

	return call(connection, &connection->del[sa], 1, &ignored);
}

static int socket_opened(void *ctx, double *ret_packets)
{
	static const char *const stats = "{\"method\": \"org.xesp.Stats\"}";
	struct connection *connection = ctx;
	const char *answer;
	json_t *counters, *counter, *message;
	int err = call(connection, &stats, 1, &answer);
	size_t i;

	if (err)
		return err;
	message = json_loads(answer, 0, NULL);
	counters = json_object_get(
		json_array_get(json_object_get(json_object_get(message, "parameters"), "interfaces"), 0),
		"counters");
	*ret_packets = 0;
	json_array_foreach (counters, i, counter)
		if (json_integer_value(json_object_get(counter, "number")) == XESP_REASON_DELIVERED)
			*ret_packets = json_number_value(json_object_get(counter, "packets"));
	err = json_is_array(counters) ? 0 : -EBADMSG;
	json_decref(message);
	return err;
}

/* A second. */
static int measure_calls(struct connection *connection, const char *const *calls, size_t batch,
			 double *ret_rate)
{
	double start = stopwatch_wall();
	const char *ignored;
	int err = 0;

	for (size_t i = 0; i < SAS && !err; i += batch)
		err = call(connection, calls + i, batch < SAS - i ? batch : SAS - i, &ignored);
	*ret_rate = SAS / (stopwatch_wall() - start);
	return err;
}

static int measure_rates(struct connection *connection)
{
	static const struct {
		const char *name;
		bool del;
		size_t batch;
	} kinds[] = {{"adds.single", false, 1},
		     {"deletes.single", true, 1},
		     {"adds.batched", false, BATCH},
		     {"deletes.batched", true, BATCH}};
	double rates[ARRAY_SIZE(kinds)][ROUNDS];
	char name[64];
	int err = 0;

	for (size_t round = 0; round < ROUNDS && !err; round++)
		for (size_t i = 0; i < ARRAY_SIZE(kinds) && !err; i++)
			err = measure_calls(connection, kinds[i].del ? connection->del : connection->add,
					    kinds[i].batch, &rates[i][round]);
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !err; i++) {
		snprintf(name, sizeof(name), "requests.%s", kinds[i].name);
		figure_rounds(name, "a second", rates[i], ROUNDS);
		printf("%-22s %7.0f a second\n", kinds[i].name, figure_median(rates[i], ROUNDS));
	}
	return err;
}

static int measure_requests(struct esp_rig *rig, const char *path, const char *iface)
{
	CLEANUP_FREE struct connection *connection = calloc(1, sizeof(*connection));
	struct generator generator = {.frames = {.map = -1, .prog = -1, .link = -1}};
	const struct target target = {"socket", socket_add, socket_del, socket_opened, connection};
	int err = connection ? open_connection(path, &connection->fd) : -ENOMEM;

	if (err)
		return err;
	err = write_calls(connection);
	if (!err)
		err = measure_rates(connection);
	if (!err)
		err = live_esp_open(rig, if_nametoindex(iface), 0, TRAFFIC_SAS, &generator.frames);
	if (!err)
		err = measure_deletes(&target, &generator);
	live_frames_close(&generator.frames);
	for (size_t i = 0; i < SAS; i++) {
		free((void *)connection->add[i]);
		free((void *)connection->del[i]);
	}
	close(connection->fd);
	return err;
}

int main(int argc, char **argv)
{
	const struct sa_params params = live_esp_params(0);
	struct esp_rig rig;
	int err;

	if (argc != 1 && argc != 3) {
		fprintf(stderr, "usage: bench_requests [SOCKET IFACE]\n");
		return 2;
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		fprintf(stderr, "bench_requests: needs two CPUs, one that sends and one that receives\n");
		return FIGURE_LEFT_OUT;
	}
	esp_rig_setup(&rig, &params, NULL);
	err = argc == 3 ? measure_requests(&rig, argv[1], argv[2]) : measure_store(&rig);
	esp_rig_teardown(&rig);
	if (err)
		fprintf(stderr, "bench_requests: %s%s\n", strerror(-err),
			err == -EPERM ? ": needs root" : "");
	return err != 0;
}
