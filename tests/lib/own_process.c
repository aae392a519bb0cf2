/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. */
#include "tests/lib/own_process.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

size_t own_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

void own_vm_flags(const void *address, char ret_flags[OWN_VM_FLAGS_MAX])
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	bool inside = false;
	char line[OWN_VM_FLAGS_MAX];

	assert_non_null(smaps);
	*ret_flags = '\0';
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= (uintptr_t)address && (uintptr_t)address < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(ret_flags, OWN_VM_FLAGS_MAX, "%s", line);
	}
	fclose(smaps);
}

void own_child_of_root(int (*use)(void))
{
	pid_t child;
	int status;

	if (geteuid() != 0) {
		print_message("# without root: what root would set aside cannot be tested\n");
		skip();
	}
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(use());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
