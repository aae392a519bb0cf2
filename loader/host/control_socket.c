/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/control_socket.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BACKLOG 128

gid_t control_socket_group(void)
{
	const struct group *group = getgrnam("xesp");

	return group ? group->gr_gid : (gid_t)-1;
}

static int make_directory(const char *path, struct failure *ret_failure)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *dir;
	mode_t old_mask;
	int err;

	snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	old_mask = umask(0022);
	err = mkdir(dir, 0755) ? errno : 0;
	umask(old_mask);
	if (err == EEXIST)
		return 0;
	if (err)
		return failure_set(ret_failure, err, "listen on the control socket",
				   err == EACCES ? "run as root" : "create the directory", "directory %s",
				   dir);
	return 0;
}

/* Whatever else has this name by mistake stays. */
static int remove_socket(const char *path)
{
	struct stat info;

	if (lstat(path, &info))
		return errno == ENOENT ? 0 : errno;
	if (!S_ISSOCK(info.st_mode))
		return EEXIST;
	return unlink(path) ? errno : 0;
}

/* Everybody may connect, whatever the caller's umask. Clients shall find that it is root's. */
static int bind_socket(int fd, const struct sockaddr_un *address)
{
	mode_t old_mask = umask(0111);
	int err = bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;

	umask(old_mask);
	if (err)
		return err;
	if (lchown(address->sun_path, 0, 0) || listen(fd, BACKLOG)) {
		err = errno;
		unlink(address->sun_path);
	}
	return err;
}

/* A socket file without a listener is what a killed xespd leaves behind. */
static bool is_served(const struct sockaddr_un *address)
{
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 &&
	       (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN);
}

int control_socket_listen(const char *path, int *ret_socket, struct failure *ret_failure)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (!path[0]) /* would be an abstract address, which anyone may connect to */
		return failure_set(ret_failure, EINVAL, "listen on the control socket",
				   "name a path with --socket", "the path is empty");
	if (strlen(path) >= sizeof(address.sun_path))
		return failure_set(ret_failure, ENAMETOOLONG, "listen on the control socket",
				   "use a shorter path", "%.60s...", path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	err = make_directory(path, ret_failure);
	if (err)
		return err;
	if (is_served(&address))
		return failure_set(ret_failure, EADDRINUSE, "listen on the control socket",
				   "end the other xespd, or use another path with --socket", "%s", path);
	err = fd < 0 ? errno : remove_socket(path);
	if (!err)
		err = bind_socket(fd, &address);
	if (err)
		return failure_set(ret_failure, err, "listen on the control socket",
				   err == EEXIST ? "name another path with --socket, this is no socket"
						 : "run as root",
				   "%s", path);
	*ret_socket = TAKE_FD(fd);
	return 0;
}
