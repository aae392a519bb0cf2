/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts what a function does, exactly and on any machine: it runs in a child that is stepped from
 * instruction to instruction, so no counter of the CPU is needed, which virtual machines often lack. x86-64.
 */
#ifndef XESP_TESTS_STEPPER_H
#define XESP_TESTS_STEPPER_H

#include <stdint.h>

struct step_counts {
	uint64_t instructions; /* but for those of the crypto libraries; a string instruction counts each time
				  round */
	uint64_t crypto;       /* those */
	uint64_t calls;	       /* of the system */
	uint64_t allocations;  /* malloc, its relatives, and free */
};

/* Calls work(arg). -EOPNOTSUPP where the process cannot be stepped; work was called or not then. One thread
 * only. */
int step_count(void (*work)(void *arg), void *arg, struct step_counts *ret_counts);

#endif
