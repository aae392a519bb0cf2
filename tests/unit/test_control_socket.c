/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket's file: who may open it, and what happens to a file that has its name. Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/control_socket.h"

static char scratch[64];
static char directory[80];
static char path[96];

static int set_up(void **state)
{
	(void)state;
	snprintf(scratch, sizeof(scratch), "/tmp/xesp-test-socket-XXXXXX");
	if (!mkdtemp(scratch))
		return -1;
	snprintf(directory, sizeof(directory), "%s/run", scratch);
	snprintf(path, sizeof(path), "%s/control", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	rmdir(directory);
	return rmdir(scratch);
}

static void expect_mode(const char *name, mode_t mode)
{
	struct stat info;

	assert_int_equal(lstat(name, &info), 0);
	assert_int_equal(info.st_mode, mode);
	assert_int_equal(info.st_uid, 0);
	assert_int_equal(info.st_gid, 0);
}

static void test_modes(void **state)
{
	static const mode_t masks[] = {0, 0022, 0077, 0777};
	struct failure failure;

	(void)state;
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		mode_t before = umask(masks[i]);
		int fd = -1;

		assert_int_equal(control_socket_listen(path, &fd, &failure), 0);
		assert_int_equal(umask(before), masks[i]);
		expect_mode(directory, S_IFDIR | 0755);
		expect_mode(path, S_IFSOCK | 0666);
		close(fd);
		unlink(path);
		rmdir(directory);
	}
}

static void test_group(void **state)
{
	const struct group *group = getgrnam("xesp");

	(void)state;
	assert_int_equal(control_socket_group(), group ? group->gr_gid : (gid_t)-1);
}

static void test_directory_that_exists(void **state)
{
	struct failure failure;
	struct stat info;
	int fd = -1;

	(void)state;
	assert_int_equal(mkdir(directory, 0711), 0);
	assert_int_equal(control_socket_listen(path, &fd, &failure), 0);
	assert_int_equal(stat(directory, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0711 & ~umask(umask(0)));
	close(fd);
}

static void test_taken_and_left(void **state)
{
	struct failure failure;
	int first = -1;
	int second = -1;

	(void)state;
	assert_int_equal(control_socket_listen(path, &first, &failure), 0);
	assert_int_equal(control_socket_listen(path, &second, &failure), -EADDRINUSE);
	assert_int_equal(second, -1);
	close(first);
	assert_int_equal(control_socket_listen(path, &second, &failure), 0);
	close(second);
}

/* A path given by mistake must not cost a file. */
static void test_no_socket(void **state)
{
	struct failure failure;
	struct stat info;
	int fd;

	(void)state;
	assert_int_equal(mkdir(directory, 0700), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	fd = -1;
	assert_int_equal(control_socket_listen(path, &fd, &failure), -EEXIST);
	assert_non_null(strstr(failure.reason, path));
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_size, 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(control_socket_listen(path, &fd, &failure), -EEXIST);
	assert_int_equal(lstat(path, &info), 0);
	assert_true(S_ISLNK(info.st_mode));
	assert_int_equal(fd, -1);
}

/* Who cannot have the socket is told what to do, and leaves none behind. */
static void test_not_root(void **state)
{
	struct failure failure;
	struct stat info;
	int fd = -1;

	(void)state;
	assert_int_equal(chmod(scratch, 0711), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(control_socket_listen(path, &fd, &failure), -EACCES);
	assert_string_equal(failure.advice, "run as root");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
	assert_int_equal(chown(directory, 65534, 0), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(control_socket_listen(path, &fd, &failure), -EPERM);
	assert_string_equal(failure.advice, "run as root");
	assert_int_equal(lstat(path, &info), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(fd, -1);
}

static void test_bad_paths(void **state)
{
	struct failure failure;
	char long_path[200];
	int fd = -1;

	(void)state;
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(control_socket_listen(long_path, &fd, &failure), -ENAMETOOLONG);
	assert_int_equal(control_socket_listen("/proc/self/none/control", &fd, &failure), -ENOENT);
	assert_int_equal(control_socket_listen("/dev/null/control", &fd, &failure), -ENOTDIR);
	assert_int_equal(control_socket_listen("", &fd, &failure), -EINVAL);
	assert_int_equal(control_socket_listen("/tmp/", &fd, &failure), -EEXIST);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_modes, set_up, tear_down),
		cmocka_unit_test(test_group),
		cmocka_unit_test_setup_teardown(test_directory_that_exists, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_taken_and_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_socket, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_root, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_paths, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("control_socket", tests, NULL, NULL);
}
