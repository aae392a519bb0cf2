/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xespd: reads its options, and is the loader; or, executed by it, the engine (see docs/ARCHITECTURE.md).
 */
#include <argp.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/engine.h"
#include "control/restore.h"
#include "control/sa_json.h"
#include "dataplane/crypto.h"
#include "dataplane/keymem.h"
#include "dataplane/state.h"
#include "host/control_socket.h"
#include "host/engine_process.h"
#include "host/loader.h"
#include "host/privileges.h"
#include "host/xdp_attach.h"

/* RFC 3948 section 4. */
#define KEEPALIVE_DEFAULT 20
#define KEEPALIVE_MAX 86400

struct options {
	const char *socket;
	const char *user; /* NULL: xesp or nobody */
	const char *tun;
	const char *sink;
	const char *inside; /* interface of the sink dev, or NULL */
	const char *crypto;
	uint32_t capacity;
	bool disabled;
	bool legacy;
	bool routes;
	bool no_mss_clamp;
	bool single; /* packets are not merged */
	enum tx_mode send;
	uint32_t keepalive; /* seconds */
	enum log_level most_verbose;
	pid_t loader; /* of which this process is the engine, or 0 */
};

const char *argp_program_version = "xespd " XESP_VERSION;

static const char doc[] =
	"Serves interfaces that `xesp attach` names: opens the ESP, in UDP or not, of the SAs that `xesp sa add` "
	"installs, and hands the packets to the host through a TUN device; what the host routes into it is "
	"sealed by outbound SAs and sent. Runs in the foreground; the log goes to standard error.";

enum {
	KEY_MAX_SAS = 256,
	KEY_SINK,
	KEY_DISABLED,
	KEY_LEGACY,
	KEY_ROUTES,
	KEY_NO_MERGE,
	KEY_KEEPALIVE,
	KEY_SEND,
	KEY_NO_MSS_CLAMP,
	KEY_ENGINE
};

static const struct argp_option argp_options[] = {
	{"socket", 's', "PATH", 0, "control socket (default " CONTROL_SOCKET_DEFAULT ")", 0},
	{"tun", 't', "NAME", 0, "TUN device that opened packets come out of (default xesp0)", 0},
	{"user", 'u', "USER", 0, "unprivileged user of the engine process (default xesp, else nobody)", 0},
	{"crypto", 'c', "PROVIDER", 0, "auto, ipsec-mb or openssl (default auto)", 0},
	{"max-sas", KEY_MAX_SAS, "N", 0, "SAs that one interface can hold (default 65536)", 0},
	{"sink", KEY_SINK, "SINK", 0,
	 "tun; dev:IFACE for a gateway: straight to and from the hosts behind that interface, and tun for all "
	 "else; or null to throw opened packets away (for measurements)",
	 0},
	{"no-merge", KEY_NO_MERGE, NULL, 0, "hand each opened packet to the host by itself", 0},
	{"send", KEY_SEND, "WAY", 0,
	 "through what sealed packets leave: auto (what is faster), xdp or packet (default auto)", 0},
	{"disabled", KEY_DISABLED, NULL, 0, "begin switched off: every packet passes until `xesp enable`", 0},
	{"routes", KEY_ROUTES, NULL, 0, "set routes into the TUN device to what outbound SAs lead to", 0},
	{"keepalive", KEY_KEEPALIVE, "SECONDS", 0,
	 "without traffic after which the NATs of outbound SAs in UDP get a keepalive (default 20, 0: never)",
	 0},
	{"no-mss-clamp", KEY_NO_MSS_CLAMP, NULL, 0,
	 "leave the segment size alone that TCP connections begin with", 0},
	{"legacy", KEY_LEGACY, NULL, 0,
	 "take SAs with DES, 3DES or MD5, which are broken or weak (RFC 8221), for old peers", 0},
	{"engine", KEY_ENGINE, "PID", OPTION_HIDDEN, "be the engine of this loader process", 0},
	{"verbose", 'v', NULL, 0, "log what libbpf and libxdp say as well", 0},
	{0},
};

static void parse_keepalive(const char *arg, struct argp_state *state, uint32_t *ret_seconds)
{
	char *end;
	unsigned long value = strtoul(arg, &end, 10);

	if (*end || end == arg || *arg == '-' || value > KEEPALIVE_MAX)
		argp_error(state, "--keepalive: value '%s': seconds, up to %u", arg, KEEPALIVE_MAX);
	*ret_seconds = (uint32_t)value;
}

static void parse_send(const char *arg, struct argp_state *state, enum tx_mode *ret_mode)
{
	for (unsigned int mode = 0; mode < TX_MODE_COUNT; mode++)
		if (!strcmp(arg, tx_mode_words[mode])) {
			*ret_mode = (enum tx_mode)mode;
			return;
		}
	argp_error(state, "--send: value '%s': auto, xdp or packet", arg);
}

