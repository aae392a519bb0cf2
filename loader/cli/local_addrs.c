/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs on the CLI's only thread.
 */
#include "cli/local_addrs.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_addr));
}

/* False if it is no IP address. */
static bool from_sockaddr(const struct sockaddr *address, struct ip_addr *ret_addr)
{
	sa_family_t family;

	if (!address)
		return false;
	/* Copied: the object may have been written as another type of address. */
	memcpy(&family, &address->sa_family, sizeof(family));
	if (family != AF_INET && family != AF_INET6)
		return false;
	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->family = (uint8_t)family;
	if (family == AF_INET)
		memcpy(ret_addr->bytes, &((const struct sockaddr_in *)address)->sin_addr, 4);
	else
		memcpy(ret_addr->bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
	return true;
}

int local_addrs_read(struct local_addrs *ret_addrs)
{
	struct ifaddrs *list, *entry;
	struct ip_addr *items;
	size_t count = 0;

	if (getifaddrs(&list))
		return -errno;
	for (entry = list; entry; entry = entry->ifa_next)
		count++;
	items = calloc(count + 1, sizeof(*items));
	count = 0;
	for (entry = items ? list : NULL; entry; entry = entry->ifa_next)
		count += from_sockaddr(entry->ifa_addr, &items[count]);
	freeifaddrs(list);
	if (!items)
		return -ENOMEM;
	qsort(items, count, sizeof(*items), compare);
	ret_addrs->items = items;
	ret_addrs->count = count;
	return 0;
}

bool local_addrs_have(const struct local_addrs *addrs, const struct ip_addr *addr)
{
	return addrs->count && bsearch(addr, addrs->items, addrs->count, sizeof(*addr), compare);
}

void local_addrs_clear(struct local_addrs *addrs)
{
	free(addrs->items);
	memset(addrs, 0, sizeof(*addrs));
}
