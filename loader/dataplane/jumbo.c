/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/jumbo.h"

#include <string.h>
#include <xesp/abi.h>

_Static_assert(sizeof(struct xesp_meta) <= JUMBO_HEADROOM, "the metadata fit in front");
_Static_assert(JUMBO_BUFFER_SIZE % 64 == 0, "each buffer begins at a cache line");

void jumbo_init(struct jumbo *jumbo, uint8_t *umem, uint64_t begin, uint32_t count)
{
	*jumbo = (struct jumbo){.umem = umem, .begin = begin, .count = count};
	for (uint32_t i = 0; i < count; i++)
		jumbo->free[i] = (uint16_t)(count - 1 - i);
}

/* The buffer that came back last is the next to be taken: it is still in the cache, and those that are never
 * needed never become memory. */
bool jumbo_take(struct jumbo *jumbo, uint64_t *ret_addr)
{
	uint32_t held = atomic_load_explicit(&jumbo->held, memory_order_relaxed);

	if (held == jumbo->count)
		return false;
	atomic_store_explicit(&jumbo->held, held + 1, memory_order_relaxed);
	*ret_addr = jumbo->begin + jumbo_bytes(jumbo->free[jumbo->count - held - 1]) + JUMBO_HEADROOM;
	return true;
}

void jumbo_give_back(struct jumbo *jumbo, uint64_t addr)
{
	uint32_t held = atomic_load_explicit(&jumbo->held, memory_order_relaxed);

	jumbo->free[jumbo->count - held] = (uint16_t)((addr - jumbo->begin) / JUMBO_BUFFER_SIZE);
	atomic_store_explicit(&jumbo->held, held - 1, memory_order_relaxed);
}

/* The metadata are in front of the first frame only. */
static void begin(struct jumbo *jumbo, const struct xdp_desc *desc)
{
	size_t meta = sizeof(struct xesp_meta);

	jumbo->open = true;
	jumbo->addr = desc->addr;
	jumbo->len = 0;
	jumbo->whole = jumbo_take(jumbo, &jumbo->addr);
	if (jumbo->whole)
		memcpy(jumbo->umem + jumbo->addr - meta, jumbo->umem + desc->addr - meta, meta);
}

bool jumbo_add(struct jumbo *jumbo, const struct xdp_desc *desc)
{
	if (!jumbo->open)
		begin(jumbo, desc);
	if (desc->len > XESP_PACKET_JUMBO_MAX - jumbo->len)
		jumbo->whole = false;
	if (jumbo->whole) {
		/* The copy that jumbo frames cost; see docs/ARCHITECTURE.md. */
		memcpy(jumbo->umem + jumbo->addr + jumbo->len, jumbo->umem + desc->addr, desc->len);
		jumbo->len += desc->len;
	}
	jumbo->open = desc->options & XDP_PKT_CONTD;
	return !jumbo->open;
}
