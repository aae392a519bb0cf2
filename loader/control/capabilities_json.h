/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of capabilities as JSON, as the method Capabilities of org.xesp.varlink describes it: in words,
 * and in the numbers of the NDIS structures. Pure.
 */
#ifndef XESP_CONTROL_CAPABILITIES_JSON_H
#define XESP_CONTROL_CAPABILITIES_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A new object with everything that does not depend on what is attached; or NULL if memory ran out.
 * `capacity`: SAs that one interface can hold; `legacy_on`: legacy algorithms are taken. */
json_t *capabilities_json_encode(uint32_t capacity, bool legacy_on);

#endif
