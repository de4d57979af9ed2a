/* The one pass over a chunk: bytes to records, records to checked fields, fields to rows of binary COPY, and bad records to
rows of text COPY for the rejects. It needs no Python and runs without its lock.

A record is bad if its quotes or escapes are wrong, a NUL or a byte that is not UTF-8 is in it, it has not `width` fields, or a
cell can't be taken: in this order. A blank line is no record. */
#ifndef WAYSTATION_PASS_H
#define WAYSTATION_PASS_H

#include "_encode_records.h"
#include "_encode_rejects.h"

/* What a record may have: exactly `width` fields; or empty ones beyond the last too; or also fewer. */
typedef enum { REJECT, TRIM, FILL } Ragged;

/* A bad record that Python is asked about. */
typedef struct {
    size_t start, stop;   /* in the chunk */
    int64_t record, line; /* from 1, in the file */
    size_t place;         /* in the rejects: its row belongs there */
} Asked;

typedef struct {
    const uint8_t *data;
    size_t size;
    size_t width, column_count;
    Ragged ragged;
    Column *columns;
    Field *fields; /* `width` of them, and one that is always empty */
    int64_t batch, first_record, first_line;
    Reader reader;
    Speech speech;
    Buffer unmarked, plain; /* room for a field */
    /* What comes of it: */
    Buffer rows, rejects;
    int64_t records, good;
    Asked *asked;
    size_t asked_count, asked_room, asked_size;
} Pass;

/* What is wrong with a record: the first column that can't take its cell, or one of these. */
#define WIDTH (-1)
#define BYTES (-2)
#define QUOTES (-3)

static const uint8_t COPY_HEAD[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";

/* The text of a field as people mean it; it may be in `unmarked`. False if there is no memory. */
static inline int clean(Pass *pass, const Field *field, Span *text)
{
    *text = (Span){field->text, field->length};
    return !field->marked || unmark(&pass->reader.marks, field, &pass->unmarked, text);
}

/* Read the record at `*where`, and go behind it. False if its quotes are wrong, or if it has not `width` fields: `*wrong`. */
ALWAYS int read_record(Pass *pass, const uint8_t **where, long *wrong, const int escaping)
{
    size_t count = 0;
    int good = 1, more = 0; /* more: beyond the last field is one that is not empty */
    do {
        Field field;
        good &= read_field(&pass->reader, where, &field, escaping);
        if (count < pass->width)
            pass->fields[count] = field;
        else
            more |= field.length != 0;
        count++;
    } while (goes_on(&pass->reader, where));
    *wrong = !good ? QUOTES : WIDTH;
    if (!good || count == pass->width)
        return good;
    for (size_t n = count; n < pass->width; n++)
        pass->fields[n] = pass->fields[pass->width];
    return count > pass->width ? pass->ragged != REJECT && !more : pass->ragged == FILL;
}

/* A cell of a column that has something beside its type. */
static Verdict check_special(Pass *pass, Column *column, Span text)
{
    Buffer *out = &pass->rows;
    column->filled = !is_null(column, text);
    if (!column->filled) {
        if (column->required)
            return MISFIT;
        if (!reserve(out, 4))
            return NO_MEMORY;
        put32(out, UINT32_MAX);
        return FITS;
    }
    const Span value = text;
    if (column->loose)
        switch (plainly(column, value, &pass->plain, &text)) {
        case PLAIN: break;
        case NO_SPACE: return NO_MEMORY;
        default: return MISFIT;
        }
    if (column->guarded)
        text = unguarded(text);
    const Verdict verdict = column->check(out, text.at, text.length, column);
    return verdict == FITS && number_of(&column->barred, value) != NOT_THERE ? MISFIT : verdict;
}

/* Write the record whose fields have been read. On MISFIT nothing of it stays, and `misfit` is the column. */
ALWAYS Verdict write_row(Pass *pass, int64_t record, long *misfit)
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
        Span text;
        if (!clean(pass, &pass->fields[column->position], &text))
            return NO_MEMORY;
        Verdict verdict = FITS;
        if (column->special)
            verdict = check_special(pass, column, text);
        else if ((column->filled = text.length != 0))
            verdict = column->check(out, text.at, text.length, column);
        else { /* null, be it nothing or a pair of quotes */
            if (!reserve(out, 4))
                return NO_MEMORY;
            put32(out, UINT32_MAX);
        }
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
        column->seen++;
    }
    return FITS;
}