static void parse_capacity(const char *arg, struct argp_state *state, uint32_t *ret_capacity)
{
	char *end;
	unsigned long value = strtoul(arg, &end, 10);

	if (*end || end == arg || value < 1 || value > XESP_SA_CAPACITY_MAX)
		argp_error(state, "--max-sas: value '%s': a number from 1 to %u", arg, XESP_SA_CAPACITY_MAX);
	*ret_capacity = (uint32_t)value;
}

/* Only the loader says this. */
static void parse_engine(const char *arg, struct argp_state *state, pid_t *ret_loader)
{
	char *end;
	unsigned long value = strtoul(arg, &end, 10);

	if (*end || !value || value != (unsigned long)getppid())
		argp_error(state, "--engine is not for use by hand");
	*ret_loader = (pid_t)value;
}

static bool is_interface_name(const char *name)
{
	return name[0] && strlen(name) < IF_NAMESIZE && !strpbrk(name, "/%");
}

static void parse_sink(const char *arg, struct argp_state *state, struct options *options)
{
	static const char dev[] = "dev:";

	options->inside = NULL;
	if (!strncmp(arg, dev, strlen(dev)) && is_interface_name(arg + strlen(dev)))
		options->inside = arg + strlen(dev);
	else if (strcmp(arg, sink_tun.name) && strcmp(arg, sink_null.name))
		argp_error(state, "--sink: value '%s': tun, dev:IFACE or null", arg);
	options->sink = arg;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 's': options->socket = arg; break;
	case 't':
		if (!is_interface_name(arg))
			argp_error(state, "--tun: value '%s': an interface name of 1 to 15 characters", arg);
		options->tun = arg;
		break;
	case 'u': options->user = arg; break;
	case 'c':
		if (!crypto_provider_by_name(arg))
			argp_error(state, "--crypto: value '%s': auto, ipsec-mb or openssl", arg);
		options->crypto = arg;
		break;
	case 'v': options->most_verbose = LOG_LEVEL_DEBUG; break;
	case KEY_DISABLED: options->disabled = true; break;
	case KEY_LEGACY: options->legacy = true; break;
	case KEY_ROUTES: options->routes = true; break;
	case KEY_NO_MSS_CLAMP: options->no_mss_clamp = true; break;
	case KEY_NO_MERGE: options->single = true; break;
	case KEY_KEEPALIVE: parse_keepalive(arg, state, &options->keepalive); break;
	case KEY_ENGINE: parse_engine(arg, state, &options->loader); break;
	case KEY_SEND: parse_send(arg, state, &options->send); break;
	case KEY_MAX_SAS: parse_capacity(arg, state, &options->capacity); break;
	case KEY_SINK: parse_sink(arg, state, options); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Signals come through descriptors. In the engine they stay blocked: a service manager sends them to both
 * processes, and the loader ends the engine when it has detached everything. */
static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP); /* the terminal closes */
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Or a socket would get the number of standard error, and the log with it. */
static int provide_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -errno : 0;
}

/* The usual 1024 are fewer than clients and queues may take; no code here uses select(). */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void log_failure(const struct failure *failure)
{
	log_error("%s: %s%s%s", failure->operation, failure->reason, failure->advice[0] ? ". Next: " : "",
		  failure->advice);
}

/* For SAs and their keys, which outlive the process, and for what workers work with: each key once more, and
 * what they make of it. Address space only: pages are taken as SAs come. */
static int open_key_memory(uint32_t capacity, struct state **ret_state)
{
	size_t keys = (XESP_IFACES_MAX + 1) * (size_t)capacity * CRYPTO_KEY_BYTES_MAX;
	size_t contexts = (XESP_IFACES_MAX * XESP_QUEUES_MAX + 1) * CRYPTO_CTX_BYTES_MAX;
	int err = keymem_reserve(keys + contexts);
	int state_err = state_open(ENGINE_FD_STATE, ret_state);

	if (state_err) {
		log_error("the memory of SAs cannot be opened: %s", strerror(-state_err));
		return state_err;
	}
	if (err || !state_locked(*ret_state))
		log_warning(
			"no memory can be set aside for keys: RLIMIT_MEMLOCK, now %lu KiB, bounds the number of SAs",
			privileges_memlock_kib());
	return 0;
}

static const struct sink_ops *sink_of(const struct options *options)
{
	if (!strcmp(options->sink, sink_null.name))
		return &sink_null;
	if (options->inside)
		return options->single ? &sink_dev_single : &sink_dev;
	return options->single ? &sink_tun_single : &sink_tun;
}

