/* SPDX-License-Identifier: BSD-2-Clause */
/* Control thread. */
#include "control/path_mtu.h"

#include <stddef.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* MTUs that links have, largest first (RFC 1191 section 7.1). */
static const uint32_t plateaus[] = {65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68};

const char *path_mtu_result_name(enum path_mtu_result result)
{
	static const char *const names[] = {
#define PATH_MTU_NAME(NAME, name, text) [PATH_MTU_##NAME] = (name),
		PATH_MTU_RESULTS(PATH_MTU_NAME)
#undef PATH_MTU_NAME
	};

	return result < ARRAY_SIZE(names) ? names[result] : NULL;
}

static uint32_t plateau_below(uint32_t bytes)
{
	for (size_t i = 0; i < ARRAY_SIZE(plateaus); i++)
		if (plateaus[i] < bytes)
			return plateaus[i];
	return 0;
}

enum path_mtu_result path_mtu_judge(uint8_t family, uint32_t told, uint32_t packet_bytes, uint32_t *ret_mtu)
{
	uint32_t mtu = told, least = family == AF_INET ? PATH_MTU_MIN_IPV4 : PATH_MTU_MIN_IPV6;

	if (!mtu && family == AF_INET)
		mtu = plateau_below(packet_bytes);
	if (mtu >= packet_bytes)
		return PATH_MTU_MALFORMED;
	if (mtu < least)
		return PATH_MTU_TOO_SMALL;
	*ret_mtu = mtu;
	return PATH_MTU_LEARNED;
}

enum path_mtu_result path_mtu_learn(struct path_mtu *path, uint32_t mtu, uint32_t present, uint64_t now_ms)
{
	bool less = !present || mtu < present;

	if (!less && mtu != path->mtu)
		return PATH_MTU_KNOWN;
	path->mtu = mtu;
	path->until_ms = now_ms + PATH_MTU_EXPIRES_MS;
	return less ? PATH_MTU_LEARNED : PATH_MTU_KNOWN;
}

bool path_mtu_expire(struct path_mtu *path, uint64_t now_ms)
{
	if (!path->mtu || now_ms < path->until_ms)
		return false;
	*path = (struct path_mtu){0};
	return true;
}

uint32_t path_mtu_least(const struct path_mtu *path, uint32_t mtu)
{
	return path->mtu && (!mtu || path->mtu < mtu) ? path->mtu : mtu;
}
