/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program is written in instructions, so that it needs no compiler and no object of its own.
 */
#include "tests/lib/live_frames.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BATCH 64
#define FRAME_MIN 14
#define LOOPBACK 1 /* ifindex, of every network namespace */

#define INSN(c, d, s, o, i) \
	{ \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}
#define MOVE(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SET(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define AND(d, i) INSN(BPF_ALU64 | BPF_AND | BPF_K, d, 0, 0, i)
#define LOAD(d, s, o) INSN(BPF_LDX | BPF_MEM | BPF_W, d, s, o, 0)
#define STORE(d, s, o) INSN(BPF_STX | BPF_MEM | BPF_W, d, s, o, 0)
#define CALL(function) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define IF_ZERO(d, o) INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, 0)
#define IF_LESS(d, i, o) INSN(BPF_JMP | BPF_JLT | BPF_K, d, 0, o, i)
#define IF_MORE(d, i, o) INSN(BPF_JMP | BPF_JGT | BPF_K, d, 0, o, i)
#define MAP(d, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define END INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* r6: context; r7: this template's number; r8: the template. The frame is as long as the longest when it
 * comes. */
static int load(int map, uint32_t longest, uint32_t ifindex)
{
	const struct bpf_insn insns[] = {
		MOVE(6, 1),
		SET(1, 0),
		STORE(10, 1, -4),
		MAP(1, map),
		MOVE(2, 10),
		ADD(2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		IF_ZERO(0, 29),
		LOAD(7, 0, 4),
		MOVE(1, 7),
		ADD(1, 1),
		STORE(0, 1, 4),
		AND(7, LIVE_TEMPLATES - 1),
		STORE(10, 7, -4),
		MAP(1, map),
		MOVE(2, 10),
		ADD(2, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		IF_ZERO(0, 17),
		MOVE(8, 0),
		MOVE(1, 6),
		LOAD(2, 8, 0),
		ADD(2, -(int)longest),
		CALL(BPF_FUNC_xdp_adjust_tail),
		LOAD(4, 8, 0),
		IF_LESS(4, FRAME_MIN, 10),
		IF_MORE(4, LIVE_TEMPLATE_BYTES, 9),
		MOVE(1, 6),
		SET(2, 0),
		MOVE(3, 8),
		ADD(3, 8),
		CALL(BPF_FUNC_xdp_store_bytes),
		SET(1, (int)ifindex),
		SET(2, 0),
		CALL(BPF_FUNC_redirect),
		END,
		SET(0, XDP_DROP), /* where the jumps lead */
		END,
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "live", "Dual BSD/GPL", insns, ARRAY_SIZE(insns), NULL);
}

/* The kernel makes a program that it is to run known to its dispatcher of XDP programs, and waits for all
 * CPUs before and after: 25 ms a call, whatever the call does. One that is attached somewhere is known
 * already; at the loopback device nothing comes in. */
static int keep_known(struct live_frames *live)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_SKB_MODE);

	live->link = bpf_link_create(live->prog, LOOPBACK, BPF_XDP, &opts);
	return live->link < 0 ? live->link : 0;
}

int live_frames_open(struct live_frames *live, uint32_t ifindex, const struct live_template *templates)
{
	int err = 0;

	*live = (struct live_frames){.prog = -1, .link = -1};
	live->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "live", 4, sizeof(*templates), LIVE_TEMPLATES, NULL);
	if (live->map < 0)
		return live->map;
	for (uint32_t i = 0; i < LIVE_TEMPLATES && !err; i++) {
		live->longest = templates[i].len > live->longest ? templates[i].len : live->longest;
		err = bpf_map_update_elem(live->map, &i, &templates[i], BPF_ANY);
	}
	if (!err) {
		live->prog = load(live->map, live->longest, ifindex);
		err = live->prog < 0 ? live->prog : keep_known(live);
	}
	if (err)
		live_frames_close(live);
	return err;
}

int live_frames_send(const struct live_frames *live, uint32_t count)
{
	uint8_t frame[LIVE_TEMPLATE_BYTES] = {0};
	struct xdp_md context = {.data_end = live->longest};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = live->longest,
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = (int)count,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

	return bpf_prog_test_run_opts(live->prog, &opts);
}

void live_frames_close(struct live_frames *live)
{
	cleanup_fd(&live->link);
	cleanup_fd(&live->prog);
	cleanup_fd(&live->map);
	live->link = live->prog = live->map = -1;
}
