/* From bytes to records and fields, exactly as the csv module splits them: a quote opens only at the beginning of a field, LF,
CRLF or a lone CR end a record outside quotes, an escape takes the meaning from the character after it.

What reads is compiled twice, with escapes and without, so that files without them pay nothing: `escaping` is a constant in
each caller. */
#ifndef WAYSTATION_RECORDS_H
#define WAYSTATION_RECORDS_H

#include "_encode_output.h"
#include "_encode_scan.h"

typedef struct {
    uint8_t delimiter;
    int quote, escape; /* -1: there is none */
    int doublequote;   /* two quotes within quotes are one */
} Marks;

typedef struct {
    Marks marks;
    const uint8_t *end;
    int64_t lines; /* the line ends passed so far */
} Reader;

typedef struct {
    const uint8_t *text; /* without its quotes */
    size_t length;
    int quoted;
    int marked; /* doubled quotes or escapes are in it, which `unmark` takes out */
} Field;

/* The byte after the line end at `at`. */
static inline const uint8_t *past_line(const uint8_t *at, const uint8_t *end)
{
    return at + 1 + (*at == '\r' && end - at > 1 && at[1] == '\n');
}

/* The byte after the escape at `at` and what it escapes; of CRLF that is the CR alone. */
static inline const uint8_t *past_escaped(Reader *reader, const uint8_t *at)
{
    if (reader->end - at < 2)
        return reader->end;
    const uint8_t escaped = at[1];
    at += 2;
    reader->lines += escaped == '\n' || (escaped == '\r' && !(at < reader->end && *at == '\n'));
    return at;
}

/* The end of a field outside quotes. False if an escape stands at the very end. */
ALWAYS int read_bare(Reader *reader, const uint8_t **where, Field *field, const int escaping)
{
    const uint8_t *at = *where, *end = reader->end;
    const uint8_t delimiter = reader->marks.delimiter;
    if (!escaping) {
        *where = find3(at, end, delimiter, '\n', '\r');
        return 1;
    }
    const uint8_t escape = (uint8_t)reader->marks.escape;
    while ((at = find4(at, end, delimiter, '\n', '\r', escape)) < end && *at == escape) {
        const uint8_t *past = past_escaped(reader, at);
        field->marked = 1;
        /* Nothing, or a line end alone, is all that is left to escape: the record goes on in bytes that are not there. */
        if (past == end && (end - at < 2 || at[1] == '\n' || at[1] == '\r')) {
            *where = end;
            return 0;
        }
        at = past;
    }
    *where = at;
    return 1;
}

/* Read the field at `*where`; the delimiter or line end after it, or the end. False if its quotes or escapes are wrong. */
ALWAYS int read_field(Reader *reader, const uint8_t **where, Field *field, const int escaping)
{
    const uint8_t *at = *where, *end = reader->end;
    field->marked = 0;
    if (at == end || *at != reader->marks.quote) {
        field->text = at;
        field->quoted = 0;
        const int good = read_bare(reader, where, field, escaping);
        field->length = (size_t)(*where - at);
        return good;
    }
    field->quoted = 1;
    const uint8_t quote = (uint8_t)reader->marks.quote, delimiter = reader->marks.delimiter;
    const uint8_t escape = (uint8_t)reader->marks.escape;
    field->text = ++at;
    field->length = 0;
    for (;;) {
        at = escaping ? find4(at, end, quote, '\n', '\r', escape) : find3(at, end, quote, '\n', '\r');
        if (at == end) { /* never closed */
            *where = end;
            return 0;
        }
        if (escaping && *at == escape) {
            field->marked = 1;
            at = past_escaped(reader, at);
            continue;
        }
        if (*at != quote) {
            at = past_line(at, end);
            reader->lines++;
            continue;
        }
        field->length = (size_t)(at - field->text);
        at++;
        if (at == end || *at == delimiter || *at == '\n' || *at == '\r') {
            *where = at;
            return 1;
        }
        if (*at != quote || !reader->marks.doublequote) {
            /* Text follows: the field goes on as a bare one. Where a second quote would have counted, what stands in its place
            is a character like any other, even an escape. */
            *where = at + reader->marks.doublequote;
            read_bare(reader, where, field, escaping);
            return 0;
        }
        field->marked = 1;
        at++;
    }
}

/* After a field: whether the record goes on behind a delimiter. Else `*where` is put behind the record. */
ALWAYS int goes_on(Reader *reader, const uint8_t **where)
{
    const uint8_t *at = *where, *end = reader->end;
    if (at == end) {
        reader->lines += end[-1] != '\n' && end[-1] != '\r';
        return 0;
    }
    if (*at == reader->marks.delimiter) {
        *where = at + 1;
        return 1;
    }
    *where = past_line(at, end);
    reader->lines++;
    return 0;
}

/* Read a field where speed matters less than the size of the code. */
static int read_any_field(Reader *reader, const uint8_t **where, Field *field)
{
    return reader->marks.escape < 0 ? read_field(reader, where, field, 0) : read_field(reader, where, field, 1);
}

/* A record that is read again, field by field, be they as many as they like. */
typedef struct {
    Reader reader;
    const uint8_t *at; /* NULL at its end */
    size_t count;      /* of the fields read so far */
} Again;

static int next_field(Again *again, Field *field)
{
    if (!again->at)
        return 0;
    read_any_field(&again->reader, &again->at, field);
    if (!goes_on(&again->reader, &again->at))
        again->at = NULL;
    again->count++;
    return 1;
}

/* The text of a field without doubled quotes and escapes, made in `out`. False if there is no memory. */
static int unmark(const Marks *marks, const Field *field, Buffer *out, Span *text)
{
    out->used = 0;
    if (!reserve(out, field->length))
        return 0;
    const uint8_t *at = field->text, *end = at + field->length;
    if (marks->escape < 0) {
        while (at < end) {
            const uint8_t *quote = memchr(at, marks->quote, (size_t)(end - at));
            const uint8_t *stop = quote ? quote + 1 : end;
            put_bytes(out, at, (size_t)(stop - at));
            at = quote ? quote + 2 : end;
        }
    } else {
        for (; at < end; at++) {
            /* Of an escape and what it escapes the latter stays; of two quotes within quotes, the second. */
            if ((*at == marks->escape || (field->quoted && *at == marks->quote)) && end - at > 1)
                at++;
            put8(out, *at);
        }
    }
    *text = (Span){out->at, out->used};
    return 1;
}

#endif
