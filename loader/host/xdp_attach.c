/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process, which has one thread. */
#include "host/xdp_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bpf/xesp.skel.h"
#include "host/classifier_bpf.h"
#include "host/classifier_table.h"
#include "host/fd_mark.h"
#include "host/link.h"

#define PROGRAM_NAME "xesp_classify"
#define PROGRAM_SECTION "xdp.frags"
#define SKIP_DISPATCHER "LIBXDP_SKIP_DISPATCHER" /* libxdp looks for it in the environment */

struct xdp_attachment {
	struct xesp_bpf *skel;
	struct xdp_program *program;
	char dev[IF_NAMESIZE];
	int ifindex;
	enum xdp_attach_mode mode;
	bool dispatcher;
	uint32_t hook_id; /* of the program on the hook that is the classifier, or a dispatcher with it */
};

/* The kernel's own words for the last refusal (netlink extended ack), which libbpf only prints. Its print
 * callback has no argument of ours, hence a variable of this file. */
static char kernel_words[160];

static void remember_kernel_words(const char *line)
{
	static const char prefix[] = "Kernel error message: ";
	const char *words = strstr(line, prefix);

	if (!words)
		return;
	snprintf(kernel_words, sizeof(kernel_words), "%s", words + sizeof(prefix) - 1);
	kernel_words[strcspn(kernel_words, "\n")] = '\0';
}

__attribute__((format(printf, 1, 0))) static int print_line(const char *format, va_list args)
{
	char line[512];

	vsnprintf(line, sizeof(line), format, args);
	remember_kernel_words(line);
	log_debug("%s", line);
	return 0;
}

__attribute__((format(printf, 2, 0))) static int print_libbpf(enum libbpf_print_level level,
							      const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : print_line(format, args);
}

__attribute__((format(printf, 2, 0))) static int print_libxdp(enum libxdp_print_level level,
							      const char *format, va_list args)
{
	return level == LIBXDP_DEBUG ? 0 : print_line(format, args);
}

void xdp_attach_route_messages(void)
{
	libbpf_set_print(print_libbpf);
	libxdp_set_print(print_libxdp);
}

/* ---- what is on the hook already ------------------------------------------------------------------- */

static void program_name(uint32_t id, char *name, size_t size)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	name[0] = '\0';
	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len))
		snprintf(name, size, "%s", info.name);
	cleanup_fd(&fd);
}

/* Name of the program on the hook, or "" if there is none or it cannot be read. */
static void program_on_hook(int ifindex, char *name, size_t size)
{
	uint32_t id = 0;

	name[0] = '\0';
	if (!bpf_xdp_query_id(ifindex, 0, &id) && id)
		program_name(id, name, size);
}

/* The caller made sure that no living xespd serves the interface, so a classifier of ours there was left
 * by one that died. Its sockets are closed, it passes everything; it only stands in the way. */
static void detach_leftover(const char *dev, int ifindex)
{
	struct xdp_multiprog *multi = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *program = NULL;
	struct xdp_program *ours = NULL;

	if (!multi || libxdp_get_error(multi))
		return;
	if (xdp_multiprog__is_legacy(multi)) {
		program = xdp_multiprog__main_prog(multi);
		if (program && !strcmp(xdp_program__name(program), PROGRAM_NAME) &&
		    !xdp_multiprog__detach(multi))
			log_warning("%s: removed the XDP program that an earlier xespd left attached", dev);
		xdp_multiprog__close(multi);
		return;
	}
	while ((program = xdp_multiprog__next_prog(program, multi)))
		if (!strcmp(xdp_program__name(program), PROGRAM_NAME))
			ours = program;
	if (ours && !xdp_program__detach(ours, ifindex, xdp_multiprog__attach_mode(multi), 0))
		log_warning("%s: removed the XDP program that an earlier xespd left attached", dev);
	xdp_multiprog__close(multi);
}

static void remove_leftover(const char *dev, int ifindex)
{
	struct fd_mark mark;

	fd_mark_set(&mark);
	detach_leftover(dev, ifindex);
	fd_mark_close_later(&mark);
}

static bool has_dispatcher(int ifindex)
{
	struct xdp_multiprog *multi;
	struct fd_mark mark;
	bool found = false;

	fd_mark_set(&mark);
	multi = xdp_multiprog__get_from_ifindex(ifindex);
	if (multi && !libxdp_get_error(multi)) {
		found = !xdp_multiprog__is_legacy(multi);
		xdp_multiprog__close(multi);
	}
	fd_mark_close_later(&mark);
	return found;
}

