/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DPDK's librte_ipsec as a peer for benchmarks, as the chapter "IPsec Packet Processing Library" of its
 * programmer's guide says to use it. Crypto operations and packet buffers are taken from their pools once, so
 * that what is measured allocates nothing, as in DPDK's own gateway (ipsec-secgw), which keeps the operation
 * beside the packet.
 */
#include "tests/bench/rte_peer.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <rte_bus_vdev.h>
#include <rte_cryptodev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ip.h>
#include <rte_ipsec.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_version.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GCM_NONCE 12 /* bytes: salt, IV */
#define GCM_AAD 8    /* bytes of ESP header without ESN (RFC 4106 section 5) */
#define SALT_BYTES 4
#define CBC_IV 16
#define OP_PRIVATE 16 /* bytes for IV or nonce */
#define IV_OFFSET (sizeof(struct rte_crypto_op) + sizeof(struct rte_crypto_sym_op))
#define DESCRIPTORS 2048
#define TTL 64
/* In front of an inner packet that came by Ethernet. */
#define ETHERNET_BYTES 14
/* Headers, padding and ICV around a packet, and what librte_ipsec keeps behind it meanwhile. */
#define AROUND_BYTES 256

const struct rte_peer_way rte_peer_ways[RTE_PEER_WAYS] = {
	{"gcm", "crypto_aesni_gcm0", false},
	{"gcm-sync", "crypto_aesni_gcm0", true},
	{"mb", "crypto_aesni_mb0", false},
	{"mb-sync", "crypto_aesni_mb0", true},
	{"chacha", "crypto_chacha20_poly1305_0", false},
};

struct rte_peer {
	struct rte_ipsec_session session;
	struct rte_ipsec_sa_prm prm;
	struct rte_crypto_sym_xform xforms[2];
	struct rte_ipv4_hdr outer;
	uint32_t sa_bytes;
	bool synchronous;
	bool open;
	struct rte_mempool *sessions, *packets, *operations;
	struct rte_mbuf *mbufs[RTE_PEER_SLOTS];
	struct rte_crypto_op *ops[RTE_PEER_SLOTS];
};

/* ---- DPDK and its devices ------------------------------------------------------------------------------ */

static int start_device(const char *name)
{
	const struct rte_cryptodev_config config = {.socket_id = SOCKET_ID_ANY, .nb_queue_pairs = 1};
	const struct rte_cryptodev_qp_conf queue = {.nb_descriptors = DESCRIPTORS};
	int id, r;

	if (rte_cryptodev_get_dev_id(name) >= 0)
		return 0;
	r = rte_vdev_init(name, NULL);
	if (r)
		return r;
	id = rte_cryptodev_get_dev_id(name);
	if (id < 0)
		return -ENODEV;
	r = rte_cryptodev_configure((uint8_t)id, (struct rte_cryptodev_config *)&config);
	if (!r)
		r = rte_cryptodev_queue_pair_setup((uint8_t)id, 0, &queue, SOCKET_ID_ANY);
	return r ? r : rte_cryptodev_start((uint8_t)id);
}

/* DPDK may write to its arguments. Bits: the devices and the libraries may use AVX-512. */
int rte_peer_begin(void)
{
	char words[][32] = {"bench",
			    "--no-huge",
			    "--no-pci",
			    "--no-shconf",
			    "--no-telemetry",
			    "--file-prefix=xesp-bench",
			    "-m256",
			    "--iova-mode=va",
			    "--log-level=error",
			    "--force-max-simd-bitwidth=512",
			    "-l",
			    "cpu"};
	char *arguments[RTE_DIM(words)];
	size_t devices = 0;

	snprintf(words[RTE_DIM(words) - 1], sizeof(words[0]), "%d", sched_getcpu());
	for (size_t i = 0; i < RTE_DIM(words); i++)
		arguments[i] = words[i];
	if (rte_eal_init((int)RTE_DIM(words), arguments) < 0) {
		fprintf(stderr, "bench_rte_ipsec: DPDK does not begin: %s\n", rte_strerror(rte_errno));
		return -ENODEV;
	}
	for (size_t i = 0; i < RTE_PEER_WAYS; i++) {
		int r = start_device(rte_peer_ways[i].device);

		if (r)
			fprintf(stderr, "bench_rte_ipsec: no %s: %s\n", rte_peer_ways[i].device,
				rte_strerror(-r));
		else
			devices++;
	}
	return devices ? 0 : -ENODEV;
}

