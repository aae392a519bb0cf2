/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealed packets of all suites before judges that share nothing with xesp: tests/tools/sealed_check.py has
 * scapy and, where it is installed, tshark open a capture of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "tests/lib/seal_rig.h"
#include "tests/lib/suites.h"

#define CHECK "tests/tools/sealed_check.py"
#define PACKETS 5 /* of each SA */
#define LINK_BYTES 14
#define FIRST_SPI 0x30000001

struct files {
	char folder[64];
	pcap_t *pcap;
	pcap_dumper_t *sealed; /* and in the same order */
	pcap_dumper_t *plain;
	FILE *sas;
};

static void path_of(const struct files *files, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", files->folder, name);
}

static pcap_dumper_t *open_dump(const struct files *files, const char *name)
{
	pcap_dumper_t *dump;
	char path[128];

	path_of(files, name, path, sizeof(path));
	dump = pcap_dump_open(files->pcap, path);
	assert_non_null(dump);
	return dump;
}

static void open_files(struct files *files)
{
	char path[128];

	strcpy(files->folder, "/tmp/xesp-sealed-XXXXXX");
	assert_non_null(mkdtemp(files->folder));
	files->pcap = pcap_open_dead(DLT_RAW, 65535);
	assert_non_null(files->pcap);
	files->sealed = open_dump(files, "sealed.pcap");
	files->plain = open_dump(files, "plain.pcap");
	path_of(files, "sa.txt", path, sizeof(path));
	files->sas = fopen(path, "w");
	assert_non_null(files->sas);
}

static void close_files(struct files *files)
{
	pcap_dump_close(files->sealed);
	pcap_dump_close(files->plain);
	pcap_close(files->pcap);
	assert_int_equal(fclose(files->sas), 0);
}

static void remove_files(const struct files *files)
{
	static const char *const names[] = {"sealed.pcap", "plain.pcap", "sa.txt"};
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		path_of(files, names[i], path, sizeof(path));
		unlink(path);
	}
	rmdir(files->folder);
}

static void dump(pcap_dumper_t *to, const uint8_t *packet, size_t len)
{
	const struct pcap_pkthdr header = {
		.ts = {.tv_sec = 1700000000}, .caplen = (bpf_u_int32)len, .len = (bpf_u_int32)len};

	pcap_dump((u_char *)to, &header, packet);
}

static void write_hex(FILE *file, const uint8_t *bytes, size_t count)
{
	fputs(count ? " " : " -", file);
	for (size_t i = 0; i < count; i++)
		fprintf(file, "%02x", bytes[i]);
}

/* SPI, mode, cipher, its key, integrity algorithm, its key, bytes of ICV; the keys are those of the tests. */
static void write_sa(FILE *file, const struct sa_params *params, const struct suite *suite)
{
	fprintf(file, "0x%08x %s %s", params->spi, params->mode == SA_MODE_TUNNEL ? "tunnel" : "transport",
		suite->cipher->xfrm_name);
	write_hex(file, params->key, params->key_bytes);
	fprintf(file, " %s", suite->auth ? suite->auth->xfrm_name : "-");
	write_hex(file, params->auth_key, params->auth_key_bytes);
	fprintf(file, " %u\n", params->icv_bytes);
}

static void write_packets(struct files *files, struct seal_rig *rig, uint8_t family)
{
	static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_TCP};
	uint8_t inner[1500];

	for (uint32_t i = 0; i < PACKETS; i++) {
		size_t len = seal_rig_inner(&rig->sa->params, family, protocols[i % 2], 1 + 277 * i, inner);
		struct seal_packet packet;

		assert_int_equal(seal_rig_prepare(rig, 0, inner, len, esp_out_pad_to(rig->sa, 1500), &packet),
				 0);
		seal_rig_seal(rig, &packet, 1);
		dump(files->sealed, packet.frame + LINK_BYTES, packet.frame_len - LINK_BYTES);
		dump(files->plain, inner, len);
	}
}

/* Modes, families and forms in turn; some with TFC padding. */
static size_t write_all(struct files *files)
{
	struct seal_rig rig;
	struct suite suite;
	size_t i;

	for (i = 0; suites_at(i, &suite); i++) {
		uint8_t outer = i % 4 < 2 ? 4 : 6, inner = i % 2 || i % 3 == 0 ? outer : 10 - outer;
		struct sa_params params =
			seal_rig_params(i % 2 ? SA_MODE_TRANSPORT : SA_MODE_TUNNEL, inner, outer,
					i % 5 < 3 ? XESP_FORM_UDP : XESP_FORM_NATIVE);

		esp_rig_suite(&params, suite.cipher->id, suite.cipher_key_bytes,
			      suite.auth ? suite.auth->id : ALGO_NONE, suite.icv_bytes);
		params.spi = FIRST_SPI + (uint32_t)i;
		params.tfc_pad = i % 8 == 0 ? 600 : 0;
		seal_rig_setup(&rig, &params, i % 7 ? NULL : &crypto_openssl);
		write_sa(files->sas, &params, &suite);
		write_packets(files, &rig, inner);
		seal_rig_teardown(&rig);
	}
	return i;
}

static int run_check(const char *folder)
{
	int status = -1;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		execl("/usr/bin/python3", "python3", CHECK, folder, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_others_open_it(void **state)
{
	struct files files;
	int status;

	(void)state;
	open_files(&files);
	assert_true(write_all(&files) > 60);
	close_files(&files);
	status = run_check(files.folder);
	if (status == 0)
		remove_files(&files);
	else
		fail_msg("%s has ended with status %d; the files are in %s", CHECK, status, files.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others_open_it),
	};

	return cmocka_run_group_tests_name("esp_out_judges", tests, NULL, NULL);
}
