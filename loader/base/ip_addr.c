/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP addresses and prefixes as values: parsing, printing, comparing. Pure; any thread.
 */
#include "base/ip_addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

size_t ip_addr_size(uint8_t family)
{
	switch (family) {
	case AF_INET: return 4;
	case AF_INET6: return 16;
	default: return 0;
	}
}

bool ip_addr_is_any(const struct ip_addr *addr)
{
	static const uint8_t zero[sizeof(addr->bytes)];

	return memcmp(addr->bytes, zero, ip_addr_size(addr->family)) == 0;
}

bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, ip_addr_size(a->family)) == 0;
}

int ip_addr_parse(const char *text, struct ip_addr *ret_addr)
{
	struct ip_addr addr = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

	if (inet_pton(addr.family, text, addr.bytes) != 1)
		return -EINVAL;
	*ret_addr = addr;
	return 0;
}

const char *ip_addr_format(const struct ip_addr *addr, char *buffer)
{
	if (!ip_addr_size(addr->family) || !inet_ntop(addr->family, addr->bytes, buffer, IP_ADDR_TEXT_MAX))
		snprintf(buffer, IP_ADDR_TEXT_MAX, "none");
	return buffer;
}

static int length_parse(const char *text, unsigned int max, uint8_t *ret_length)
{
	unsigned int length = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 3 || text[digits] != '\0')
		return -EINVAL;
	for (; *text; text++)
		length = length * 10 + (unsigned int)(*text - '0');
	if (length > max)
		return -EINVAL;
	*ret_length = (uint8_t)length;
	return 0;
}

/* True if only the first `length` bits of the address may be set. */
static bool host_bits_clear(const struct ip_addr *addr, unsigned int length)
{
	for (unsigned int bit = length; bit < ip_addr_size(addr->family) * 8; bit++) {
		if (addr->bytes[bit / 8] & (0x80u >> bit % 8))
			return false;
	}
	return true;
}

int ip_prefix_parse(const char *text, struct ip_prefix *ret_prefix)
{
	char addr_text[IP_ADDR_TEXT_MAX];
	struct ip_prefix prefix = {0};
	size_t addr_len = strcspn(text, "/");
	unsigned int max;

	if (addr_len >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, addr_len);
	addr_text[addr_len] = '\0';
	if (ip_addr_parse(addr_text, &prefix.addr) < 0)
		return -EINVAL;
	max = (unsigned int)ip_addr_size(prefix.addr.family) * 8;
	/* Of a selector, the address of zeros stands for every address, as in the NDIS contract. */
	prefix.length = (uint8_t)(ip_addr_is_any(&prefix.addr) ? 0 : max);
	if (text[addr_len] == '/' && length_parse(text + addr_len + 1, max, &prefix.length) < 0)
		return -EINVAL;
	if (!host_bits_clear(&prefix.addr, prefix.length))
		return -EINVAL;
	*ret_prefix = prefix;
	return 0;
}

const char *ip_prefix_format(const struct ip_prefix *prefix, char *buffer)
{
	char addr_text[IP_ADDR_TEXT_MAX];

	if (!ip_addr_size(prefix->addr.family))
		snprintf(buffer, IP_PREFIX_TEXT_MAX, "any");
	else
		snprintf(buffer, IP_PREFIX_TEXT_MAX, "%s/%u", ip_addr_format(&prefix->addr, addr_text),
			 prefix->length);
	return buffer;
}

bool ip_prefix_match(const struct ip_prefix *prefix, uint8_t family, const uint8_t *bytes)
{
	unsigned int whole = prefix->length / 8;
	unsigned int rest = prefix->length % 8;

	if (prefix->addr.family == AF_UNSPEC)
		return true;
	if (prefix->addr.family != family || prefix->length > ip_addr_size(family) * 8)
		return false;
	if (memcmp(prefix->addr.bytes, bytes, whole) != 0)
		return false;
	return rest == 0 || (prefix->addr.bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}
