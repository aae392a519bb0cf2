/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing opened packets as a pcap of raw IP packets. Time stamps have nanoseconds whatever the capture
 * had, so that none is rounded.
 */
#include "cli/explain_plain.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct explain_plain {
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	const char *name; /* for messages */
};

static void plain_free(struct explain_plain *plain)
{
	if (plain->dumper)
		pcap_dump_close(plain->dumper);
	if (plain->pcap)
		pcap_close(plain->pcap);
	free(plain);
}

static void cleanup_plain(struct explain_plain **plain)
{
	if (*plain)
		plain_free(*plain);
}

/* Opens without emptying, looks whether it is the file that is being read, then empties. */
static int open_file(const char *path, const struct stat *input, int *ret_fd)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (status.st_dev == input->st_dev && status.st_ino == input->st_ino)
		return -EBUSY;
	if (S_ISREG(status.st_mode) && ftruncate(fd, 0) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int open_stdout(int *ret_fd)
{
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int open_stream(const char *path, const struct stat *input, FILE **ret_file)
{
	CLEANUP_FD int fd = -1;
	FILE *file;
	int err;

	err = strcmp(path, "-") == 0 ? open_stdout(&fd) : open_file(path, input, &fd);
	if (err)
		return err;
	file = fdopen(fd, "wb");
	if (!file)
		return -errno;
	TAKE_FD(fd);
	*ret_file = file;
	return 0;
}

int explain_plain_open(const struct cli *cli, const char *path, const struct stat *input,
		       struct explain_plain **ret_plain)
{
	CLEANUP(cleanup_plain) struct explain_plain *plain = calloc(1, sizeof(*plain));
	CLEANUP_FILE FILE *file = NULL;
	int err;

	if (!plain)
		return -ENOMEM;
	plain->name = strcmp(path, "-") == 0 ? "standard output" : path;
	err = open_stream(path, input, &file);
	if (err) {
		cli_error(cli, "%s: %s", plain->name,
			  err == -EBUSY ? "is the capture that is being read" : strerror(-err));
		return err;
	}
	plain->pcap =
		pcap_open_dead_with_tstamp_precision(DLT_RAW, EXPLAIN_FRAME_MAX, PCAP_TSTAMP_PRECISION_NANO);
	if (!plain->pcap)
		return -ENOMEM;
	plain->dumper = pcap_dump_fopen(plain->pcap, file);
	if (!plain->dumper) {
		cli_error(cli, "%s: %s", plain->name, pcap_geterr(plain->pcap));
		return -EIO;
	}
	TAKE_PTR(file); /* pcap_dump_close() closes it */
	*ret_plain = TAKE_PTR(plain);
	return 0;
}

void explain_plain_write(struct explain_plain *plain, const struct explain_packet *packet)
{
	struct pcap_pkthdr header = {
		.ts = packet->time,
		.caplen = (bpf_u_int32)packet->opened_len,
		.len = (bpf_u_int32)packet->opened_len,
	};

	pcap_dump((u_char *)plain->dumper, &header, packet->opened);
}

int explain_plain_close(const struct cli *cli, struct explain_plain *plain)
{
	int err = 0;

	if (!plain)
		return 0;
	if (pcap_dump_flush(plain->dumper) || ferror(pcap_dump_file(plain->dumper))) {
		err = errno ? -errno : -EIO;
		cli_error(cli, "%s: %s", plain->name, strerror(-err));
	}
	plain_free(plain);
	return err;
}
