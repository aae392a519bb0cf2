/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stepping, by ptrace(2).
 */
#include "tests/lib/stepper.h"

#include <errno.h>

#if defined(__x86_64__)

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define RANGES_MAX 16
#define SYSCALL_OPCODE 0x050f

struct range {
	uintptr_t start;
	uintptr_t end;
};

/* Of the parent, which has them where its child has them. */
struct stepper {
	struct range crypto[RANGES_MAX];
	size_t ranges;
	uintptr_t allocators[6];
	uintptr_t work;
	pid_t pid;
	int status; /* of the last wait */
};

static int note_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct stepper *stepper = arg;

	(void)size;
	if (!strstr(info->dlpi_name, "libIPSec_MB") && !strstr(info->dlpi_name, "libcrypto"))
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum && stepper->ranges < RANGES_MAX; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_LOAD && (header->p_flags & PF_X))
			stepper->crypto[stepper->ranges++] =
				(struct range){info->dlpi_addr + header->p_vaddr,
					       info->dlpi_addr + header->p_vaddr + header->p_memsz};
	}
	return 0;
}

static void look_around(struct stepper *stepper)
{
	static const char *const names[] = {"malloc",	     "calloc",	       "realloc",
					    "aligned_alloc", "posix_memalign", "free"};

	dl_iterate_phdr(note_object, stepper);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		stepper->allocators[i] = (uintptr_t)dlsym(RTLD_DEFAULT, names[i]);
}

static uintptr_t word_of(const struct stepper *stepper, size_t offset)
{
	return (uintptr_t)ptrace(PTRACE_PEEKUSER, stepper->pid, offset, NULL);
}

static uintptr_t place_of(const struct stepper *stepper)
{
	return word_of(stepper, offsetof(struct user_regs_struct, rip));
}

static uintptr_t stack_of(const struct stepper *stepper)
{
	return word_of(stepper, offsetof(struct user_regs_struct, rsp));
}

/* False: it has ended, or stopped for another reason. */
static bool step(struct stepper *stepper)
{
	return !ptrace(PTRACE_SINGLESTEP, stepper->pid, NULL, NULL) &&
	       waitpid(stepper->pid, &stepper->status, 0) == stepper->pid && WIFSTOPPED(stepper->status) &&
	       WSTOPSIG(stepper->status) == SIGTRAP;
}

/* The instruction that is about to run. */
static void note(const struct stepper *stepper, uintptr_t place, struct step_counts *counts)
{
	long text = ptrace(PTRACE_PEEKTEXT, stepper->pid, place, NULL);

	counts->calls += (text & 0xffff) == SYSCALL_OPCODE;
	for (size_t i = 0; i < ARRAY_SIZE(stepper->allocators); i++)
		counts->allocations += place == stepper->allocators[i];
	for (size_t i = 0; i < stepper->ranges; i++)
		if (place >= stepper->crypto[i].start && place < stepper->crypto[i].end) {
			counts->crypto++;
			return;
		}
	counts->instructions++;
}

/* From the first instruction of the function until it has returned. */
static int follow(struct stepper *stepper, struct step_counts *counts)
{
	uintptr_t place, entry, back;

	do {
		if (!step(stepper))
			return -ECHILD;
		place = place_of(stepper);
	} while (place != stepper->work);
	entry = stack_of(stepper);
	back = (uintptr_t)ptrace(PTRACE_PEEKDATA, stepper->pid, entry, NULL);
	do {
		note(stepper, place, counts);
		if (!step(stepper))
			return -ECHILD;
		place = place_of(stepper);
	} while (place != back || stack_of(stepper) <= entry);
	return 0;
}

/* The child's part: steps its parent, from the signal that the parent sends itself. */
static int trace(struct stepper *stepper, int ready, struct step_counts *counts)
{
	int err;

	if (ptrace(PTRACE_SEIZE, stepper->pid, NULL, NULL))
		return -EOPNOTSUPP;
	if (write(ready, "", 1) != 1 || waitpid(stepper->pid, &stepper->status, 0) != stepper->pid)
		return -EOPNOTSUPP;
	err = follow(stepper, counts);
	ptrace(PTRACE_DETACH, stepper->pid, NULL,
	       err && WIFSTOPPED(stepper->status) ? WSTOPSIG(stepper->status) : 0);
	return err;
}

__attribute__((noreturn)) static void be_tracer(struct stepper *stepper, int out)
{
	struct step_counts counts = {0};
	bool good = trace(stepper, out, &counts) == 0;

	if (good)
		good = write(out, &counts, sizeof(counts)) == sizeof(counts);
	_exit(good ? 0 : 1);
}

/* The signal is one that does nothing to who is not traced. */
static void be_traced(int in, void (*work)(void *arg), void *arg)
{
	char ready;

	if (read(in, &ready, 1) != 1)
		return;
	raise(SIGURG);
	work(arg);
}

int step_count(void (*work)(void *arg), void *arg, struct step_counts *ret_counts)
{
	struct stepper stepper = {.work = (uintptr_t)work, .pid = getpid()};
	struct step_counts counts;
	int ends[2], err;
	pid_t tracer;
	bool good;

	if (pipe(ends))
		return -errno;
	look_around(&stepper);
	tracer = fork();
	if (!tracer) {
		close(ends[0]);
		be_tracer(&stepper, ends[1]);
	}
	err = -errno;
	close(ends[1]);
	if (tracer < 0) {
		close(ends[0]);
		return err;
	}
	prctl(PR_SET_PTRACER, tracer, 0, 0, 0); /* where only ancestors may trace */
	be_traced(ends[0], work, arg);
	good = read(ends[0], &counts, sizeof(counts)) == sizeof(counts);
	close(ends[0]);
	waitpid(tracer, NULL, 0);
	if (!good)
		return -EOPNOTSUPP;
	*ret_counts = counts;
	return 0;
}

#else

int step_count(void (*work)(void *arg), void *arg, struct step_counts *ret_counts)
{
	(void)work;
	(void)arg;
	(void)ret_counts;
	return -EOPNOTSUPP;
}

#endif
