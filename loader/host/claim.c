/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Others may end, and remove the file, while this process opens it. */
#define ATTEMPTS_MAX 100

/* A directory that others can write to could have been prepared to keep xespd from its interfaces. */
static int check_directory(struct failure *ret_failure)
{
	struct stat info;

	if (mkdir(CLAIM_DIRECTORY, 0755) && errno != EEXIST)
		return failure_set(ret_failure, errno, "claim interface", "run as root", "directory %s",
				   CLAIM_DIRECTORY);
	if (lstat(CLAIM_DIRECTORY, &info))
		return failure_set(ret_failure, errno, "claim interface", "", "directory %s",
				   CLAIM_DIRECTORY);
	if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)))
		return failure_set(ret_failure, EPERM, "claim interface",
				   "make it a directory of root that nobody else can write to", "%s",
				   CLAIM_DIRECTORY);
	return 0;
}

/* Locks the file that has the name when the lock is had: not one that was removed meanwhile. 0, or an errno.
 */
static int lock_file(const char *path, int *ret_fd)
{
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		CLEANUP_FD int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		struct stat mine;
		struct stat named;

		if (fd < 0)
			return errno;
		if (flock(fd, LOCK_EX | LOCK_NB))
			return errno == EWOULDBLOCK ? EBUSY : errno;
		if (fstat(fd, &mine))
			return errno;
		if (!lstat(path, &named) && named.st_ino == mine.st_ino && named.st_dev == mine.st_dev) {
			*ret_fd = TAKE_FD(fd);
			return 0;
		}
	}
	return EBUSY;
}

int claim_take(const char *dev, uint32_t ifindex, struct claim *ret_claim, struct failure *ret_failure)
{
	struct claim claim = {.fd = -1};
	struct stat netns;
	int err = check_directory(ret_failure);

	if (err)
		return err;
	/* Interfaces are numbered in each network namespace anew. */
	if (stat("/proc/self/ns/net", &netns))
		return failure_set(ret_failure, errno, "claim interface", "mount /proc", "%s", dev);
	snprintf(claim.path, sizeof(claim.path), CLAIM_DIRECTORY "/interface-%" PRIu64 "-%" PRIu32,
		 (uint64_t)netns.st_ino, ifindex);
	err = lock_file(claim.path, &claim.fd);
	if (err == EBUSY)
		return failure_set(ret_failure, err, "attach", "detach it there, or end that xespd",
				   "another xespd serves %s", dev);
	if (err)
		return failure_set(ret_failure, err, "claim interface", "", "%s for %s", claim.path, dev);
	*ret_claim = claim;
	return 0;
}

void claim_release(struct claim *claim)
{
	if (claim->fd < 0)
		return;
	unlink(claim->path); /* under the lock: nobody else's file has this name */
	close(claim->fd);
	claim->fd = -1;
}