/* -- rejects ---------------------------------------------------------------------------------------------------------- */
/* `column \t value \t reason`, for a cell. */
static Said say_misfit(Pass *pass, const Column *column)
{
    Buffer *out = &pass->rejects;
    Span value;
    if (!clean(pass, &pass->fields[column->position], &value) || !add(out, column->name.at, column->name.length) ||
        !add(out, "\t", 1) || !add_value(out, value) || !add(out, "\t", 1))
        return NO_BREATH;
    if (is_null(column, value))
        return say(&pass->speech, SAY_REQUIRED, NULL);
    const size_t barred = number_of(&column->barred, value);
    if (barred == NOT_THERE)
        return TYPES[column->type].why_not(&pass->speech, column, value);
    return add(out, column->reasons[barred].at, column->reasons[barred].length) ? SAID : NO_BREATH;
}

/* The same for a record of too few or too many fields: its value is all of them. */
static Said say_width(Pass *pass, const uint8_t *record)
{
    Buffer *out = &pass->rejects, *whole = &pass->plain;
    size_t count = 0;
    whole->used = 0;
    Field field;
    for (Again again = {pass->reader, record, 0}; next_field(&again, &field);) {
        Span text;
        if (!clean(pass, &field, &text) || (again.count > 1 && !add(whole, &pass->reader.marks.delimiter, 1)) ||
            !add(whole, text.at, text.length))
            return NO_BREATH;
        count = again.count;
    }
    uint8_t fields[20], width[20];
    const Span fillings[] = {decimal(count, 1, fields), decimal(pass->width, 1, width)};
    if (!add(out, "\\N\t", 3) || !add_value(out, (Span){whole->at, whole->used}) || !add(out, "\t", 1))
        return NO_BREATH;
    return say(&pass->speech, count == 1 ? SAY_ONE_FIELD : SAY_FIELDS, fillings);
}

/* The same for a record with a NUL or a byte that is not UTF-8. */
static Said say_bytes(Pass *pass, const uint8_t *record)
{
    Buffer *out = &pass->rejects;
    Field field;
    for (Again again = {pass->reader, record, 0}; next_field(&again, &field);) {
        /* As it stands in the file: without an escape between them, two bad bytes may make a good character. */
        const uint8_t *bad = bad_byte((Span){field.text, field.length});
        if (!bad)
            continue;
        Span value, name = TEXT("\\N");
        if (!clean(pass, &field, &value))
            return NO_BREATH;
        for (size_t n = 0; n < pass->column_count; n++)
            if (again.count <= pass->width && pass->columns[n].position == again.count - 1)
                name = pass->columns[n].name;
        if (!add(out, name.at, name.length) || !add(out, "\t", 1) || !add_value(out, value) || !add(out, "\t", 1))
            return NO_BREATH;
        return say_byte(&pass->speech, *bad);
    }
    return ASK;
}

static int add_fields(Pass *pass, const uint8_t *record)
{
    Buffer *out = &pass->rejects;
    if (!add(out, "\t[", 2))
        return 0;
    Field field;
    for (Again again = {pass->reader, record, 0}; next_field(&again, &field);) {
        Span text;
        if (!clean(pass, &field, &text) || (again.count > 1 && !add(out, ",", 1)) || !add_json(out, text))
            return 0;
    }
    return add(out, "]\n", 2);
}

static int note_asked(Pass *pass, Asked asked)
{
    if (pass->asked_count == pass->asked_room) {
        const size_t room = pass->asked_room ? pass->asked_room * 2 : 64;
        Asked *more = realloc(pass->asked, room * sizeof *more);
        if (!more)
            return 0;
        pass->asked = more;
        pass->asked_room = room;
    }
    pass->asked[pass->asked_count++] = asked;
    pass->asked_size += asked.stop - asked.start;
    return 1;
}

/* Write a bad record into the rejects, or ask Python about it. False if there is no memory. */
static int reject(Pass *pass, Asked here, long wrong)
{
    Buffer *out = &pass->rejects;
    const uint8_t *record = pass->data + here.start;
    uint8_t number[20], line[20];
    const Span parts[] = {decimal((uint64_t)here.record, 1, number), TEXT("\t"), decimal((uint64_t)here.line, 1, line), TEXT("\t")};
    here.place = out->used;
    for (size_t n = 0; n < 4; n++)
        if (!add(out, parts[n].at, parts[n].length))
            return 0;
    const Said said = wrong == QUOTES  ? ASK
                      : wrong == BYTES ? say_bytes(pass, record)
                      : wrong == WIDTH ? say_width(pass, record)
                                       : say_misfit(pass, &pass->columns[wrong]);
    if (said == ASK) {
        out->used = here.place;
        return note_asked(pass, here);
    }
    return said == SAID && add_fields(pass, record);
}

