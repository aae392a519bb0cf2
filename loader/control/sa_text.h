/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SAs as words: the grammar of `xesp sa add`, of files of such lines, and of what `ip xfrm state` prints.
 *
 *   src ADDR dst ADDR [proto esp] spi SPI [reqid N] mode tunnel|transport|beet
 *   aead ALGO KEY ICV-BITS | enc ALGO KEY auth-trunc ALGO KEY ICV-BITS | enc ALGO KEY auth ALGO KEY
 *   [encap espinudp|espinudp-nonike SPORT DPORT OADDR [oa-dst ADDR]]
 *   [replay-window N] [replay-seq N] [replay-seq-hi N] [flag FLAG...]
 *   [sel src PREFIX dst PREFIX [proto P [sport N] [dport N]]] [dev IFACE]
 *   [limit byte-soft|byte-hard|packet-soft|packet-hard|time-soft|time-hard|time-use-soft|time-use-hard N]...
 *
 * ALGO is a name of the algorithm table, or an older one that the kernel takes for it. KEY is 0xHEX, or
 * file:PATH (hex text or raw bytes), or - (a line of hex from standard input, the next one for the second -;
 * not in files). The NULL cipher, ecb(cipher_null), has none, which may be written as ''. In a file an SA
 * goes on over the lines after it that are indented or that follow a backslash.
 */
#ifndef XESP_CONTROL_SA_TEXT_H
#define XESP_CONTROL_SA_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "control/sa_params.h"

/* Parses the words of one SA. Missing fields get their defaults; rules between fields are validate_sa's.
 * -EINVAL with `*ret_error` filled; `*ret_params` is untouched on failure. The caller wipes the result. */
int sa_text_parse_words(char *const *words, size_t count, struct sa_params *ret_params,
			struct field_error *ret_error);

/* What names an SA in `sa del` and `sa show`: `[src ADDR] dst ADDR [proto esp] spi SPI [dev IFACE]`, as
 * in `ip xfrm state delete`. Only dst, spi and dev of `*ret_params` are meaningful. */
int sa_text_parse_id(char *const *words, size_t count, struct sa_params *ret_params,
		     struct field_error *ret_error);

/* Reads a whole file of SAs, either `sa add` lines (with or without the words "xesp sa add" or "ip xfrm
 * state add" in front; # starts a comment; quotes as in a shell) or the output of `ip xfrm state`, also
 * mixed and also with -s. Calls `sink->each` for every SA with the line it starts on; a negative return of
 * `each` ends the reading and is returned. On a syntax error returns -EINVAL, `*ret_line` and
 * `*ret_error` filled. -EIO or -EFBIG (a file of over 256 MiB) if reading fails. An SA is inbound unless
 * its text says "dir out", which kernels before 6.10 never do. Buffers that held keys are wiped,
 * stdio's too: nothing must have been read from `file` before. -ENOMEM. */
struct sa_text_sink {
	int (*each)(const struct sa_params *params, unsigned int line, void *ctx);
	/* Told of an SA that is no mistake but needs what xesp does not have (an algorithm, a mode, a mark);
	 * reading goes on behind it. NULL: it ends the reading as a mistake does. */
	void (*unsupported)(const struct field_error *error, unsigned int line, void *ctx);
	void *ctx;
};
int sa_text_read(FILE *file, const struct sa_text_sink *sink, unsigned int *ret_line,
		 struct field_error *ret_error);

/* Prints an SA in the grammar above, on two or three lines as `ip xfrm state` does, with keys as
 * "<hidden>": the text never contains key material. */
void sa_text_print(FILE *out, const struct sa_params *params);

#endif
