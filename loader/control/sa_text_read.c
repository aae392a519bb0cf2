/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a file of SAs: splits it into records, a record into words, and has sa_text.c parse them. A record
 * starts with a line that is not indented, or with a line whose first word starts an SA; other lines
 * continue it. Memory is bounded: one block and one record. Runs in the CLI.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "control/sa_text.h"
#include "control/sa_text_parse.h"
#include "control/validate.h"

#define FILE_BYTES_MAX (256ull << 20)
#define BLOCK_BYTES 16384
/* The longest SA that `ip -s xfrm state` prints, with a window of 4096 packets, takes 3 KiB and 250 words. */
#define RECORD_BYTES_MAX 16384
#define RECORD_WORDS_MAX 1024

#define CHAR_END (-1)

struct reader {
	FILE *file;
	const struct sa_text_sink *sink;
	struct field_error *error;
	int status; /* 0, or why reading ended */
	uint64_t total;
	unsigned int line; /* being read */
	size_t block_len;
	size_t block_next;

	unsigned int record_line; /* the record starts on */
	size_t used;		  /* bytes of `text` */
	size_t count;		  /* words */
	bool in_word;
	bool continued; /* the line so far ends with a backslash */
	char *words[RECORD_WORDS_MAX];
	char text[RECORD_BYTES_MAX];
	char block[BLOCK_BYTES];
};

/* Blocks and records hold keys. */
static void cleanup_reader(struct reader **reader)
{
	if (!*reader)
		return;
	explicit_bzero(*reader, sizeof(**reader));
	free(*reader);
}

static void fail(struct reader *reader, const char *rule)
{
	reader->record_line = reader->line;
	field_error_set(reader->error, "line", "", "%s", rule);
	reader->status = -EINVAL;
}

static int next_char(struct reader *reader)
{
	if (reader->block_next < reader->block_len)
		return (unsigned char)reader->block[reader->block_next++];
	reader->block_next = 0;
	reader->block_len = fread(reader->block, 1, sizeof(reader->block), reader->file);
	reader->total += reader->block_len;
	if (ferror(reader->file))
		reader->status = -EIO;
	else if (reader->total > FILE_BYTES_MAX)
		reader->status = -EFBIG;
	if (reader->status < 0 || reader->block_len == 0) {
		reader->block_len = 0;
		return CHAR_END;
	}
	return (unsigned char)reader->block[reader->block_next++];
}

static void record_clear(struct reader *reader)
{
	explicit_bzero(reader->text, reader->used);
	reader->used = 0;
	reader->count = 0;
}

/* The words that may stand in front of an SA: those of the command that adds it. */
static void skip_command(struct sa_text_words *words)
{
	if (sa_text_words_accept(words, "xesp")) {
		if (sa_text_words_accept(words, "sa"))
			sa_text_words_accept(words, "add");
		return;
	}
	if (!sa_text_words_accept(words, "ip"))
		return;
	if (!sa_text_words_accept(words, "-4"))
		sa_text_words_accept(words, "-6");
	if (sa_text_words_accept(words, "xfrm") && sa_text_words_accept(words, "state") &&
	    !sa_text_words_accept(words, "add"))
		sa_text_words_accept(words, "update");
}

/* Parses the first `count` words of the record and hands the SA on. */
static void record_parse(struct reader *reader, size_t count)
{
	struct sa_text_parse parse = {
		.words = {.words = reader->words, .count = count, .error = reader->error},
	};

	if (reader->status < 0 || count == 0)
		return;
	skip_command(&parse.words);
	reader->status = sa_text_parse(&parse);
	if (reader->status == 0) {
		const struct sa_text_sink *sink = reader->sink;
		int err = sink->each(&parse.params, reader->record_line, sink->ctx);

		reader->status = err < 0 ? err : 0;
	} else if (parse.words.unsupported && reader->sink->unsupported) {
		reader->sink->unsupported(reader->error, reader->record_line, reader->sink->ctx);
		reader->status = 0;
	}
	sa_params_wipe(&parse.params);
}

static void word_append(struct reader *reader, char character)
{
	if (!reader->in_word) {
		if (reader->count == RECORD_WORDS_MAX) {
			fail(reader, "too many words for one SA");
			return;
		}
		reader->words[reader->count++] = reader->text + reader->used;
		reader->in_word = true;
		reader->continued = false;
		reader->text[reader->used] = '\0';
	}
	if (character == '\0')
		return;
	if (reader->used + 2 > sizeof(reader->text)) {
		fail(reader, "too long for one SA");
		return;
	}
	reader->text[reader->used++] = character;
	reader->text[reader->used] = '\0';
}

