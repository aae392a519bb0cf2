/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Published test vectors as ESP packets.
 */
#include "tests/lib/vectors.h"

#include <dirent.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/icv.h"

#define ESP_HEADER_BYTES 8
#define ICV_MAX 32

/* What is being read, for messages. */
struct source {
	const char *file;
	const char *id;
	const char *algorithm; /* of the whole file, or NULL */
	struct vector_set *set;
};

struct bytes {
	uint8_t at[1200];
	size_t len;
};

/* A case taken apart, of which packets are made. */
struct parts {
	struct vector vector; /* without name, packet and text */
	uint32_t spi;
	struct bytes iv;
	struct bytes text;
	struct bytes plain;
	struct bytes icv;
};

__attribute__((format(printf, 2, 3), noreturn)) static void refuse(const struct source *source,
								   const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s, case %s: ", source->file, source->id ? source->id : "none");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

static const char *string(const struct source *source, const json_t *test, const char *field)
{
	const char *value = json_string_value(json_object_get(test, field));

	if (!value)
		refuse(source, "no string '%s'", field);
	return value;
}

static struct bytes hex(const struct source *source, const json_t *test, const char *field)
{
	const char *text = string(source, test, field);
	struct bytes bytes = {.len = strlen(text) / 2};
	unsigned int byte;

	if (strlen(text) % 2 || bytes.len > sizeof(bytes.at) ||
	    text[strspn(text, "0123456789abcdef")] != '\0')
		refuse(source, "'%s' is not in hexadecimal, or too long", field);
	for (size_t i = 0; i < bytes.len; i++) {
		sscanf(text + 2 * i, "%2x", &byte);
		bytes.at[i] = (uint8_t)byte;
	}
	return bytes;
}

static struct bytes hex_or_none(const struct source *source, const json_t *test, const char *field)
{
	if (json_object_get(test, field))
		return hex(source, test, field);
	return (struct bytes){.len = 0};
}

static struct bytes part(const struct source *source, const struct bytes *whole, size_t from, size_t len)
{
	struct bytes bytes = {.len = len};

	if (from > whole->len || len > whole->len - from)
		refuse(source, "%zu bytes are too short for what has to be in them", whole->len);
	memcpy(bytes.at, whole->at + from, len);
	return bytes;
}

static uint64_t number(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *at++;
	return value;
}

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 3; i >= 0; i--) {
		at[i] = (uint8_t)value;
		value >>= 8;
	}
}

static bool lacks(const uint8_t *lengths, size_t len)
{
	return !algo_length_allowed(lengths, (unsigned int)len);
}

/* Makes a packet of what is in `parts`. */
static void add(const struct source *source, const struct parts *parts)
{
	struct vector_set *set = source->set;
	struct vector *vector;
	uint8_t *at;

	set->list = reallocarray(set->list, set->count + 1, sizeof(*set->list));
	if (!set->list)
		refuse(source, "no memory");
	vector = &set->list[set->count++];
	*vector = parts->vector;
	snprintf(vector->name, sizeof(vector->name), "%s %s, %s-%u%s", source->file, source->id,
		 vector->auth ? vector->auth->xfrm_name : vector->cipher->xfrm_name, 8u * vector->icv_bytes,
		 vector->esn ? ", ESN" : "");
	if (parts->iv.len != vector->cipher->iv_bytes || parts->text.len != parts->plain.len ||
	    parts->icv.len != vector->icv_bytes)
		refuse(source, "a length that does not fit the algorithm");
	vector->text_len = parts->plain.len;
	vector->packet_len = ESP_HEADER_BYTES + parts->iv.len + parts->text.len + parts->icv.len;
	vector->text = malloc(vector->text_len + 1); /* of no bytes as well */
	vector->packet = malloc(vector->packet_len);
	if (!vector->text || !vector->packet)
		refuse(source, "no memory");
	memcpy(vector->text, parts->plain.at, parts->plain.len);
	put32(vector->packet, parts->spi);
	put32(vector->packet + 4, (uint32_t)vector->seq);
	at = mempcpy(vector->packet + ESP_HEADER_BYTES, parts->iv.at, parts->iv.len);
	at = mempcpy(at, parts->text.at, parts->text.len);
	memcpy(at, parts->icv.at, parts->icv.len);
}

