/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bench for tests of the ESP path: one SA with its key, frames placed so that they end at an inaccessible
 * page, and the outer headers that the classifier would have seen.
 */
#ifndef XESP_TESTS_ESP_RIG_H
#define XESP_TESTS_ESP_RIG_H

#include "dataplane/esp.h"
#include "tests/lib/esp_seal.h"
#include "tests/lib/guard.h"

#define ESP_RIG_NOW 1234567 /* seconds; what last_used becomes */
#define ESP_RIG_SPI 0x1000c0de

struct esp_rig {
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
	struct sa *sa;
	struct esp_seal seal; /* the peer's side of the SA; tests set seq */
	uint8_t key[XESP_KEY_MAX];
	uint8_t auth_key[XESP_AUTH_KEY_MAX];
	struct guard frames[XESP_BURST_MAX]; /* made when used */
};

/* Outer headers: Ethernet, IP from packet_addr 2 to packet_addr 0, and by form UDP and marker. */
struct esp_rig_outer {
	uint8_t family;
	uint8_t form; /* enum xesp_form */
	uint8_t ds;
};

/* The usual ones: IPv4, RFC 3948. */
extern const struct esp_rig_outer esp_rig_udp4;

/* Params of an SA with everything optional left out: window 64, AES-128. */
struct sa_params esp_rig_params(enum sa_mode mode);
/* Gives it another suite, with keys: an AEAD with `auth` ALGO_NONE, or a cipher whose ICV is that of `auth`.
 */
void esp_rig_suite(struct sa_params *params, enum algo_id cipher, uint8_t cipher_key_bytes, enum algo_id auth,
		   uint8_t icv_bytes);

/* Creates the SA with a key of its own. `provider` NULL: libipsec-mb where it works, else OpenSSL. */
void esp_rig_setup(struct esp_rig *rig, const struct sa_params *params,
		   const struct crypto_provider *provider);
/* The same with esp_rig_params(mode). */
void esp_rig_setup_mode(struct esp_rig *rig, enum sa_mode mode);
/* Another SA in place of the rig's; cheaper than another rig. */
void esp_rig_change(struct esp_rig *rig, const struct sa_params *params);
void esp_rig_teardown(struct esp_rig *rig);

/* End of the guarded memory of `slot`. */
uint8_t *esp_rig_frame_end(struct esp_rig *rig, size_t slot);
/* Bytes in front of ESP. */
size_t esp_rig_headers(const struct esp_rig_outer *outer);
/* Puts `esp` behind outer headers, the end of the frame at the end of the guarded memory of `slot`, and says
 * so in the packet's in fields. */
struct esp_packet esp_rig_wrap(struct esp_rig *rig, size_t slot, const struct esp_rig_outer *outer,
			       const uint8_t *esp, size_t esp_len);
/* Seals `text` (with trailer) with the next sequence number and wraps it. */
struct esp_packet esp_rig_seal(struct esp_rig *rig, size_t slot, const struct esp_rig_outer *outer,
			       const uint8_t *text, size_t text_len);
/* The same with the least default padding behind `payload`. */
struct esp_packet esp_rig_seal_payload(struct esp_rig *rig, size_t slot, const struct esp_rig_outer *outer,
				       const uint8_t *payload, size_t len, uint8_t next_header);
/* Opens one packet, checks what holds for every packet, and returns its reason. */
enum xesp_reason esp_rig_open(struct esp_rig *rig, struct esp_packet *packet);
/* What holds for every opened packet: output inside the frame with headroom, or no output. */
void esp_rig_check(const struct esp_packet *packet);

#define ESP_RIG_COUNTER(rig, name) atomic_load(&(rig)->sa->counters.name)

#endif
