/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the SA tables that the classifier reads (<xesp/abi.h>, bpf/sa_table.h), in the memory of a BPF map
 * or of the native classifier. One writer; readers on other CPUs never wait, and find every entry at every
 * instant between its addition and its deletion. Pure, but for `settle`.
 */
#ifndef XESP_HOST_CLASSIFIER_TABLE_H
#define XESP_HOST_CLASSIFIER_TABLE_H

#include <stdint.h>
#include <xesp/abi.h>

#include "base/ip_addr.h"

struct classifier_table {
	union xesp_sa_element *elements; /* borrowed: number of buckets, then the buckets */
	uint8_t family;			 /* 4 or 6 */
	uint32_t buckets;
	uint32_t count; /* SAs in it */
	uint32_t limit; /* that many at most */
	/* Returns when every lookup that began before the call has ended. NULL: nobody else reads. */
	void (*settle)(void);
};

/* Elements of a table for `capacity` SAs; 0 if there is none of this capacity. Twice as many slots as SAs are
 * wanted for any set of keys to find room; there are three times as many (IPv6: four times), and some more,
 * without which the keys of a small table would now and then all want the same bucket. */
uint32_t classifier_table_entries(uint8_t family, uint32_t capacity);
/* The capacity that a table of so many elements was made for. */
uint32_t classifier_table_capacity(uint8_t family, uint32_t entries);
/* `elements` are zero, or a table of this size that another process filled and left, perhaps when it was
 * killed. */
void classifier_table_init(struct classifier_table *table, uint8_t family, union xesp_sa_element *elements,
			   uint32_t entries, uint32_t limit, void (*settle)(void));
/* -EINVAL: SPI 0, or no address of the table's family; -EEXIST; -ENOSPC. */
int classifier_table_add(struct classifier_table *table, uint32_t spi, const struct ip_addr *dst,
			 const struct xesp_sa_ref *ref);
/* -EINVAL, -ENOENT. */
int classifier_table_del(struct classifier_table *table, uint32_t spi, const struct ip_addr *dst);

#endif
