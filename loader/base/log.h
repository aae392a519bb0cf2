/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's log: one line an event on standard error, with a syslog level in front ("<4>") when the
 * journal reads it. Used by xespd only; pure code and the packet path never log. A message says what
 * failed, on which object, why, and what to do next. Key material is never passed to these functions.
 * Control characters come out as '?'; of lines that are no errors, a process writes a bounded number a
 * second; what standard error does not take at once is lost.
 */
#ifndef XESP_BASE_LOG_H
#define XESP_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Call once, before threads exist. `process` ("loader", "engine") goes in front of each line. */
void log_init(const char *process, enum log_level most_verbose);

__attribute__((format(printf, 2, 3))) void log_at(enum log_level level, const char *format, ...);
__attribute__((format(printf, 2, 0))) void log_at_v(enum log_level level, const char *format, va_list args);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
