/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log on a pipe: what comes out of hostile names, of a flood, and of a pipe that is full or closed.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

struct fixture {
	int saved;
	int reader;
	char text[65536];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int pair[2];

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	fixture->saved = dup(STDERR_FILENO);
	fixture->reader = pair[0];
	dup2(pair[1], STDERR_FILENO);
	close(pair[1]);
	fcntl(fixture->reader, F_SETFL, O_NONBLOCK);
	signal(SIGPIPE, SIG_IGN);
	alarm(20); /* a write that blocks is a failure */
	unsetenv("JOURNAL_STREAM");
	log_init("test", LOG_LEVEL_INFO);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	alarm(0);
	dup2(fixture->saved, STDERR_FILENO);
	close(fixture->saved);
	close(fixture->reader);
	free(fixture);
	return 0;
}

/* What was logged since the last call. */
static const char *logged(struct fixture *fixture)
{
	ssize_t n = read(fixture->reader, fixture->text, sizeof(fixture->text) - 1);

	fixture->text[n > 0 ? n : 0] = '\0';
	return fixture->text;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* The limit counts from the beginning of a second; the coarse clock knows of it some milliseconds later. */
static void next_second(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_sec++;
	now.tv_nsec = 50000000;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL);
}

static void test_control_characters(void **state)
{
	struct fixture *fixture = *state;
	char line[80];

	log_error("attach %s: %s", "g0\nxespd[1] engine: forged\r", "\033[2J\177\t");
	snprintf(line, sizeof(line), "xespd[%d] test: error: attach g0?xespd[1] engine: forged?: ?[2J??\n",
		 (int)getpid());
	assert_string_equal(logged(fixture), line);
	log_error("ends with a line break\n");
	assert_int_equal(count(logged(fixture), "\n"), 1);
}

static void test_long_line(void **state)
{
	struct fixture *fixture = *state;
	char text[5000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	assert_in_range(strlen(logged(fixture)), 1000, 1024);
	assert_int_equal(fixture->text[strlen(fixture->text) - 1], '\n');
}

static void test_flood(void **state)
{
	struct fixture *fixture = *state;
	const char *text;

	next_second();
	for (int i = 0; i < 1000; i++)
		log_warning("flood");
	log_error("an error");
	text = logged(fixture);
	assert_int_equal(count(text, "flood"), 100);
	assert_int_equal(count(text, "an error"), 1);
	next_second();
	log_info("after");
	text = logged(fixture);
	assert_int_equal(count(text, "after"), 1);
	assert_int_equal(count(text, "lines were suppressed"), 1);
}

static void test_pipe_that_nobody_reads(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 10000; i++)
		log_error("line %d", i);
	assert_true(count(logged(fixture), "line") > 100);
	log_error("there is room again");
	while (!strstr(logged(fixture), "room again"))
		assert_true(fixture->text[0]);
}

static void test_closed_pipe(void **state)
{
	struct fixture *fixture = *state;

	close(fixture->reader);
	for (int i = 0; i < 10; i++)
		log_error("nobody hears this");
	fixture->reader = -1;
}

static void test_journal(void **state)
{
	struct fixture *fixture = *state;
	struct stat info;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &info), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)info.st_dev,
		 (unsigned long long)info.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("test", LOG_LEVEL_INFO);
	log_error("to the journal");
	assert_string_equal(logged(fixture), "<3>test: to the journal\n");
	setenv("JOURNAL_STREAM", "8:1", 1); /* of the shell that xespd was started from */
	log_init("test", LOG_LEVEL_INFO);
	log_error("to a person");
	assert_int_not_equal(logged(fixture)[0], '<');
	unsetenv("JOURNAL_STREAM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_control_characters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pipe_that_nobody_reads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closed_pipe, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_journal, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
