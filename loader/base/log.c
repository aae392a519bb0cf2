/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's log. One thread a process writes it: the control thread, the loader.
 */
#include "base/log.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Lines below the level of an error that one process writes in a second: clients and packets from anywhere
 * cause lines, and must not fill a disk. */
#define LINES_PER_SECOND 100

static struct {
	const char *process;
	enum log_level most_verbose;
	bool journal; /* standard error goes to the journal, which reads "<level>" prefixes */
} settings = {.process = "xespd", .most_verbose = LOG_LEVEL_INFO};

static struct {
	time_t second;
	unsigned int lines;
	unsigned int suppressed;
} rate;

/* JOURNAL_STREAM is inherited; only if it names what standard error is, the journal reads it. */
static bool journal_reads(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[48];
	struct stat info;

	if (!stream || fstat(STDERR_FILENO, &info))
		return false;
	snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)info.st_dev,
		 (unsigned long long)info.st_ino);
	return !strcmp(stream, own);
}

void log_init(const char *process, enum log_level most_verbose)
{
	settings.process = process;
	settings.most_verbose = most_verbose;
	settings.journal = journal_reads();
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

/* A line is written whole or not at all: a full pipe, or one that nobody reads, must not stop the daemon. A
 * pipe that has room at all has room for PIPE_BUF bytes, which is more than a line. */
static void write_line(const char *line, size_t length)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (poll(&fd, 1, 0) == 1 && fd.revents & POLLOUT)
		(void)!write(STDERR_FILENO, line, length);
}

/* Names of interfaces, and what clients send, may hold anything; a line break would forge a line. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

__attribute__((format(printf, 2, 0))) static void write_formatted(enum log_level level, const char *format,
								  va_list args)
{
	char line[1024];
	int used;
	int more;

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
	if (line[used - 1] == '\n')
		line[--used] = '\0';
	make_printable(line);
	line[used++] = '\n';
	/* One write a line: lines of the two processes do not mix. */
	write_line(line, (size_t)used);
}

__attribute__((format(printf, 2, 3))) static void write_now(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_formatted(level, format, args);
	va_end(args);
}

static bool rate_allows(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (now.tv_sec != rate.second) {
		if (rate.suppressed)
			write_now(LOG_LEVEL_WARNING, "%u lines were suppressed", rate.suppressed);
		rate.second = now.tv_sec;
		rate.lines = rate.suppressed = 0;
	}
	if (rate.lines == LINES_PER_SECOND) {
		rate.suppressed++;
		return false;
	}
	rate.lines++;
	return true;
}

void log_at_v(enum log_level level, const char *format, va_list args)
{
	if (level <= settings.most_verbose && (level <= LOG_LEVEL_ERROR || rate_allows()))
		write_formatted(level, format, args);
}

void log_at(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_at_v(level, format, args);
	va_end(args);
}
