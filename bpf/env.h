/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the steps need from the world around them. The same steps run in the kernel (maps.h) and, for
 * `xesp explain`, tests and fuzzing, in a process without privileges (native.h), and for packets that came
 * out of a tunnel, in the data plane (inner.h, which needs no counter_get). All define
 *
 *   CTX                     what a packet is
 *   frame_begin, frame_end  its bytes, as far as they can be read directly
 *   frame_length            all its bytes, XDP fragments included
 *   config_get, parser_get  table lookups, NULL if there is nothing
 *   destination_known       true if an SA has this destination address
 *   sa_element              an element of a family's SA table, NULL behind the last
 *   counter_get             the counter of a reason
 *   csum_add                adds 4 to CSUM_CHUNK bytes, a multiple of 4, to an Internet checksum
 *   csum_load               adds 1 to CSUM_CHUNK bytes of the frame, wherever they lie; 0: they are not there
 *   socket_redirect         true if the receive queue has an AF_XDP socket, to which the packet then goes
 *   meta_reserve            exactly sizeof(struct xesp_meta) bytes in front of the frame, or NULL
 *   audit_no_sa             tells whoever listens about ESP without an SA
 *   GLOBAL_STEP             declares a step that the verifier checks once, for any arguments, instead of once
 *                           for each way that leads to it
 */
#ifndef XESP_BPF_ENV_H
#define XESP_BPF_ENV_H

/* Hides from the compiler where a value comes from: it neither computes it twice, while the verifier only
 * believes the copy that was compared, nor finds a mask superfluous. */
#define ONE_COPY(value) __asm__ volatile("" : "+r"(value))

#define CSUM_CHUNK 512u /* the most that bpf_csum_diff takes before kernel 6.13 */

#if defined(XESP_NATIVE)
#include "native.h"
#elif defined(XESP_INNER)
#include "inner.h"
#else
#include "maps.h"
#endif

#endif