/* The group is looked up and the files of libraries are read before the root directory is an empty one. */
static int run_engine(const struct options *options)
{
	struct engine_config config = {.ipc = ENGINE_FD_IPC,
				       .listener = ENGINE_FD_LISTENER,
				       .provider = crypto_provider_by_name(options->crypto),
				       .sink = sink_of(options)};
	struct engine_user user;
	struct failure failure;

	prctl(PR_SET_NAME, "xespd"); /* or it would be "exe", as it was executed */
	log_init("engine", options->most_verbose);
	config.clients = control_socket_group();
	config.capacity = options->capacity;
	config.legacy = options->legacy;
	config.keepalive = options->keepalive;
	config.no_mss_clamp = options->no_mss_clamp;
	config.send = options->send;
	config.routes = options->routes && config.sink != &sink_null;
	config.tun = config.sink == &sink_null ? NULL : options->tun;
	config.inside = options->inside;
	sa_json_wipe_on_free();
	mallopt(M_MMAP_THRESHOLD,
		XESP_MESSAGE_MAX); /* what a thousand clients took goes back to the system */
	xdp_attach_route_messages();
	libbpf_num_possible_cpus(); /* reads /sys once, and remembers */
	if (open_key_memory(options->capacity, &config.state))
		return EXIT_FAILURE;
	if (privileges_find_user(options->user, &user, &failure) ||
	    privileges_drop(&user, options->loader, &failure)) {
		log_failure(&failure);
		return EXIT_FAILURE;
	}
	config.user = user.name;
	return engine_run(&config) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int start_engine(void *ctx, pid_t *ret_pid, int *ret_ipc)
{
	return engine_process_start(ctx, ret_pid, ret_ipc);
}

struct engine_arguments {
	char engine[32];
	char user[sizeof(((struct engine_user *)0)->name) + 8];
	char **argv; /* the caller frees it; what it points to is in here, or in that of this process */
};

/* The options of this process, with what makes it the engine in front. What is said twice counts as it was
 * said last. */
static int make_arguments(int argc, char **argv, const struct engine_user *user, struct engine_arguments *ret)
{
	ret->argv = calloc((size_t)argc + 3, sizeof(*ret->argv));
	if (!ret->argv)
		return -ENOMEM;
	snprintf(ret->engine, sizeof(ret->engine), "--engine=%d", (int)getpid());
	snprintf(ret->user, sizeof(ret->user), "--user=%s", user->name);
	ret->argv[0] = argv[0];
	ret->argv[1] = ret->engine;
	ret->argv[2] = ret->user;
	memcpy(ret->argv + 3, argv + 1, (size_t)(argc - 1) * sizeof(*ret->argv));
	return 0;
}

static int run_loader(const struct options *options, const struct engine_program *program)
{
	struct loader_config config = {.start = start_engine,
				       .start_ctx = (void *)program,
				       .capacity = options->capacity,
				       .routes = options->routes,
				       .disabled = options->disabled,
				       .inside = options->inside,
				       .transmit = options->send != TX_MODE_PACKET &&
						   strcmp(options->sink, sink_null.name) != 0,
				       .tun = strcmp(options->sink, sink_null.name) ? options->tun : NULL};

	xdp_attach_route_messages();
	return loader_run(&config) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int serve(const struct options *options, int argc, char **argv)
{
	struct engine_program program = {.listener = -1};
	struct engine_arguments arguments = {.argv = NULL};
	struct engine_user user;
	struct failure failure;
	int status = EXIT_FAILURE;
	int err;

	if (privileges_find_user(options->user, &user, &failure) ||
	    control_socket_listen(options->socket, &program.listener, &failure)) {
		log_failure(&failure);
		return EXIT_FAILURE;
	}
	err = make_arguments(argc, argv, &user, &arguments);
	program.argv = arguments.argv;
	if (!err)
		err = state_create(restore_bytes(options->capacity), &program.state);
	if (err)
		log_error("no engine can be started: %s", strerror(-err));
	else if (privileges_provide_bpffs(&failure))
		log_failure(&failure);
	else
		status = run_loader(options, &program);
	unlink(options->socket);
	free(arguments.argv);
	return status;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {argp_options, parse_option, NULL, doc, NULL, NULL, NULL};
	struct options options = {.socket = CONTROL_SOCKET_DEFAULT,
				  .tun = "xesp0",
				  .sink = "tun",
				  .crypto = "auto",
				  .capacity = XESP_SA_CAPACITY_DEFAULT,
				  .keepalive = KEEPALIVE_DEFAULT,
				  .most_verbose = LOG_LEVEL_INFO};

	if (provide_standard_files())
		return EXIT_FAILURE;
	argp_err_exit_status = 2; /* as xesp(8) and xespd(8) say */
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	block_signals();
	raise_descriptor_limit();
	if (options.loader)
		return run_engine(&options);
	log_init("loader", options.most_verbose);
	return serve(&options, argc, argv);
}