/* RFC 4303 section 2.2.1: with ESN the high half of the number is behind what is authenticated. */
static void add_with_icv(const struct source *source, struct parts *parts)
{
	const struct vector *vector = &parts->vector;
	uint8_t data[sizeof(parts->text.at) + 64], mac[ICV_FULL_MAX];
	uint8_t *at;

	put32(data, parts->spi);
	put32(data + 4, (uint32_t)vector->seq);
	at = mempcpy(data + ESP_HEADER_BYTES, parts->iv.at, parts->iv.len);
	at = mempcpy(at, parts->text.at, parts->text.len);
	if (vector->esn) {
		put32(at, (uint32_t)(vector->seq >> 32));
		at += 4;
	}
	icv_compute(vector->auth, vector->auth_key, data, (size_t)(at - data), mac);
	parts->icv.len = vector->icv_bytes;
	memcpy(parts->icv.at, mac, vector->icv_bytes);
	add(source, parts);
}

/* With each integrity algorithm, with and without ESN, by keys and a high half of our own. */
static void add_with_each_auth(const struct source *source, struct parts *parts)
{
	struct vector *vector = &parts->vector;
	uint64_t low = parts->vector.seq;

	for (size_t row = 0; algo_at(row); row++) {
		if (algo_at(row)->class != ALGO_CLASS_AUTH)
			continue;
		vector->auth = algo_at(row);
		vector->icv_bytes = vector->auth->icv_bytes[0];
		vector->auth_key_bytes = vector->auth->key_bytes[0];
		for (size_t i = 0; i < vector->auth_key_bytes; i++)
			vector->auth_key[i] = (uint8_t)(0x11 * row + 29 * i);
		vector->esn = false;
		vector->seq = low;
		add_with_icv(source, parts);
		vector->esn = true;
		vector->seq = 0xfffefdfc00000000ull + low;
		add_with_icv(source, parts);
	}
}

static void set_cipher(const struct source *source, const json_t *test, const struct bytes *salt,
		       struct parts *parts)
{
	const char *name = json_string_value(json_object_get(test, "algorithm"));
	struct bytes key = hex(source, test, "key");
	const struct algo *cipher;

	name = name ? name : source->algorithm;
	if (!name)
		refuse(source, "no algorithm");
	cipher = algo_by_name(ALGO_CLASS_AEAD, name);
	cipher = cipher ? cipher : algo_by_name(ALGO_CLASS_ENC, name);
	if (!cipher || salt->len != cipher->salt_bytes || lacks(cipher->key_bytes, key.len))
		refuse(source, "algorithm '%s', or the length of its key or salt", name);
	parts->vector.cipher = cipher;
	parts->vector.key_bytes = key.len + salt->len;
	memcpy(parts->vector.key, key.at, key.len);
	memcpy(parts->vector.key + key.len, salt->at, salt->len);
}

/* GCM's ICV is the beginning of a longer one, CCM's is not: its length is part of what is authenticated. */
static void add_aead(const struct source *source, struct parts *parts)
{
	const struct algo *cipher = parts->vector.cipher;

	if (lacks(cipher->icv_bytes, parts->icv.len))
		refuse(source, "length of the ICV");
	parts->vector.icv_bytes = (uint8_t)parts->icv.len;
	add(source, parts);
	if (cipher->id != ALGO_AES_GCM)
		return;
	for (const uint8_t *shorter = cipher->icv_bytes; *shorter; shorter++) {
		if (*shorter < parts->vector.icv_bytes && !parts->vector.invalid) {
			struct parts cut = *parts;

			cut.vector.icv_bytes = *shorter;
			cut.icv.len = *shorter;
			add(source, &cut);
		}
	}
}

