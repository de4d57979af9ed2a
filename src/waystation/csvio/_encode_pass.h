/* The one pass over a chunk: bytes to records, records to checked fields, fields to rows of binary COPY.

It needs no Python and runs without its lock. What ends records and fields is what the csv module says: a quote opens only at
the beginning of a field, LF, CRLF or a lone CR end a record outside quotes, a blank line is no record. A record is bad if text
follows a closing quote, a quote is never closed, a NUL or a byte that is not UTF-8 is in it, it has not `width` fields, or a
cell does not fit. Here only its place is noted: it is Python that says what is wrong with it, so that there is one wording. */
#ifndef WAYSTATION_PASS_H
#define WAYSTATION_PASS_H

#include "_encode_scan.h"
#include "_encode_types.h"

typedef struct {
    const uint8_t *text; /* without its quotes */
    size_t length;
    int doubled; /* it holds doubled quotes */
} Field;

typedef struct {
    size_t position; /* in the record, from 0 */
    Check check;
    int has_key;
    int seen;         /* whether a good row had a value */
    int64_t low, high; /* the least and the greatest key among the good rows */
    int64_t key;      /* that of the row at hand, if `filled` */
    int filled;
} Column;

typedef struct {
    size_t start, stop; /* in the chunk */
    int64_t record, line; /* in the chunk, from 0 */
    long why;             /* the first column that does not fit, of those to import; or one of these: */
} Bad;

#define WIDTH (-1) /* too few or too many fields, and nothing else */
#define OTHER (-2) /* quotes or bytes */

typedef struct {
    const uint8_t *data;
    size_t size;
    uint8_t delimiter, quote;
    size_t width, column_count;
    Column *columns;
    Field *fields; /* `width` of them */
    int64_t batch, first_record;
    /* What comes of it: */
    Buffer rows, scratch;
    Bad *bad;
    size_t bad_count, bad_room;
    size_t other_count, other_size; /* of the bad ones those that are so for OTHER reasons, and their bytes */
    int64_t records, lines;
} Pass;

