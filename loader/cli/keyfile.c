/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs on the CLI's only thread.
 */
#include "cli/keyfile.h"

#include <string.h>
#include <sys/stat.h>

void keyfile_warn(const struct cli *cli, const char *path)
{
	struct stat info;

	if (stat(path, &info) || !S_ISREG(info.st_mode) || !(info.st_mode & S_IROTH))
		return;
	cli_error(cli, "warning: %s holds keys and every user can read it; `chmod 600 %s` ends that", path,
		  path);
}

void keyfile_wipe_words(const struct cli_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		explicit_bzero(words->items[i], strlen(words->items[i]));
}