/* key, salt, seq, plain, packet */
static void read_esp(const struct source *source, const json_t *test, struct parts *parts)
{
	struct bytes salt = hex_or_none(source, test, "salt");
	struct bytes seq = hex(source, test, "seq");
	struct bytes packet = hex(source, test, "packet");
	size_t at = ESP_HEADER_BYTES;

	set_cipher(source, test, &salt, parts);
	parts->plain = hex(source, test, "plain");
	parts->spi = (uint32_t)number(part(source, &packet, 0, 4).at, 4);
	parts->vector.seq = number(seq.at, seq.len);
	parts->vector.esn = seq.len == 8;
	parts->vector.whole = true;
	parts->iv = part(source, &packet, at, parts->vector.cipher->iv_bytes);
	at += parts->iv.len;
	parts->text = part(source, &packet, at, parts->plain.len);
	at += parts->text.len;
	parts->icv = part(source, &packet, at, packet.len - at);
	if (parts->vector.cipher->class == ALGO_CLASS_AEAD)
		add_aead(source, parts);
	else if (parts->icv.len == 0)
		add_with_each_auth(source, parts);
	else
		refuse(source, "an ICV, and no word of its algorithm");
}

/* key, nonce, aad, plain, text, icv, result */
static void read_aead(const struct source *source, const json_t *test, struct parts *parts)
{
	const struct algo *cipher = algo_by_name(ALGO_CLASS_AEAD, source->algorithm);
	struct bytes nonce = hex(source, test, "nonce");
	struct bytes aad = hex(source, test, "aad");
	struct bytes salt;

	if (!cipher || (aad.len != 8 && aad.len != 12) || nonce.len != cipher->salt_bytes + cipher->iv_bytes)
		refuse(source, "algorithm, length of the AAD or of the nonce");
	salt = part(source, &nonce, 0, cipher->salt_bytes);
	set_cipher(source, test, &salt, parts);
	parts->spi = (uint32_t)number(aad.at, 4);
	parts->vector.seq = number(aad.at + 4, aad.len - 4);
	parts->vector.esn = aad.len == 12;
	parts->iv = part(source, &nonce, cipher->salt_bytes, cipher->iv_bytes);
	parts->text = hex(source, test, "text");
	parts->plain = hex(source, test, "plain");
	parts->icv = hex(source, test, "icv");
	add_aead(source, parts);
}

/* key, salt, iv, plain, text */
static void read_cipher(const struct source *source, const json_t *test, struct parts *parts)
{
	struct bytes salt = hex_or_none(source, test, "salt");

	set_cipher(source, test, &salt, parts);
	parts->spi = 0xc0ffee00;
	parts->vector.seq = 0x01020304;
	parts->iv = hex(source, test, "iv");
	parts->text = hex(source, test, "text");
	parts->plain = hex(source, test, "plain");
	add_with_each_auth(source, parts);
}

/* key, message, icv, result. The message is SPI, sequence number and text, and with ESN the high half. */
static void read_mac(const struct source *source, const json_t *test, struct parts *parts)
{
	const char *name = json_string_value(json_object_get(test, "algorithm"));
	struct bytes key = hex(source, test, "key");
	struct bytes message = hex(source, test, "message");
	struct bytes icv = hex(source, test, "icv");
	struct vector *vector = &parts->vector;

	name = name ? name : source->algorithm;
	vector->cipher = algo_by_id(ALGO_NULL);
	vector->auth = name ? algo_by_name(ALGO_CLASS_AUTH, name) : NULL;
	if (!vector->auth || lacks(vector->auth->key_bytes, key.len) || message.len < ESP_HEADER_BYTES)
		refuse(source, "algorithm, length of the key or of the message");
	vector->auth_key_bytes = key.len;
	memcpy(vector->auth_key, key.at, key.len);
	vector->icv_bytes = vector->auth->icv_bytes[0];
	parts->icv = part(source, &icv, 0, vector->icv_bytes);
	parts->spi = (uint32_t)number(message.at, 4);
	vector->seq = number(message.at + 4, 4);
	parts->plain = part(source, &message, ESP_HEADER_BYTES, message.len - ESP_HEADER_BYTES);
	parts->text = parts->plain;
	add(source, parts);
	if (parts->plain.len < 4)
		return;
	parts->plain.len -= 4;
	parts->text.len -= 4;
	vector->esn = true;
	vector->seq |= number(message.at + message.len - 4, 4) << 32;
	add(source, parts);
}

