/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instance of the classifier on one interface: loaded, attached beside other XDP programs where the
 * kernel can (libxdp's dispatcher), else as the only one; native, else generic. Loader process only.
 */
#ifndef XESP_HOST_XDP_ATTACH_H
#define XESP_HOST_XDP_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "host/classifier.h"
#include "host/ipc.h"

struct xdp_attachment;

struct xdp_attach_request {
	const char *dev;
	uint32_t ifindex;
	enum ipc_xdp_mode mode;
	uint32_t capacity; /* SAs */
	struct xesp_config config;
	uint32_t inside_tun; /* number of the TUN device whose inside interface it is to be, or 0 */
	uint8_t inside_mac[6];
};

/* Routes the messages of libbpf and libxdp to the log, at debug level. Call once. */
void xdp_attach_route_messages(void);

/* Loads and attaches. A program of an xespd that ended without detaching is replaced; anything else that
 * occupies the hook is left alone and named in the failure. */
int xdp_attach(const struct xdp_attach_request *request, struct xdp_attachment **ret_attachment,
	       struct failure *ret_failure);
/* Whether the classifier is on its hook still; if not, the name of what is there instead, if it has one, goes
 * to `ret_state->other`. */
void xdp_check(struct xdp_attachment *attachment, struct ipc_link_state *ret_state);
/* Puts the same classifier, with its maps, back onto a hook that it was taken from. `*ret_changed`: it was
 * not there. */
int xdp_reattach(struct xdp_attachment *attachment, bool *ret_changed, struct failure *ret_failure);
/* For a driver that leaves queues without the program which came after it (veth, also in Linux 6.18):
 * attaches it anew. The hook is empty for a moment. */
int xdp_refresh(struct xdp_attachment *attachment, struct failure *ret_failure);
/* The interface's name is another one now; for messages only. */
void xdp_rename(struct xdp_attachment *attachment, const char *dev);
/* Detaches unless the interface is gone, and frees; NULL-safe. Logs what fails. */
void xdp_detach(struct xdp_attachment *attachment, bool interface_gone);

/* Puts an AF_XDP socket into the map, so that redirects of its queue reach it. */
int xdp_set_socket(struct xdp_attachment *attachment, uint32_t queue, int socket,
		   struct failure *ret_failure);
/* The switches of the classifier. */
int xdp_set_config(struct xdp_attachment *attachment, const struct xesp_config *config);
/* The descriptors stay the attachment's. */
void xdp_attachment_fds(const struct xdp_attachment *attachment, struct classifier_fds *ret_fds);
enum ipc_xdp_mode xdp_attachment_mode(const struct xdp_attachment *attachment);
/* Whether UDP segments that are to be cut (UDP GSO) can come in one piece: to XDP in generic mode, and to a
 * TUN or TAP device in either. */
bool xdp_attachment_gets_pieces(const struct xdp_attachment *attachment);
bool xdp_attachment_has_dispatcher(const struct xdp_attachment *attachment);

#endif
