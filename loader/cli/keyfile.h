/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Care for key material outside of the SA parameters: files that hold keys, words of the command line.
 */
#ifndef XESP_CLI_KEYFILE_H
#define XESP_CLI_KEYFILE_H

#include "cli/commands.h"

/* Warns if every user of the system can read the file. */
void keyfile_warn(const struct cli *cli, const char *path);

/* Overwrites the words in place: afterwards /proc/PID/cmdline shows none of them, so no key either, not even
 * one that stands where the grammar expects none. */
void keyfile_wipe_words(const struct cli_words *words);

#endif
