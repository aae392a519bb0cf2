/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"

#define BPFFS "/sys/fs/bpf"

int privileges_find_user(const char *name, struct engine_user *ret_user, struct failure *ret_failure)
{
	const struct passwd *entry = getpwnam(name ? name : "xesp");

	if (!entry && !name) {
		entry = getpwnam("nobody");
		if (entry)
			log_info("there is no user xesp, the engine runs as nobody");
	}
	if (!entry)
		return failure_set(ret_failure, ENOENT, "find the engine's user",
				   "create it with `useradd --system xesp`, or name another with --user",
				   "there is no user %s", name ? name : "xesp or nobody");
	if (!entry->pw_uid)
		return failure_set(ret_failure, EINVAL, "find the engine's user", "name an unprivileged user",
				   "%s is root", entry->pw_name);
	*ret_user = (struct engine_user){.uid = entry->pw_uid, .gid = entry->pw_gid};
	snprintf(ret_user->name, sizeof(ret_user->name), "%s", entry->pw_name);
	return 0;
}

int privileges_provide_bpffs(struct failure *ret_failure)
{
	struct statfs fs;

	if (!statfs(BPFFS, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		return failure_set(ret_failure, errno, "mount " BPFFS,
				   "mount it yourself: mount -t bpf bpf " BPFFS,
				   "there is no BPF file system");
	log_info("there was no BPF file system at %s: mounted one that only xespd sees", BPFFS);
	return 0;
}

unsigned long privileges_memlock_kib(void)
{
	struct rlimit limit = {0, 0};

	getrlimit(RLIMIT_MEMLOCK, &limit);
	return (unsigned long)(limit.rlim_cur / 1024);
}

/* An empty directory that nobody can write to, as root directory: what lies open are descriptors only. */
static int enter_empty_root(void)
{
	char path[] = "/tmp/xespd.XXXXXX";

	if (!mkdtemp(path))
		return -errno;
	if (chdir(path) || rmdir(path) || chroot(".") || chdir("/"))
		return -errno;
	return 0;
}

static int tie_to_parent(pid_t parent)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	/* Set after the ids changed, which clears it. The parent may be gone already. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

/* When the engine ends nothing of it is left: the next one has the memory of the SAs, and the queues, for
 * itself. */
static int forbid_children(void)
{
	int err = process_forbid_children();

	if (err == -EINVAL)
		log_warning("this kernel has no system call filters: the engine could begin processes");
	return err == -EINVAL ? 0 : err;
}

int privileges_drop(const struct engine_user *user, pid_t parent, struct failure *ret_failure)
{
	int err = enter_empty_root();

	if (!err) {
		capng_clear(CAPNG_SELECT_BOTH);
		if (capng_change_id((int)user->uid, (int)user->gid,
				    CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING))
			err = -EPERM;
	}
	if (!err)
		err = process_forbid_dumps();
	if (!err)
		err = tie_to_parent(parent);
	if (!err)
		err = forbid_children();
	if (err)
		return failure_set(ret_failure, -err, "drop privileges", "run xespd as root",
				   "engine as user %s", user->name);
	return 0;
}