void rte_peer_end(void)
{
	char directory[PATH_MAX];

	snprintf(directory, sizeof(directory), "%s", rte_eal_get_runtime_dir());
	for (size_t i = 0; i < RTE_PEER_WAYS; i++) {
		int id = rte_cryptodev_get_dev_id(rte_peer_ways[i].device);

		/* Its other way is the same device. */
		if (id >= 0 && !rte_peer_ways[i].synchronous)
			rte_cryptodev_stop((uint8_t)id);
	}
	rte_eal_cleanup();
	/* DPDK leaves its directories; not those that others use. */
	rmdir(directory);
	rmdir(dirname(directory));
}

const char *rte_peer_version(void)
{
	return rte_version();
}

/* ---- an SA --------------------------------------------------------------------------------------------- */

static enum rte_crypto_aead_algorithm aead_of(enum algo_id cipher)
{
	return cipher == ALGO_AES_GCM ? RTE_CRYPTO_AEAD_AES_GCM : RTE_CRYPTO_AEAD_CHACHA20_POLY1305;
}

/* Asked before a session is made, for the drivers complain loudly. */
static bool has_suite(uint8_t device, const struct sa_params *params)
{
	struct rte_cryptodev_sym_capability_idx first = {.type = RTE_CRYPTO_SYM_XFORM_AEAD,
							 .algo.aead = aead_of(params->cipher)};
	struct rte_cryptodev_sym_capability_idx second = {.type = RTE_CRYPTO_SYM_XFORM_AUTH,
							  .algo.auth = RTE_CRYPTO_AUTH_SHA256_HMAC};

	if (params->auth == ALGO_NONE)
		return rte_cryptodev_sym_capability_get(device, &first) != NULL;
	first = (struct rte_cryptodev_sym_capability_idx){.type = RTE_CRYPTO_SYM_XFORM_CIPHER,
							  .algo.cipher = RTE_CRYPTO_CIPHER_AES_CBC};
	return rte_cryptodev_sym_capability_get(device, &first) &&
	       rte_cryptodev_sym_capability_get(device, &second);
}

static void set_aead(struct rte_peer *peer, const struct sa_params *params)
{
	peer->xforms[0] = (struct rte_crypto_sym_xform){
		.type = RTE_CRYPTO_SYM_XFORM_AEAD,
		.aead =
			{
				.op = peer->open ? RTE_CRYPTO_AEAD_OP_DECRYPT : RTE_CRYPTO_AEAD_OP_ENCRYPT,
				.algo = aead_of(params->cipher),
				.key = {params->key, (uint16_t)(params->key_bytes - SALT_BYTES)},
				.iv = {IV_OFFSET, GCM_NONCE},
				.digest_length = params->icv_bytes,
				.aad_length = GCM_AAD,
			},
	};
	memcpy(&peer->prm.ipsec_xform.salt, params->key + params->key_bytes - SALT_BYTES, SALT_BYTES);
}

/* AES-CBC with HMAC-SHA-256; the order is that in which the two are done. */
static void set_pair(struct rte_peer *peer, const struct sa_params *params)
{
	struct rte_crypto_sym_xform *cipher = &peer->xforms[peer->open ? 1 : 0];
	struct rte_crypto_sym_xform *auth = &peer->xforms[peer->open ? 0 : 1];

	*cipher = (struct rte_crypto_sym_xform){
		.type = RTE_CRYPTO_SYM_XFORM_CIPHER,
		.cipher =
			{
				.op = peer->open ? RTE_CRYPTO_CIPHER_OP_DECRYPT
						 : RTE_CRYPTO_CIPHER_OP_ENCRYPT,
				.algo = RTE_CRYPTO_CIPHER_AES_CBC,
				.key = {params->key, params->key_bytes},
				.iv = {IV_OFFSET, CBC_IV},
			},
	};
	*auth = (struct rte_crypto_sym_xform){
		.type = RTE_CRYPTO_SYM_XFORM_AUTH,
		.auth =
			{
				.op = peer->open ? RTE_CRYPTO_AUTH_OP_VERIFY : RTE_CRYPTO_AUTH_OP_GENERATE,
				.algo = RTE_CRYPTO_AUTH_SHA256_HMAC,
				.key = {params->auth_key, params->auth_key_bytes},
				.digest_length = params->icv_bytes,
			},
	};
	peer->xforms[0].next = &peer->xforms[1];
}