/* ---- attach ----------------------------------------------------------------------------------------- */

/* The program finds its switches from the first packet on: a map that exists before the program is loaded. */
static int fill_config(const struct xesp_bpf *skel, const struct xesp_config *config)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = bpf_map__map_flags(skel->maps.xesp_config));
	CLEANUP_FD int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xesp_config", sizeof(uint32_t),
					   sizeof(*config), 1, &opts);
	uint32_t key = 0;

	if (fd < 0 || bpf_map_update_elem(fd, &key, config, BPF_ANY))
		return -errno;
	return bpf_map__reuse_fd(skel->maps.xesp_config, fd);
}

/* To a TUN or TAP device's native program what a virtual machine left to be cut comes as in generic mode. */
static bool gets_pieces(const char *dev, enum xdp_attach_mode mode)
{
	return mode == XDP_MODE_SKB || link_has_driver(dev, "tun");
}

static int open_object(const struct xdp_attach_request *request, bool pieces,
		       struct xdp_attachment *attachment)
{
	int err = classifier_bpf_open(request->capacity, &attachment->skel);

	if (!err)
		err = classifier_bpf_set_inside(attachment->skel, request->inside_tun, request->inside_mac,
						pieces);
	if (!err)
		err = fill_config(attachment->skel, &request->config);
	if (err)
		return err;
	attachment->program = xdp_program__from_bpf_obj(attachment->skel->obj, PROGRAM_SECTION);
	if (libxdp_get_error(attachment->program)) {
		err = (int)libxdp_get_error(attachment->program);
		attachment->program = NULL;
		return err;
	}
	/* For drivers with an MTU above a page: the classifier takes packets in several buffers, and passes
	 * them where the sockets do not. */
	return xdp_program__set_xdp_frags_support(attachment->program, true);
}

static void close_object(struct xdp_attachment *attachment)
{
	if (attachment->program)
		xdp_program__close(attachment->program);
	attachment->program = NULL;
	if (attachment->skel)
		xesp_bpf__destroy(attachment->skel);
	attachment->skel = NULL;
}

int xdp_set_config(struct xdp_attachment *attachment, const struct xesp_config *config)
{
	uint32_t key = 0;

	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): without a skeleton, open_object() failed */
	return bpf_map_update_elem(bpf_map__fd(attachment->skel->maps.xesp_config), &key, config, BPF_ANY)
		       ? -errno
		       : 0;
}

static uint32_t hook_flag(enum xdp_attach_mode mode)
{
	return mode == XDP_MODE_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
}

static int attach_once(const struct xdp_attach_request *request, enum xdp_attach_mode mode,
		       struct xdp_attachment *attachment)
{
	struct fd_mark mark;
	int err;

	kernel_words[0] = '\0';
	fd_mark_set(&mark);
	err = open_object(request, gets_pieces(request->dev, mode), attachment);
	if (!err)
		err = xdp_program__attach(attachment->program, attachment->ifindex, mode, 0);
	if (err) {
		close_object(attachment);
		fd_mark_close_later(&mark);
		return err;
	}
	attachment->mode = mode;
	attachment->dispatcher = has_dispatcher(attachment->ifindex);
	bpf_xdp_query_id(attachment->ifindex, (int)hook_flag(mode), &attachment->hook_id);
	return 0;
}

static bool hook_is_taken(int err)
{
	return err == -EBUSY || err == -EEXIST;
}

/* From 6.13 on, and in newer releases of 6.12, the kernel refuses a program that changes packet data
 * (metadata are that) in the place of one that does not, which is all that the dispatcher of libxdp 1.3 has.
 * libxdp goes without a dispatcher by itself only where its own test program, which changes nothing, is
 * refused. */
static int attach_mode(const struct xdp_attach_request *request, enum xdp_attach_mode mode,
		       struct xdp_attachment *attachment)
{
	int err = attach_once(request, mode, attachment);

	if (!err || hook_is_taken(err) || err == -EPERM || getenv(SKIP_DISPATCHER))
		return err;
	log_debug("%s: %s, once more without libxdp's dispatcher", request->dev, strerror(-err));
	if (setenv(SKIP_DISPATCHER, "1", 1))
		return err;
	err = attach_once(request, mode, attachment);
	unsetenv(SKIP_DISPATCHER);
	return err;
}

