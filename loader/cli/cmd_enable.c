/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp enable` and `xesp disable`: the one switch of all interfaces. Runs on the CLI's only thread.
 */
#include "cli/call.h"

static const struct argp enable_argp = {
	.doc = "Lets the interfaces, attached now or later, open the packets of their SAs again.",
};

static const struct argp disable_argp = {
	.doc = "Lets every packet pass to the kernel as it came, on all interfaces, attached now or later. SAs "
	       "stay, with what they have received. Packets that are on their way to a worker are still opened.",
};

static int set_enabled(struct cli *cli, const struct argp *argp, int argc, char **argv, bool enabled)
{
	cli_parse(cli, argp, argc, argv, NULL);
	return call_plain(cli, "org.xesp.SetEnabled", json_pack("{s:b}", "enabled", (int)enabled));
}

int cmd_enable(struct cli *cli, int argc, char **argv)
{
	return set_enabled(cli, &enable_argp, argc, argv, true);
}

int cmd_disable(struct cli *cli, int argc, char **argv)
{
	return set_enabled(cli, &disable_argp, argc, argv, false);
}
