/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a test asks about its own process, and what it does in a child that root's rights can be taken from.
 * Included by programs of cmocka tests. What fails here fails the test.
 */
#ifndef XESP_TESTS_OWN_PROCESS_H
#define XESP_TESTS_OWN_PROCESS_H

#include <stddef.h>

/* Grows by one with each file descriptor that is open. */
size_t own_descriptors(void);

#define OWN_VM_FLAGS_MAX 512
/* The "VmFlags" of the mapping that holds `address`, "" if there is none. */
void own_vm_flags(const void *address, char ret_flags[OWN_VM_FLAGS_MAX]);

/* Runs `use` in a child and expects 0 of it. Without root the test is skipped. */
void own_child_of_root(int (*use)(void));

#endif
