/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the manual page xesp-reasons(7) from the list in <xesp/drop_reasons.h>. Runs while xesp is built.
 */
#include <stdio.h>
#include <xesp/drop_reasons.h>

struct row {
	unsigned int number;
	const char *name;
	const char *exit;
	const char *crypto;
	const char *text;
};

#define ROW(number, NAME, name, exit, crypto, text) {number, name, #exit, #crypto, text},
static const struct row classifier_rows[] = {XESP_CLASSIFIER_REASONS(ROW)};
static const struct row engine_rows[] = {XESP_ENGINE_REASONS(ROW)};
static const struct row host_rows[] = {XESP_HOST_REASONS(ROW)};
#undef ROW

static const char head[] =
	".\\\" SPDX-License-Identifier: BSD-2-Clause\n"
	".TH XESP-REASONS 7 2026-11-21 \"xesp " XESP_VERSION "\" \"Miscellaneous Information\"\n"
	".SH NAME\n"
	"xesp-reasons \\- what can become of a packet on an interface that xesp serves\n"
	".SH DESCRIPTION\n"
	"Each packet is counted under exactly one reason of the classifier. One that the classifier hands to the\n"
	"engine (exit ENGINE) is counted once more, under exactly one reason of the engine, unless the kernel\n"
	"dropped it at a full ring (DROPPED and RX\\-FULL of\n"
	".BR \"xesp status\" ).\n"
	".B xesp stats\n"
	"shows the counters,\n"
	".B xesp explain\n"
	"names the reason of each packet of a capture.\n"
	"Names and numbers keep their meaning in all versions.\n"
	".SS Exits\n"
	".TP\n.B PASSED\nTo the kernel, byte for byte as it came.\n"
	".TP\n.B CONSUMED\nEnded in xesp, because it has done its work.\n"
	".TP\n.B ENGINE\nHanded to the engine through AF_XDP.\n"
	".TP\n.B DELIVERED\nOpened and given to the host.\n"
	".TP\n.B DROPPED\nBelonged to an SA and must not be delivered.\n"
	".TP\n.B REFUSED\nCame from the host and is not sent.\n";

static const char tail[] = ".SH \"SEE ALSO\"\n"
			   ".BR xesp (8),\n"
			   ".BR xespd (8);\n"
			   "RFC 4303, RFC 3948\n";

/* A line of text that begins with a control character of roff would be a request. */
static void print_text(const char *text)
{
	fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
	puts(".");
}

static void print_rows(const char *heading, const struct row *rows, size_t count, int with_status)
{
	printf(".SS %s\n", heading);
	for (size_t i = 0; i < count; i++) {
		printf(".TP\n.BR %s \" (%u, %s)\"\n", rows[i].name, rows[i].number, rows[i].exit);
		print_text(rows[i].text);
		if (with_status)
			printf("Crypto status: %s.\n", rows[i].crypto);
	}
}

int main(void)
{
	fputs(head, stdout);
	puts(".SH REASONS");
	print_rows("Of the classifier", classifier_rows, sizeof(classifier_rows) / sizeof(*classifier_rows),
		   0);
	print_rows("Of the engine", engine_rows, sizeof(engine_rows) / sizeof(*engine_rows), 1);
	print_rows("Of what the host routes into the sink", host_rows, sizeof(host_rows) / sizeof(*host_rows),
		   0);
	puts(".PP\n"
	     "The crypto status is the NDIS receive status of UDP-ESP offload that the reason corresponds to;\n"
	     "NONE: nothing was decrypted. AUTH_FAILED is the form of transport or of tunnel by the SA's mode.");
	fputs(tail, stdout);
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
