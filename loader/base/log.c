/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's log. The two variables here are written once, before threads exist.
 */
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	const char *process;
	enum log_level most_verbose;
	bool journal; /* standard error goes to the journal, which reads "<level>" prefixes */
} settings = {.process = "xespd", .most_verbose = LOG_LEVEL_INFO};

void log_init(const char *process, enum log_level most_verbose)
{
	settings.process = process;
	settings.most_verbose = most_verbose;
	settings.journal = getenv("JOURNAL_STREAM") != NULL;
}

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return "error: ";
	case LOG_LEVEL_WARNING: return "warning: ";
	case LOG_LEVEL_INFO: return "";
	case LOG_LEVEL_DEBUG: return "debug: ";
	}
	return "";
}

void log_at_v(enum log_level level, const char *format, va_list args)
{
	char line[1024];
	int used;
	int more;

	if (level > settings.most_verbose)
		return;
	if (settings.journal)
		used = snprintf(line, sizeof(line), "<%d>%s: ", (int)level, settings.process);
	else
		used = snprintf(line, sizeof(line), "xespd[%d] %s: %s", (int)getpid(), settings.process,
				level_word(level));
	more = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, args);
	if (more < 0)
		return;
	used += more;
	if (used > (int)sizeof(line) - 2)
		used = (int)sizeof(line) - 2;
	if (line[used - 1] != '\n')
		line[used++] = '\n';
	/* One write a line: lines of the two processes do not mix. A full pipe must not stop the daemon. */
	(void)!write(STDERR_FILENO, line, (size_t)used);
}

void log_at(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_at_v(level, format, args);
	va_end(args);
}