static void word_end(struct reader *reader)
{
	if (!reader->in_word)
		return;
	reader->in_word = false;
	if (reader->used + 2 > sizeof(reader->text))
		fail(reader, "too long for one SA");
	else
		reader->used++; /* the final NUL stays */
}

static bool starts_sa(const char *word)
{
	return strcmp(word, "src") == 0 || strcmp(word, "ip") == 0 || strcmp(word, "xesp") == 0;
}

/* Called with the first word of a line just ended: if it begins a record, the words before it are one. */
static void line_begin(struct reader *reader, bool indented, bool continued)
{
	const char *first = reader->words[reader->count - 1];
	bool starter = starts_sa(first);
	bool begins = indented ? starter && !continued : starter || !continued;
	size_t len = strlen(first);

	if (begins && reader->count > 1) {
		record_parse(reader, reader->count - 1);
		if (reader->status < 0)
			return;
		memmove(reader->text, first, len + 1);
		explicit_bzero(reader->text + len + 1, reader->used - (len + 1));
		reader->words[0] = reader->text;
		reader->used = len + 1;
		reader->count = 1;
	}
	if (reader->count == 1)
		reader->record_line = reader->line;
}

static void skip_line(struct reader *reader)
{
	int c;

	do {
		c = next_char(reader);
	} while (c != '\n' && c != CHAR_END);
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Reads up to the closing quote. In double quotes a backslash takes the next character as it is. */
static void read_quoted(struct reader *reader, int quote)
{
	word_append(reader, '\0');
	while (reader->status == 0) {
		int c = next_char(reader);

		if (c == quote)
			return;
		if (c == '\\' && quote == '"')
			c = next_char(reader);
		if (c == CHAR_END || c == '\n') {
			fail(reader, "a quote is not closed");
			return;
		}
		if (c == '\0')
			fail(reader, "a NUL byte: this is not text");
		else
			word_append(reader, (char)c);
	}
}

/* Takes one character, or what it introduces, into the record. Returns false at the end of the line. */
static bool read_piece(struct reader *reader, int c)
{
	if (c == '\\') {
		c = next_char(reader);
		/* Before white space it continues the line; `ip -o` puts it in place of a line's end. */
		if (is_blank(c) || c == '\n' || c == CHAR_END) {
			word_end(reader);
			reader->continued = true;
			return is_blank(c);
		}
	} else if (c == '\'' || c == '"') {
		read_quoted(reader, c);
		return true;
	} else if (c == '\n' || c == CHAR_END) {
		word_end(reader);
		return false;
	} else if (is_blank(c)) {
		word_end(reader);
		return true;
	} else if (c == '#' && !reader->in_word) {
		skip_line(reader);
		return false;
	}
	if (c == '\0')
		fail(reader, "a NUL byte: this is not text");
	else
		word_append(reader, (char)c);
	return true;
}

/* Reads one line into the record. Returns false at the end of the file. */
static bool read_line(struct reader *reader)
{
	bool indented = false, continued = reader->continued, more = true;
	size_t before = reader->count;
	bool begun = false;
	int c = next_char(reader);

	if (c == CHAR_END)
		return false;
	reader->line++;
	for (; is_blank(c); c = next_char(reader))
		indented = true;
	if (c == '\n' || c == '#')
		reader->continued = false;
	while (more && reader->status == 0) {
		more = read_piece(reader, c);
		if (!begun && !reader->in_word && reader->count > before && reader->status == 0) {
			begun = true;
			line_begin(reader, indented, continued);
		}
		if (more && reader->status == 0)
			c = next_char(reader);
	}
	return reader->status == 0;
}

int sa_text_read(FILE *file, const struct sa_text_sink *sink, unsigned int *ret_line,
		 struct field_error *ret_error)
{
	CLEANUP(cleanup_reader) struct reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	/* Unbuffered, so that whole blocks go straight to memory that is wiped, and none stays in stdio's. */
	setvbuf(file, NULL, _IONBF, 0);
	reader->file = file;
	reader->sink = sink;
	reader->error = ret_error;
	while (read_line(reader))
		;
	record_parse(reader, reader->count);
	record_clear(reader);
	if (reader->status == -EINVAL)
		*ret_line = reader->record_line;
	return reader->status;
}
