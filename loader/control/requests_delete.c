/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods that delete SAs and parser entries, and how requests name them. Control thread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/requests_outbound.h"

/* ---- names --------------------------------------------------------------------------------------------- */

bool request_parse_address(struct varlink_call *call, const char *text, struct ip_addr *ret_addr)
{
	if (!ip_addr_parse(text, ret_addr))
		return true;
	request_invalid(call, "dst", text, "a numeric IPv4 or IPv6 address");
	return false;
}

bool request_parse_spi(struct varlink_call *call, json_int_t number, uint32_t *ret_spi)
{
	char text[24];

	/* A JSON number has 64 bits: one that is cut would name another SA. */
	if (number < 0 || number > UINT32_MAX) {
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, number);
		request_invalid(call, "spi", text, "an SPI has 32 bits (RFC 4303 section 2.1)");
		return false;
	}
	*ret_spi = (uint32_t)number;
	return true;
}

bool request_parse_handle(struct varlink_call *call, const char *field, const char *kind, const char *text,
			  struct handle *ret_handle)
{
	if (!handle_parse(kind, text, ret_handle))
		return true;
	request_invalid(call, field, text, "a handle as AddSa and the lists give it");
	return false;
}

/* The interface of a delete: the one named, else the one that has the SA. NULL: answered. */
static struct iface *iface_with_sa(struct varlink_call *call, const struct engine *engine, const char *dev,
				   uint32_t spi, const struct ip_addr *dst)
{
	struct iface *found = NULL;

	for (size_t i = 0; i < XESP_IFACES_MAX; i++) {
		struct iface *iface = engine->ifaces[i];

		if (!iface || (dev && strcmp(iface->info.dev, dev)) || !sadb_find(iface->db, spi, dst))
			continue;
		if (found) {
			request_invalid(call, "dev", "", "several interfaces have this SA: name one of them");
			return NULL;
		}
		found = iface;
	}
	if (!found)
		request_error_what(call, "NotFound", "no SA has spi 0x%08x and this dst%s%s", spi,
				   dev ? " on " : "", dev ? dev : "");
	return found;
}

/* ---- DeleteSa ------------------------------------------------------------------------------------------ */

struct delete_request {
	const char *dst;
	json_int_t spi;
	const char *handle;
	const char *dev;
	const char *parser;
	int parser_if_unused;
};

static bool parse_delete(struct varlink_call *call, const json_t *parameters,
			 struct delete_request *ret_request)
{
	struct delete_request *r = ret_request;

	*r = (struct delete_request){.spi = -1};
	if (!request_unpack(call, parameters, "{s?s, s?I, s?s, s?s, s?s, s?b}", "dst", &r->dst, "spi",
			    &r->spi, "handle", &r->handle, "dev", &r->dev, "parser", &r->parser,
			    "parser_if_unused", &r->parser_if_unused))
		return false;
	if (!r->handle == !r->dst || (r->handle && r->spi >= 0)) {
		request_invalid(call, r->handle ? "handle" : "dst", "",
				"either a handle names the SA, or dst and spi do");
		return false;
	}
	if (r->parser && r->parser_if_unused) {
		request_invalid(call, "parser_if_unused", "true", "not together with parser");
		return false;
	}
	return true;
}

/* NULL: answered. */
static const struct sa *sa_by_handle(struct varlink_call *call, const struct engine *engine,
				     const struct delete_request *request, struct iface **ret_iface)
{
	struct handle handle;
	const struct sa *sa;

	if (!request_parse_handle(call, "handle", HANDLE_SA, request->handle, &handle))
		return NULL;
	*ret_iface = request_pick(call, engine, request->dev);
	if (!*ret_iface)
		return NULL;
	sa = sadb_get((*ret_iface)->db, handle.index, handle.generation);
	if (!sa)
		request_error_what(call, "StaleHandle", "%s", request->handle);
	return sa;
}

/* NULL: answered. */
static const struct sa *sa_by_name(struct varlink_call *call, const struct engine *engine,
				   const struct delete_request *request, struct iface **ret_iface)
{
	struct ip_addr dst;
	uint32_t spi;

	if (!request_parse_address(call, request->dst, &dst) || !request_parse_spi(call, request->spi, &spi))
		return NULL;
	*ret_iface = iface_with_sa(call, engine, request->dev, spi, &dst);
	return *ret_iface ? sadb_find((*ret_iface)->db, spi, &dst) : NULL;
}