static const uint8_t COPY_HEAD[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";

/* The byte after the line end at `at`. */
static inline const uint8_t *past_line(const uint8_t *at, const uint8_t *end)
{
    return at + 1 + (*at == '\r' && end - at > 1 && at[1] == '\n');
}

/* Read the field at `at`; the delimiter or line end after it, or the end. False if its quotes are wrong. */
static inline int read_field(Pass *pass, const uint8_t **where, const uint8_t *end, Field *field)
{
    const uint8_t *at = *where, quote = pass->quote, delimiter = pass->delimiter;
    field->length = 0;
    field->doubled = 0;
    if (at == end || *at != quote) {
        field->text = at;
        *where = find3(at, end, delimiter, '\n', '\r');
        field->length = (size_t)(*where - at);
        return 1;
    }
    field->text = ++at;
    for (;;) {
        at = find3(at, end, quote, '\n', '\r');
        if (at == end) { /* never closed */
            *where = end;
            return 0;
        }
        if (*at != quote) {
            at = past_line(at, end);
            pass->lines++;
            continue;
        }
        field->length = (size_t)(at - field->text);
        at++;
        if (at == end || *at == delimiter || *at == '\n' || *at == '\r') {
            *where = at;
            return 1;
        }
        if (*at != quote) { /* text follows: the field goes on as a bare one */
            *where = find3(at, end, delimiter, '\n', '\r');
            return 0;
        }
        field->doubled = 1;
        at++;
    }
}

/* Read the record at `at`; what comes after it. 0, or what is wrong with it. */
static inline long read_record(Pass *pass, const uint8_t **where, const uint8_t *end)
{
    const uint8_t *at = *where;
    size_t count = 0;
    int good = 1;
    for (;; at++) {
        Field field;
        good &= read_field(pass, &at, end, &field);
        if (good && count < pass->width)
            pass->fields[count] = field;
        count++;
        if (at == end) {
            pass->lines += end[-1] != '\n' && end[-1] != '\r';
            break;
        }
        if (*at != pass->delimiter) {
            at = past_line(at, end);
            pass->lines++;
            break;
        }
    }
    *where = at;
    return !good ? OTHER : count != pass->width ? WIDTH : 0;
}

/* Take one of each two quotes out of a field. False if there is no memory. */
static int single_quotes(Pass *pass, Field *field)
{
    Buffer *out = &pass->scratch;
    out->used = 0;
    if (!reserve(out, field->length))
        return 0;
    const uint8_t *at = field->text, *end = at + field->length;
    while (at < end) {
        const uint8_t *quote = memchr(at, pass->quote, (size_t)(end - at));
        const uint8_t *stop = quote ? quote + 1 : end;
        put_bytes(out, at, (size_t)(stop - at));
        at = quote ? quote + 2 : end;
    }
    field->text = out->at;
    field->length = out->used;
    field->doubled = 0;
    return 1;
}

/* Write the record whose fields have been read. On MISFIT nothing of it stays, and `misfit` is the column. */
static Verdict write_row(Pass *pass, int64_t record, long *misfit)
{
    Buffer *out = &pass->rows;
    const size_t before = out->used;
    if (!reserve(out, sizeof COPY_HEAD + 26 + 2))
        return NO_MEMORY;
    if (!before)
        put_bytes(out, COPY_HEAD, sizeof COPY_HEAD);
    put16(out, (uint16_t)(pass->column_count + 2));
    put32(out, 8);
    put64(out, (uint64_t)pass->batch);
    put32(out, 8);
    put64(out, (uint64_t)record);
    for (size_t n = 0; n < pass->column_count; n++) {
        Column *column = &pass->columns[n];
        Field field = pass->fields[column->position];
        column->filled = field.length != 0;
        if (!column->filled) { /* null, be it nothing or a pair of quotes */
            if (!reserve(out, 4))
                return NO_MEMORY;
            put32(out, UINT32_MAX);
            continue;
        }
        if (field.doubled && !single_quotes(pass, &field))
            return NO_MEMORY;
        const Verdict verdict = column->check(out, field.text, field.length, &column->key);
        if (verdict != FITS) {
            out->used = before;
            *misfit = (long)n;
            return verdict;
        }
    }
    for (size_t n = 0; n < pass->column_count; n++) {
        Column *column = &pass->columns[n];
        if (!column->has_key || !column->filled)
            continue;
        if (!column->seen || column->key < column->low)
            column->low = column->key;
        if (!column->seen || column->key > column->high)
            column->high = column->key;
        column->seen = 1;
    }
    return FITS;
}

static int note_bad(Pass *pass, Bad bad)
{
    if (pass->bad_count == pass->bad_room) {
        const size_t room = pass->bad_room ? pass->bad_room * 2 : 64;
        Bad *more = realloc(pass->bad, room * sizeof *more);
        if (!more)
            return 0;
        pass->bad = more;
        pass->bad_room = room;
    }
    pass->bad[pass->bad_count++] = bad;
    if (bad.why == OTHER) {
        pass->other_count++;
        pass->other_size += bad.stop - bad.start;
    }
    return 1;
}

/* Read the whole chunk. False if there is no memory. */
static int run_pass(Pass *pass)
{
    const uint8_t *at = pass->data, *end = at + pass->size;
    const uint8_t *no_text = find_no_text(at, end); /* always at or after `at` */
    while (at < end) {
        if (*at == '\n' || *at == '\r') {
            at = past_line(at, end);
            pass->lines++;
            continue;
        }
        Bad here = {(size_t)(at - pass->data), 0, pass->records++, pass->lines, 0};
        here.why = read_record(pass, &at, end);
        here.stop = (size_t)(at - pass->data);
        if (no_text < at) {
            here.why = OTHER;
            no_text = find_no_text(at, end);
        }
        Verdict verdict = MISFIT;
        if (here.why == 0)
            verdict = write_row(pass, pass->first_record + here.record, &here.why);
        if (verdict == NO_MEMORY || (verdict == MISFIT && !note_bad(pass, here)))
            return 0;
    }
    if (pass->rows.used) {
        if (!reserve(&pass->rows, 2))
            return 0;
        put16(&pass->rows, UINT16_MAX); /* the end of the stream */
    }
    return 1;
}

#endif