/* -- the pass --------------------------------------------------------------------------------------------------------- */
ALWAYS int run(Pass *pass, const int escaping)
{
    const uint8_t *at = pass->data, *end = at + pass->size;
    const uint8_t *no_text = find_no_text(at, end); /* always at or after `at` */
    while (at < end) {
        if (*at == '\n' || *at == '\r') {
            at = past_line(at, end);
            pass->reader.lines++;
            continue;
        }
        Asked here = {(size_t)(at - pass->data), 0, pass->first_record + pass->records, pass->first_line + pass->reader.lines, 0};
        long wrong;
        int right = read_record(pass, &at, &wrong, escaping);
        pass->records++;
        here.stop = (size_t)(at - pass->data);
        if (no_text < at) {
            no_text = find_no_text(at, end);
            wrong = !right && wrong == QUOTES ? QUOTES : BYTES;
            right = 0;
        }
        Verdict verdict = MISFIT;
        if (right)
            verdict = write_row(pass, here.record, &wrong);
        if (verdict == NO_MEMORY || (verdict == MISFIT && !reject(pass, here, wrong)))
            return 0;
        pass->good += verdict == FITS;
    }
    if (!pass->rows.used)
        return 1;
    if (!reserve(&pass->rows, 2))
        return 0;
    put16(&pass->rows, UINT16_MAX); /* the end of the stream */
    return 1;
}

/* Read the whole chunk. False if there is no memory. */
static int run_pass(Pass *pass)
{
    pass->reader.end = pass->data + pass->size;
    pass->speech.out = &pass->rejects;
    return pass->reader.marks.escape < 0 ? run(pass, 0) : run(pass, 1);
}

/* The values of each column in `texts` that are not null, each once. False if there is no memory. */
static int collect(Pass *pass, Texts *texts)
{
    const uint8_t *at = pass->data, *end = at + pass->size;
    pass->reader.end = end;
    while (at < end) {
        if (*at == '\n' || *at == '\r') {
            at = past_line(at, end);
            continue;
        }
        long wrong;
        if (!(pass->reader.marks.escape < 0 ? read_record(pass, &at, &wrong, 0) : read_record(pass, &at, &wrong, 1)))
            continue;
        for (size_t n = 0; n < pass->column_count; n++) {
            Span text;
            if (!clean(pass, &pass->fields[pass->columns[n].position], &text))
                return 0;
            if (!is_null(&pass->columns[n], text) && enter(&texts[n], text) == NO_ROOM)
                return 0;
        }
    }
    return 1;
}

/* What find_last_end finds, sixty-four bytes at a time, where each quote stands as it should: it opens a field at its beginning, is
doubled within it, and closes it at its end. False where one does not, or where quotes are not all that counts. */
static int find_last_end_by_quotes(const Reader *reader, const uint8_t *data, size_t size, size_t *found)
{
    const Marks *marks = &reader->marks;
    if (marks->quote < 0 || marks->escape >= 0 || !marks->doublequote)
        return 0;
    uint64_t inside = 0;               /* all bits, if the block before ended within quotes */
    uint64_t may_open = 1, closed = 0; /* whether a quote may open behind its last byte; whether that closed one */
    *found = 0;
    for (size_t at = 0; at < size; at += 64) {
        uint8_t rest[64];
        const uint8_t *block = data + at;
        if (size - at < 64) {
            memset(rest, marks->delimiter, sizeof rest);
            block = memcpy(rest, block, size - at);
        }
        const uint64_t quotes = mask_of(block, (uint8_t)marks->quote);
        const uint64_t ends = mask_of(block, '\n') | mask_of(block, '\r');
        const uint64_t borders = ends | mask_of(block, marks->delimiter);
        const uint64_t within = turns(quotes) ^ inside; /* an opening quote counts as within, a closing one does not */
        const uint64_t closing = quotes & ~within;
        if ((quotes & within & ~((borders | closing) << 1 | may_open)) || ((closing << 1 | closed) & ~(borders | quotes)))
            return 0;
        uint64_t outside = ends & ~within;
        if (size - at <= 64 && data[size - 1] == '\r')
            outside &= ~(UINT64_C(1) << (size - 1 - at)); /* it may be half of a CRLF */
        if (outside)
            *found = at + 64 - (size_t)__builtin_clzll(outside);
        inside = -(within >> 63);
        may_open = (borders | closing) >> 63;
        closed = closing >> 63;
    }
    return 1;
}

/* The offset just after the last record that is complete in the chunk; 0 if none is. A record that may go on after the last
byte is not: a line without an end, an open quote, a CR that may be half of a CRLF. */
static size_t find_last_end(Reader *reader, const uint8_t *data, size_t size)
{
    const uint8_t *at = data, *end = data + size, *last = data;
    size_t found;
    if (find_last_end_by_quotes(reader, data, size, &found))
        return found;
    reader->end = end;
    while (at < end) {
        if (*at == '\n' || *at == '\r')
            at = past_line(at, end);
        else {
            Field field;
            do {
                read_any_field(reader, &at, &field);
                if (at == end)
                    return (size_t)(last - data);
            } while (goes_on(reader, &at));
        }
        if (at < end || end[-1] == '\n')
            last = at;
    }
    return (size_t)(last - data);
}

#endif
