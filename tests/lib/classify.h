/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A classifier filled the same way for every test, and what a run of a frame must come to. For cmocka tests:
 * a run that fails its expectations fails the test.
 */
#ifndef XESP_TESTS_CLASSIFY_H
#define XESP_TESTS_CLASSIFY_H

#include "frame.h"
#include "host/classifier.h"

#define CLASSIFY_CAPACITY 64
#define CLASSIFY_PACKET_MAX 1600
#define CLASSIFY_PORT 4500	/* RFC 3948 entry */
#define CLASSIFY_PORT_DRAFT 500 /* IKE-type entry */
#define CLASSIFY_PORT_BOTH 4501 /* both */
#define CLASSIFY_PORT_NONE 4502
#define CLASSIFY_PARSER 11
#define CLASSIFY_PARSER_DRAFT 12
#define CLASSIFY_SPI 0x1001	   /* of the entry on port 4500 */
#define CLASSIFY_SPI_DRAFT 0x1002  /* of the entry on port 500 */
#define CLASSIFY_SPI_NATIVE 0x1003 /* of no entry */
#define CLASSIFY_SPI_UNKNOWN 0x2001
#define CLASSIFY_GENERATION 7

/* Addresses of the SAs; indexes are those of the SPIs above, 1 to 3, and 10 more for IPv6. */
struct frame_spec classify_spec4(void);
struct frame_spec classify_spec6(void);

/* Both families, with 0, 1, and 2 tags. */
#define CLASSIFY_VARIANTS 6
struct frame_spec classify_variant(unsigned int i);

/* cmocka fixtures: `*state` is a filled classifier. */
int classify_setup_native(void **state);
int classify_setup_kernel(void **state);
int classify_teardown(void **state);
/* Two entries of a cmocka table: the test on each implementation. */
#define CLASSIFY_TEST(function) \
	{"native: " #function, function, classify_setup_native, classify_teardown, NULL}, \
	{ \
		"kernel: " #function, function, classify_setup_kernel, classify_teardown, NULL \
	}

/* Enabled, nothing reported. */
void classify_fill_config(struct classifier *classifier);
/* Enables it and adds parser entries and SAs. */
void classify_fill(struct classifier *classifier);
/* Runs the frame; exactly the counter of the reason moves, by one, and the frame comes back unchanged. */
struct classifier_result classify_run(struct classifier *classifier, const uint8_t *bytes, size_t len);
/* What the metadata of a redirected frame must say; `index` is the SA's of IPv4. */
void classify_expect_meta(const struct classifier_result *result, const struct frame *frame, uint32_t index,
			  enum xesp_form form, size_t esp, size_t length);
/* Runs it, and fails with `what` unless this is the reason. */
struct classifier_result classify_expect(struct classifier *classifier, const struct frame *frame,
					 enum xesp_reason reason, const char *what);

#endif