static int attach_failed(const char *dev, int ifindex, bool native_only, int err, struct failure *ret_failure)
{
	char other[BPF_OBJ_NAME_LEN + 1];

	if (hook_is_taken(err)) {
		program_on_hook(ifindex, other, sizeof(other));
		if (!other[0] && kernel_words[0])
			return failure_set(
				ret_failure, -err, "attach XDP program",
				"a bridge or bond above the interface can carry the program: detach "
				"that one first, or attach there only",
				"%s: %s", dev, kernel_words);
		return failure_set(
			ret_failure, -err, "attach XDP program",
			"detach the other program first (`ip link set dev IFACE xdp off`), or load it "
			"with xdp-loader so that both can run",
			"%s already carries XDP program '%s'", dev, other);
	}
	if (err == -EPERM)
		return failure_set(ret_failure, EPERM, "attach XDP program",
				   "run xespd as root, or with CAP_NET_ADMIN, CAP_BPF and CAP_NET_RAW",
				   "%s: the kernel refused to load or attach it", dev);
	return failure_set(ret_failure, -err, "attach XDP program",
			   native_only ? "try --mode generic" : "see the log of xespd with --verbose",
			   "%s: %s", dev, kernel_words[0] ? kernel_words : "no reason given");
}

int xdp_attach(const struct xdp_attach_request *request, struct xdp_attachment **ret_attachment,
	       struct failure *ret_failure)
{
	struct xdp_attachment *attachment = calloc(1, sizeof(*attachment));
	int err = -EOPNOTSUPP;

	if (!attachment)
		return failure_set(ret_failure, ENOMEM, "attach XDP program", "", "%s", request->dev);
	attachment->ifindex = (int)request->ifindex;
	snprintf(attachment->dev, sizeof(attachment->dev), "%s", request->dev);
	remove_leftover(request->dev, attachment->ifindex);
	if (request->mode != IPC_XDP_GENERIC)
		err = attach_mode(request, XDP_MODE_NATIVE, attachment);
	if (err && !hook_is_taken(err) && err != -EPERM && request->mode != IPC_XDP_NATIVE) {
		if (request->mode == IPC_XDP_AUTO)
			log_warning("%s: no native XDP (%s%s%s), attaching in generic mode, which is slower",
				    request->dev, strerror(-err), kernel_words[0] ? ": " : "", kernel_words);
		err = attach_mode(request, XDP_MODE_SKB, attachment);
	}
	if (err) {
		attach_failed(request->dev, attachment->ifindex, request->mode == IPC_XDP_NATIVE, err,
			      ret_failure);
		if (attachment->program)
			xdp_detach(attachment, false);
		else
			free(attachment);
		return err;
	}
	*ret_attachment = attachment;
	return 0;
}

/* ---- what others do to the hook ---------------------------------------------------------------------- */

/* Another program may have joined: then a new dispatcher carries both. */
static bool dispatcher_has(const struct xdp_attachment *attachment)
{
	struct xdp_multiprog *multi;
	struct xdp_program *program = NULL;
	struct fd_mark mark;
	bool found = false;

	fd_mark_set(&mark);
	multi = xdp_multiprog__get_from_ifindex(attachment->ifindex);
	if (multi && !libxdp_get_error(multi)) {
		while ((program = xdp_multiprog__next_prog(program, multi)))
			found |= xdp_program__id(program) == xdp_program__id(attachment->program);
		xdp_multiprog__close(multi);
	}
	fd_mark_close_later(&mark);
	return found;
}

void xdp_check(struct xdp_attachment *attachment, struct ipc_link_state *ret_state)
{
	uint32_t id = 0;

	ret_state->program = IPC_PROGRAM_OURS;
	ret_state->other[0] = '\0';
	if (bpf_xdp_query_id(attachment->ifindex, (int)hook_flag(attachment->mode), &id))
		return; /* nothing is known: it stays as it was */
	if (id == attachment->hook_id)
		return;
	if (id && attachment->dispatcher && dispatcher_has(attachment)) {
		attachment->hook_id = id;
		return;
	}
	program_on_hook(attachment->ifindex, ret_state->other, sizeof(ret_state->other));
	ret_state->program = id || ret_state->other[0] ? IPC_PROGRAM_REPLACED : IPC_PROGRAM_REMOVED;
}

