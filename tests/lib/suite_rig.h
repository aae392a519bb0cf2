/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bench for tests of the ESP path with each suite in each mode: an SA, and plaintexts whose opened form is
 * known.
 */
#ifndef XESP_TESTS_SUITE_RIG_H
#define XESP_TESTS_SUITE_RIG_H

#include "tests/lib/esp_rig.h"
#include "tests/lib/suites.h"

/* All modes, to be counted through. */
extern const enum sa_mode suite_modes[3];
#define SUITE_MODES 3

struct suite_rig {
	struct esp_rig rig;
	struct suite suite;
	enum sa_mode mode;
};

/* Params of an SA with this suite; in BEET mode between IPv4 hosts. */
struct sa_params suite_params(const struct suite *suite, enum sa_mode mode);
/* The SA with these params. `provider` NULL: as in esp_rig_setup(). */
void suite_rig_setup(struct suite_rig *rig, const struct suite *suite, const struct sa_params *params,
		     const struct crypto_provider *provider);
/* Another SA, perhaps of another suite, in place of the rig's. */
void suite_rig_change(struct suite_rig *rig, const struct suite *suite, const struct sa_params *params);
void suite_rig_teardown(struct suite_rig *rig);
/* Says which suite and mode it was, and fails. */
void suite_rig_fail(const struct suite_rig *rig, const char *what, size_t number) __attribute__((noreturn));

/* Plaintext without padding and trailer, of 28 bytes or more, that every mode delivers; the next header that
 * goes with it. Returns its length, which is `len`. */
size_t suite_payload(const struct suite_rig *rig, size_t len, uint8_t *out, uint8_t *ret_next_header);
/* The least padding that makes `len` bytes of payload and the trailer whole for the suite. */
uint8_t suite_padding(const struct suite_rig *rig, size_t len);
/* Seals such a plaintext with the next number. */
struct esp_packet suite_seal(struct suite_rig *rig, size_t slot, size_t len);
/* True if the packet is what suite_seal() sealed. */
bool suite_is_plain(const struct suite_rig *rig, const struct esp_packet *packet, size_t len);

#endif