/* Outbound SAs put it in front, with UDP behind it; length and identification are set for each packet. */
static void set_outer(struct rte_peer *peer, const struct sa_params *params)
{
	peer->outer = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.time_to_live = TTL,
		.next_proto_id = params->encap.present ? IPPROTO_UDP : IPPROTO_ESP,
	};
	memcpy(&peer->outer.src_addr, params->src.bytes, 4);
	memcpy(&peer->outer.dst_addr, params->dst.bytes, 4);
	peer->prm.tun.hdr = &peer->outer;
	peer->prm.tun.hdr_len = sizeof(peer->outer);
}

/* What xesp does as well: ECN as RFC 6040 says, and outbound a copied DSCP. An inbound SA that is told of UDP
 * is not set up (22.11, esp_sa_init()): there the caller counts UDP into the headers in front of ESP. */
static void set_prm(struct rte_peer *peer, const struct sa_params *params)
{
	struct rte_security_ipsec_xform *xform = &peer->prm.ipsec_xform;

	xform->spi = params->spi;
	xform->options.udp_encap = params->encap.present && !peer->open;
	xform->options.ecn = 1;
	xform->options.copy_dscp = !peer->open;
	xform->direction = peer->open ? RTE_SECURITY_IPSEC_SA_DIR_INGRESS : RTE_SECURITY_IPSEC_SA_DIR_EGRESS;
	xform->proto = RTE_SECURITY_IPSEC_SA_PROTO_ESP;
	xform->mode = RTE_SECURITY_IPSEC_SA_MODE_TUNNEL;
	xform->tunnel.type = RTE_SECURITY_IPSEC_TUNNEL_IPV4;
	xform->replay_win_sz = params->replay_window;
	xform->udp.sport = params->encap.sport;
	xform->udp.dport = params->encap.dport;
	peer->prm.tun.next_proto = IPPROTO_IPIP;
	peer->prm.crypto_xform = peer->xforms;
	set_outer(peer, params);
	if (params->auth == ALGO_NONE)
		set_aead(peer, params);
	else
		set_pair(peer, params);
}

static int make_session(struct rte_peer *peer, uint8_t device)
{
	int bytes = rte_ipsec_sa_size(&peer->prm);

	if (bytes < 0)
		return bytes;
	peer->sa_bytes = (uint32_t)bytes;
	peer->session.sa = rte_zmalloc(NULL, peer->sa_bytes, RTE_CACHE_LINE_SIZE);
	if (!peer->session.sa)
		return -ENOMEM;
	if (rte_ipsec_sa_init(peer->session.sa, &peer->prm, peer->sa_bytes) < 0)
		return -EOPNOTSUPP;
	peer->session.crypto.ses = rte_cryptodev_sym_session_create(device, peer->xforms, peer->sessions);
	if (!peer->session.crypto.ses)
		return -EOPNOTSUPP;
	peer->session.crypto.dev_id = device;
	peer->session.type =
		peer->synchronous ? RTE_SECURITY_ACTION_TYPE_CPU_CRYPTO : RTE_SECURITY_ACTION_TYPE_NONE;
	return rte_ipsec_session_prepare(&peer->session);
}

/* Unique, since pools of several peers are there together. */
static const char *pool_name(const struct rte_peer *peer, char letter, char *name, size_t room)
{
	snprintf(name, room, "%c%zx", letter, (size_t)(uintptr_t)peer);
	return name;
}

static int make_pools(struct rte_peer *peer, uint8_t device, size_t longest)
{
	size_t room = RTE_PKTMBUF_HEADROOM + AROUND_BYTES + longest;
	char name[RTE_MEMPOOL_NAMESIZE];

	if (room < RTE_MBUF_DEFAULT_BUF_SIZE)
		room = RTE_MBUF_DEFAULT_BUF_SIZE;
	peer->sessions = rte_cryptodev_sym_session_pool_create(
		pool_name(peer, 's', name, sizeof(name)), 1,
		rte_cryptodev_sym_get_private_session_size(device), 0, 0, SOCKET_ID_ANY);
	peer->packets = rte_pktmbuf_pool_create(pool_name(peer, 'p', name, sizeof(name)), RTE_PEER_SLOTS, 0,
						0, (uint16_t)room, SOCKET_ID_ANY);
	peer->operations = rte_crypto_op_pool_create(pool_name(peer, 'o', name, sizeof(name)),
						     RTE_CRYPTO_OP_TYPE_SYMMETRIC, RTE_PEER_SLOTS, 0,
						     OP_PRIVATE, SOCKET_ID_ANY);
	if (!peer->sessions || !peer->packets || !peer->operations)
		return -ENOMEM;
	if (rte_pktmbuf_alloc_bulk(peer->packets, peer->mbufs, RTE_PEER_SLOTS))
		return -ENOMEM;
	if (!rte_crypto_op_bulk_alloc(peer->operations, RTE_CRYPTO_OP_TYPE_SYMMETRIC, peer->ops,
				      RTE_PEER_SLOTS))
		return -ENOMEM;
	return 0;
}