/* What becomes of the parser entry. False: answered. */
static bool choose_entry(struct varlink_call *call, const struct sadb *db,
			 const struct delete_request *request, const struct sa *sa,
			 enum sadb_entry *ret_entry)
{
	const struct sadb_parser *parser;
	struct handle handle;

	*ret_entry = request->parser_if_unused ? SADB_ENTRY_IF_UNUSED : SADB_ENTRY_STAYS;
	if (!request->parser)
		return true;
	if (!request_parse_handle(call, "parser", HANDLE_PARSER, request->parser, &handle))
		return false;
	parser = sadb_parser_get(db, handle);
	if (!parser) {
		request_error_what(call, "StaleHandle", "%s", request->parser);
		return false;
	}
	if (parser != sadb_parser_of(db, sa)) {
		request_invalid(call, "parser", request->parser, "the SA does not belong to this entry");
		return false;
	}
	*ret_entry = SADB_ENTRY_GOES;
	return true;
}

static void delete_and_answer(struct varlink_call *call, struct sadb *db, const struct sa *sa,
			      enum sadb_entry entry)
{
	const struct sadb_parser *parser = sadb_parser_of(db, sa);
	uint32_t spi = sa->spi;
	struct failure failure;
	bool marked = false;
	int err = sadb_delete(db, sa, entry, &marked);

	switch (err) {
	case 0: varlink_reply(call, json_pack("{s:b}", "pending", marked)); return;
	case -EBUSY:
		request_error_what(call, "InUse", "parser entry of port %u: %u other SAs belong to it",
				   parser->port, parser->refs - 1);
		return;
	default:
		failure_set(&failure, -err, "delete SA",
			    "the SA is gone, but an entry of the classifier may be left", "spi 0x%08x", spi);
		request_failed(call, &failure);
	}
}

/* The outbound SA that the request names, or NULL. A name may be that of both, an SA from this host to
 * itself: then it is the inbound one's. */
static const struct sa_out *outbound_of(const struct engine *engine, const struct delete_request *request)
{
	struct ip_addr dst;

	if (request->handle)
		return request_outbound_by_handle(engine, request->handle);
	if (request->spi < 0 || request->spi > UINT32_MAX || ip_addr_parse(request->dst, &dst))
		return NULL;
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && sadb_find(engine->ifaces[i]->db, (uint32_t)request->spi, &dst))
			return NULL;
	return outbound_find(engine->outbound, (uint32_t)request->spi, &dst);
}

void request_delete_sa(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct engine *engine = ctx;
	struct delete_request request;
	const struct sa_out *out;
	enum sadb_entry entry;
	struct iface *iface;
	const struct sa *sa;

	if (!parse_delete(call, parameters, &request))
		return;
	out = outbound_of(engine, &request);
	if (out) {
		request_outbound_delete(call, engine, out);
		return;
	}
	if (request.handle && !handle_parse(HANDLE_SA_OUT, request.handle, &(struct handle){0})) {
		request_error_what(call, "StaleHandle", "%s", request.handle);
		return;
	}
	sa = request.handle ? sa_by_handle(call, engine, &request, &iface)
			    : sa_by_name(call, engine, &request, &iface);
	if (sa && choose_entry(call, iface->db, &request, sa, &entry))
		delete_and_answer(call, iface->db, sa, entry);
}

void request_flush_sas(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	const struct engine *engine = ctx;
	const char *dev = NULL;
	json_int_t deleted = 0;

	if (!request_unpack(call, parameters, "{s?s}", "dev", &dev))
		return;
	if (dev && !engine_iface(engine, dev)) {
		request_error_what(call, "NotFound", "interface %s is not attached", dev);
		return;
	}
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && (!dev || !strcmp(engine->ifaces[i]->info.dev, dev)))
			deleted += sadb_flush(engine->ifaces[i]->db);
	deleted += outbound_flush(engine->outbound, dev ? dev : "");
	varlink_reply(call, json_pack("{s:I}", "deleted", deleted));
}