static void read_test(const struct source *source, const char *kind, const json_t *test)
{
	const char *result = json_string_value(json_object_get(test, "result"));
	struct parts parts = {.vector.invalid = result && strcmp(result, "invalid") == 0};

	if (strcmp(kind, "esp") == 0)
		read_esp(source, test, &parts);
	else if (strcmp(kind, "aead") == 0)
		read_aead(source, test, &parts);
	else if (strcmp(kind, "cipher") == 0)
		read_cipher(source, test, &parts);
	else if (strcmp(kind, "mac") == 0)
		read_mac(source, test, &parts);
	else
		refuse(source, "unknown kind '%s'", kind);
}

static void read_left_out(const struct source *source, const json_t *left_out)
{
	char *out = source->set->left_out;
	size_t room = sizeof(source->set->left_out), len = 0;
	const char *reason;
	json_t *count;

	json_object_foreach ((json_t *)left_out, reason, count) {
		len += (size_t)snprintf(out + len, room - len, "%s%lld: %s", len ? "; " : "",
					json_integer_value(count), reason);
		if (len >= room)
			refuse(source, "too much is left out");
	}
}

void vectors_load(const char *file, struct vector_set *ret_set)
{
	struct source source = {.file = file, .set = ret_set};
	json_error_t error;
	char path[300];
	json_t *root, *test;
	const char *kind;
	size_t i;

	memset(ret_set, 0, sizeof(*ret_set));
	snprintf(path, sizeof(path), "%s/%s", VECTORS_FOLDER, file);
	root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		refuse(&source, "line %d: %s", error.line, error.text);
	kind = string(&source, root, "kind");
	source.algorithm = json_string_value(json_object_get(root, "algorithm"));
	read_left_out(&source, json_object_get(root, "left_out"));
	json_array_foreach (json_object_get(root, "tests"), i, test) {
		source.id = string(&source, test, "id");
		read_test(&source, kind, test);
		ret_set->cases++;
	}
	json_decref(root);
}

void vectors_free(struct vector_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		free(set->list[i].packet);
		free(set->list[i].text);
	}
	free(set->list);
}

static int is_json(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

char **vectors_names(size_t *ret_count)
{
	struct source source = {.file = VECTORS_FOLDER};
	struct dirent **entries;
	int count = scandir(VECTORS_FOLDER, &entries, is_json, alphasort);
	char **names = count > 0 ? calloc((size_t)count, sizeof(*names)) : NULL;

	if (!names)
		refuse(&source, "no files there, or not started in the root of the sources");
	for (int i = 0; i < count; i++) {
		names[i] = strdup(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	*ret_count = (size_t)count;
	return names;
}

void vectors_names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

struct crypto_suite vector_suite(const struct vector *vector)
{
	return (struct crypto_suite){
		.cipher = vector->cipher,
		.auth = vector->auth,
		.key = vector->key,
		.key_bytes = vector->key_bytes,
		.auth_key = vector->auth_key,
		.auth_key_bytes = vector->auth_key_bytes,
		.icv_bytes = vector->icv_bytes,
		.esn = vector->esn,
	};
}

size_t vector_text_offset(const struct vector *vector)
{
	return ESP_HEADER_BYTES + vector->cipher->iv_bytes;
}
