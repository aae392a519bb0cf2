/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MACs of the integrity algorithms for tests, one packet at a time, with OpenSSL and nothing of the code
 * under test.
 */
#ifndef XESP_TESTS_ICV_H
#define XESP_TESTS_ICV_H

#include <stddef.h>
#include <stdint.h>

#include "control/algo.h"

#define ICV_FULL_MAX 64

/* The MAC of `len` bytes, as long as `auth->icv_full_bytes` says; an ICV is its beginning. `key` is as long
 * as the row says. Ends the program for an algorithm that it does not know. */
void icv_compute(const struct algo *auth, const uint8_t *key, const uint8_t *data, size_t len,
		 uint8_t ret_mac[static ICV_FULL_MAX]);

#endif