int rte_peer_new(const struct rte_peer_way *way, const struct sa_params *params, bool open, size_t longest,
		 struct rte_peer **ret_peer)
{
	int device = rte_cryptodev_get_dev_id(way->device);
	struct rte_cryptodev_info info;
	struct rte_peer *peer;
	int r;

	if (device < 0)
		return -EOPNOTSUPP;
	rte_cryptodev_info_get((uint8_t)device, &info);
	if (way->synchronous && !(info.feature_flags & RTE_CRYPTODEV_FF_SYM_CPU_CRYPTO))
		return -EOPNOTSUPP;
	if (!has_suite((uint8_t)device, params))
		return -EOPNOTSUPP;
	peer = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*peer));
	if (!peer)
		return -ENOMEM;
	memset(peer, 0, sizeof(*peer));
	peer->synchronous = way->synchronous;
	peer->open = open;
	set_prm(peer, params);
	r = make_pools(peer, (uint8_t)device, longest);
	if (!r)
		r = make_session(peer, (uint8_t)device);
	if (r) {
		rte_peer_free(peer);
		return r;
	}
	*ret_peer = peer;
	return 0;
}

void rte_peer_free(struct rte_peer *peer)
{
	if (!peer)
		return;
	if (peer->session.crypto.ses)
		rte_cryptodev_sym_session_free(peer->session.crypto.dev_id, peer->session.crypto.ses);
	rte_free(peer->session.sa);
	rte_mempool_free(peer->sessions);
	rte_mempool_free(peer->packets);
	rte_mempool_free(peer->operations);
	free(peer);
}

/* ---- packets ------------------------------------------------------------------------------------------- */

void rte_peer_put(struct rte_peer *peer, size_t slot, const uint8_t *packet, size_t len, size_t link,
		  size_t headers)
{
	struct rte_mbuf *mbuf = peer->mbufs[slot];

	rte_pktmbuf_reset(mbuf);
	if (!peer->open) {
		rte_pktmbuf_append(mbuf, ETHERNET_BYTES);
		rte_pktmbuf_adj(mbuf, ETHERNET_BYTES);
	}
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), packet, len);
	mbuf->tx_offload = rte_mbuf_tx_offload(link, headers, 0, 0, 0, 0, 0);
}

void rte_peer_reset(struct rte_peer *peer)
{
	rte_ipsec_sa_init(peer->session.sa, &peer->prm, peer->sa_bytes);
}

static size_t run_lookaside(struct rte_peer *peer, size_t first, size_t count)
{
	uint8_t device = peer->session.crypto.dev_id;
	struct rte_crypto_op **ops = &peer->ops[first];
	struct rte_mbuf **mbufs = &peer->mbufs[first];
	struct rte_crypto_op *done[RTE_PEER_BURST];
	uint16_t number = (uint16_t)count, back = 0;

	number = rte_ipsec_pkt_crypto_prepare(&peer->session, mbufs, ops, number);
	number = rte_cryptodev_enqueue_burst(device, 0, ops, number);
	while (back < number)
		back = (uint16_t)(back + rte_cryptodev_dequeue_burst(device, 0, &done[back],
								     (uint16_t)(number - back)));
	for (uint16_t i = 0; i < number; i++) {
		mbufs[i] = done[i]->sym->m_src;
		if (done[i]->status != RTE_CRYPTO_OP_STATUS_SUCCESS)
			mbufs[i]->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED;
	}
	return rte_ipsec_pkt_process(&peer->session, mbufs, number);
}

static size_t run_synchronous(struct rte_peer *peer, size_t first, size_t count)
{
	struct rte_mbuf **mbufs = &peer->mbufs[first];
	uint16_t number = rte_ipsec_pkt_cpu_prepare(&peer->session, mbufs, (uint16_t)count);

	return rte_ipsec_pkt_process(&peer->session, mbufs, number);
}

size_t rte_peer_run(struct rte_peer *peer, size_t first, size_t count)
{
	return peer->synchronous ? run_synchronous(peer, first, count) : run_lookaside(peer, first, count);
}

const uint8_t *rte_peer_packet(const struct rte_peer *peer, size_t slot, size_t *ret_len)
{
	const struct rte_mbuf *mbuf = peer->mbufs[slot];

	*ret_len = rte_pktmbuf_pkt_len(mbuf);
	return rte_pktmbuf_mtod(mbuf, const uint8_t *);
}
