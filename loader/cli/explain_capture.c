/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading captures through libpcap.
 */
#include "cli/explain_capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "cli/explain_link.h"

struct explain_capture {
	pcap_t *pcap;
	const char *name; /* for messages */
	int link;
	uint64_t packets;
	struct stat file;
};

void explain_capture_close(struct explain_capture *capture)
{
	if (!capture)
		return;
	if (capture->pcap)
		pcap_close(capture->pcap);
	free(capture);
}

static void cleanup_capture(struct explain_capture **capture)
{
	explain_capture_close(*capture);
}

static int check_link(const struct cli *cli, const struct explain_capture *capture)
{
	const char *name = pcap_datalink_val_to_name(capture->link);
	const char *text = pcap_datalink_val_to_description(capture->link);

	if (explain_link_supported(capture->link))
		return 0;
	cli_error(cli,
		  "%s: link type %s (%d, %s) is not supported; Ethernet, raw IP, NULL, LOOP, LINUX_SLL and "
		  "LINUX_SLL2 are",
		  capture->name, name ? name : "unknown", capture->link, text ? text : "unknown");
	return -EPROTONOSUPPORT;
}

int explain_capture_open(const struct cli *cli, const char *path, struct explain_capture **ret_capture)
{
	CLEANUP(cleanup_capture) struct explain_capture *capture = calloc(1, sizeof(*capture));
	CLEANUP_FILE FILE *file = NULL;
	bool standard_input = strcmp(path, "-") == 0;
	char message[PCAP_ERRBUF_SIZE] = "";
	int err;

	if (!capture)
		return -ENOMEM;
	capture->name = standard_input ? "standard input" : path;
	file = standard_input ? fdopen(dup(STDIN_FILENO), "rb") : fopen(path, "rbe");
	if (!file || fstat(fileno(file), &capture->file) < 0) {
		err = -errno;
		cli_error(cli, "%s: %s", capture->name, strerror(-err));
		return err;
	}
	capture->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, message);
	if (!capture->pcap) {
		cli_error(cli, "%s: not a pcap or pcapng capture: %s", capture->name, message);
		return -EBADMSG;
	}
	file = NULL; /* pcap_close() closes it */
	capture->link = pcap_datalink(capture->pcap);
	err = check_link(cli, capture);
	if (err)
		return err;
	*ret_capture = TAKE_PTR(capture);
	return 0;
}

int explain_capture_next(const struct cli *cli, struct explain_capture *capture,
			 struct explain_packet *packet)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int err;

	switch (pcap_next_ex(capture->pcap, &header, &data)) {
	case 1: break;
	case PCAP_ERROR_BREAK: return 0;
	default:
		cli_error(cli, "%s: behind packet %llu: %s", capture->name,
			  (unsigned long long)capture->packets, pcap_geterr(capture->pcap));
		return -EBADMSG;
	}
	packet->number = ++capture->packets;
	packet->time = header->ts;
	packet->captured = header->caplen;
	packet->length = header->len;
	packet->frame_len = 0;
	err = explain_link_to_ethernet(capture->link, data, header->caplen, packet->frame, EXPLAIN_FRAME_MAX,
				       &packet->frame_len);
	if (err == -EMSGSIZE)
		packet->skip = EXPLAIN_OVERSIZE;
	else
		packet->skip = err ? EXPLAIN_RUNT : EXPLAIN_JUDGED;
	return 1;
}

const struct stat *explain_capture_stat(const struct explain_capture *capture)
{
	return &capture->file;
}
