/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of a loaded classifier through their map descriptors: what a classifier that this process
 * loaded and one that another process attached have in common.
 */
#ifndef XESP_HOST_CLASSIFIER_MAPS_H
#define XESP_HOST_CLASSIFIER_MAPS_H

#include "host/classifier.h"
#include "host/classifier_dsts.h"
#include "host/classifier_table.h"

/* First member of every classifier whose operations are the functions below. */
struct classifier_maps {
	struct classifier classifier;
	struct classifier_fds fds;   /* borrowed */
	struct classifier_table sa4; /* in the memory of the maps */
	struct classifier_table sa6;
	const struct xesp_config *config; /* the same, read only */
	const struct xesp_parser_slot *parsers;
	struct classifier_dsts dsts; /* as in the map, with references */
	int cpus;
	uint64_t *percpu; /* one value for each reason and CPU */
};

/* Maps the SA tables and reads the number of CPUs (/sys), so before any sandbox. Finds the SAs that are in
 * the tables already. `capacity` SAs of a family at most; 0: as many as were asked for when the maps were
 * made. `clear`: throws them away unseen, and all else that is in the maps but counters and switches.
 * -ENOMEM, or what the kernel says. */
int classifier_maps_init(struct classifier_maps *maps, const struct classifier_ops *ops,
			 const struct classifier_fds *fds, uint32_t capacity, bool clear);
/* Releases what init acquired; also fine on zeroed memory. */
void classifier_maps_cleanup(struct classifier_maps *maps);

int classifier_maps_set_config(struct classifier *classifier, const struct xesp_config *config);
int classifier_maps_set_parser(struct classifier *classifier, uint16_t port,
			       const struct xesp_parser_slot *slot);
int classifier_maps_add_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst,
			   const struct xesp_sa_ref *ref);
int classifier_maps_del_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst);
int classifier_maps_read_counters(struct classifier *classifier, uint64_t *counters);

#endif