/* The hook is empty. */
static int put_back(struct xdp_attachment *attachment, struct failure *ret_failure)
{
	uint32_t flag = hook_flag(attachment->mode);
	struct fd_mark mark;
	int err;

	kernel_words[0] = '\0';
	fd_mark_set(&mark);
	/* Where there was no dispatcher, libxdp would try to make one of a program that is loaded already. */
	err = attachment->dispatcher
		      ? xdp_program__attach(attachment->program, attachment->ifindex, attachment->mode, 0)
		      : bpf_xdp_attach(attachment->ifindex, xdp_program__fd(attachment->program),
				       flag | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	if (err)
		fd_mark_close_later(&mark);
	else
		err = bpf_xdp_query_id(attachment->ifindex, (int)flag, &attachment->hook_id);
	if (err)
		return attach_failed(attachment->dev, attachment->ifindex, true, err, ret_failure);
	return 0;
}

int xdp_reattach(struct xdp_attachment *attachment, bool *ret_changed, struct failure *ret_failure)
{
	struct ipc_link_state state;

	xdp_check(attachment, &state);
	*ret_changed = state.program != IPC_PROGRAM_OURS;
	return *ret_changed ? put_back(attachment, ret_failure) : 0;
}

int xdp_refresh(struct xdp_attachment *attachment, struct failure *ret_failure)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, ours, .old_prog_fd = xdp_program__fd(attachment->program));
	struct ipc_link_state state;

	xdp_check(attachment, &state);
	/* Other drivers give their new queues the program. */
	if (state.program != IPC_PROGRAM_OURS || attachment->dispatcher ||
	    attachment->mode != XDP_MODE_NATIVE || !link_has_driver(attachment->dev, "veth"))
		return 0;
	/* To replace a program by itself does nothing, so for a moment there is none, and packets pass. */
	if (bpf_xdp_detach(attachment->ifindex, XDP_FLAGS_DRV_MODE, &ours))
		return failure_set(ret_failure, errno, "attach XDP program", "", "new queues of %s",
				   attachment->dev);
	return put_back(attachment, ret_failure);
}

void xdp_rename(struct xdp_attachment *attachment, const char *dev)
{
	snprintf(attachment->dev, sizeof(attachment->dev), "%s", dev);
}

/* ---- detach ------------------------------------------------------------------------------------------ */

void xdp_detach(struct xdp_attachment *attachment, bool interface_gone)
{
	static const struct xesp_config pass_everything = {.enabled = 0};
	struct fd_mark mark;
	int err;

	if (!attachment)
		return;
	if (interface_gone) {
		/* It may live on in another network namespace, with the program. */
		if (attachment->skel)
			xdp_set_config(attachment, &pass_everything);
	} else {
		kernel_words[0] = '\0';
		fd_mark_set(&mark);
		err = xdp_program__detach(attachment->program, attachment->ifindex, attachment->mode, 0);
		fd_mark_close_later(&mark);
		if (err && err != -ENOENT && err != -ENODEV)
			log_error(
				"%s: the XDP program cannot be detached, and passes everything: %s%s%s; use "
				"`ip link set dev %s xdp off`",
				attachment->dev, strerror(-err), kernel_words[0] ? ": " : "", kernel_words,
				attachment->dev);
	}
	close_object(attachment);
	free(attachment);
}

int xdp_set_socket(struct xdp_attachment *attachment, uint32_t queue, int socket, struct failure *ret_failure)
{
	if (bpf_map_update_elem(bpf_map__fd(attachment->skel->maps.xesp_sockets), &queue, &socket, BPF_ANY))
		return failure_set(ret_failure, errno, "register AF_XDP socket", "", "queue %u of %s", queue,
				   attachment->dev);
	return 0;
}

void xdp_attachment_fds(const struct xdp_attachment *attachment, struct classifier_fds *ret_fds)
{
	const struct xesp_bpf *skel = attachment->skel;

	*ret_fds = classifier_bpf_fds(skel);
}

bool xdp_attachment_gets_pieces(const struct xdp_attachment *attachment)
{
	return gets_pieces(attachment->dev, attachment->mode);
}

enum ipc_xdp_mode xdp_attachment_mode(const struct xdp_attachment *attachment)
{
	return attachment->mode == XDP_MODE_NATIVE ? IPC_XDP_NATIVE : IPC_XDP_GENERIC;
}

bool xdp_attachment_has_dispatcher(const struct xdp_attachment *attachment)
{
	return attachment->dispatcher;
}
