/* SPDX-License-Identifier: BSD-2-Clause */
/* Called once, before the process has its first key. */
#include "base/process.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/cleanup.h"

#if defined(__x86_64__)
#define AUDIT_ARCH_NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define AUDIT_ARCH_NATIVE AUDIT_ARCH_AARCH64
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define IF_BITS(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (yes), (no))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSE(system_call, error) IF_EQUAL(system_call, 0, 1), RETURN(SECCOMP_RET_ERRNO | (error))

/* Of system calls of another ABI than the process's own. */
#define X32_SYSTEM_CALL 0x40000000

int process_forbid_dumps(void)
{
	struct rlimit none = {0, 0};

	/* The limit does not hold for handlers behind a pipe in core_pattern; the flag does. */
	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
		return -errno;
	return 0;
}

#ifdef AUDIT_ARCH_NATIVE
int process_forbid_children(void)
{
	static const struct sock_filter filter[] = {
		LOAD(arch),
		IF_EQUAL(AUDIT_ARCH_NATIVE, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		IF_BITS(X32_SYSTEM_CALL, 0, 1),
		RETURN(SECCOMP_RET_KILL_PROCESS),
#ifdef SYS_fork
		REFUSE(SYS_fork, EPERM),
		REFUSE(SYS_vfork, EPERM),
#endif
		REFUSE(SYS_execve, EPERM),
		REFUSE(SYS_execveat, EPERM),
		/* Its flags are where no filter sees them; libraries use clone() then. */
		REFUSE(SYS_clone3, ENOSYS),
		IF_EQUAL(SYS_clone, 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		LOAD(args[0]), /* flags: the lower half, on machines with the least significant byte first */
		IF_BITS(CLONE_THREAD, 0, 1),
		RETURN(SECCOMP_RET_ALLOW),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
	};
	const struct sock_fprog program = {.len = ARRAY_SIZE(filter), .filter = (struct sock_filter *)filter};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}
#else
int process_forbid_children(void)
{
	return -EINVAL;
}
#endif
