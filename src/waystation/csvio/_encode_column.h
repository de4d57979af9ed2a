/* A column to import: where its values stand, how they are written, what they may be. */
#ifndef WAYSTATION_COLUMN_H
#define WAYSTATION_COLUMN_H

#include "_encode_texts.h"

typedef enum { FITS, MISFIT, NO_MEMORY } Verdict;
typedef enum { YMD, DMY, MDY } Order;
typedef struct Column Column;

/* Gets the text of a cell that is not null: writes the field (its length, then its value) and returns FITS; or returns MISFIT,
having written what the caller takes back; or NO_MEMORY. */
typedef Verdict (*Check)(Buffer *out, const uint8_t *text, size_t length, Column *column);

#define MOST_SIGNS 3

struct Column {
    /* What each row needs stands together: */
    size_t position; /* in the record, from 0; its width if the file does not have the column */
    Check check;
    int special;       /* required, nulls, barred values, loose numbers or a guard: any of them is there */
    int has_key;       /* a zone is kept of it: */
    int64_t seen;      /* how many good rows had a value */
    int filled;        /* whether the row at hand has one */
    int64_t key;       /* that of the row at hand; it sorts as the texts do */
    int64_t low, high; /* the least and the greatest key among the good rows */

    int required;
    int guarded; /* its texts have the guard against formulas, which is taken off */
    Span *nulls; /* the words that mean null */
    size_t null_count;
    Texts barred;  /* values that a constraint does not allow … */
    Span *reasons; /* … and why, as text for COPY */
    int loose; /* its numbers are not written as PostgreSQL writes them: */

    uint8_t decimal_sign;
    Span signs[MOST_SIGNS]; /* what may part thousands */
    size_t sign_count;
    Order order; /* of day, month and year */
    size_t type; /* in TYPES */
    Span name;   /* as text for COPY */
    Span noun, how; /* for reasons: what its values are called, and how they are written */
};

static inline int is_null(const Column *column, Span text)
{
    if (!text.length)
        return 1;
    for (size_t n = 0; n < column->null_count; n++)
        if (same(column->nulls[n], text))
            return 1;
    return 0;
}

/* A text without its guard: formulas.py has the rule. A text is guarded if quotes begin it, and then a sign of a formula. */
static inline Span unguarded(Span text)
{
    size_t quotes = 0;
    while (quotes < text.length && text.at[quotes] == '\'')
        quotes++;
    const int guarded = quotes && quotes < text.length && text.at[quotes] && strchr("=+-@\t\r", text.at[quotes]);
    return guarded ? (Span){text.at + 1, text.length - 1} : text;
}

/* -- numbers as they are written elsewhere --------------------------------------------------------------------------- */
static inline int is_digit(uint8_t byte)
{
    return (uint8_t)(byte - '0') <= 9;
}

static inline size_t digits(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *from = at;
    while (at < end && is_digit(*at))
        at++;
    return (size_t)(at - from);
}

/* The length of the separator of thousands at `at`; 0 if there is none. */
static inline size_t separator(const Column *column, const uint8_t *at, const uint8_t *end)
{
    for (size_t n = 0; n < column->sign_count; n++) {
        const Span sign = column->signs[n];
        if ((size_t)(end - at) >= sign.length && memcmp(at, sign.at, sign.length) == 0)
            return sign.length;
    }
    return 0;
}

typedef enum { PLAIN, OUT_OF_PLACE, WRONG_SIGN, NO_SPACE } Plainness;

/* A number with a point and without separators, in `room`; as it is where it can't be one anyway. */
static Plainness plainly(const Column *column, Span value, Buffer *room, Span *made)
{
    const uint8_t *end = value.at + value.length, *stop = value.at, *at;
    while (stop < end && *stop != column->decimal_sign)
        stop++;
    room->used = 0;
    if (!reserve(room, value.length))
        return NO_SPACE;
    int parted = 0;
    if (value.length && value.at[0] != ' ' && end[-1] != ' ')
        for (at = value.at; at < stop && !parted; at++)
            parted = separator(column, at, stop) != 0;
    if (!parted) {
        put_bytes(room, value.at, (size_t)(stop - value.at));
    } else { /* a sign, one to three digits, then groups of three */
        at = value.at;
        if (*at == '-' || *at == '+')
            put8(room, *at++);
        size_t count = digits(at, stop);
        if (count < 1 || count > 3)
            return OUT_OF_PLACE;
        for (;;) {
            put_bytes(room, at, count);
            at += count;
            if (at == stop)
                break;
            const size_t past = separator(column, at, stop);
            at += past;
            count = 3;
            if (!past || digits(at, stop) < 3)
                return OUT_OF_PLACE;
        }
    }
    if (column->decimal_sign != '.' && (memchr(room->at, '.', room->used) || memchr(stop, '.', (size_t)(end - stop))))
        return WRONG_SIGN;
    if (stop < end) {
        put8(room, '.');
        put_bytes(room, stop + 1, (size_t)(end - stop - 1));
    }
    *made = (Span){room->at, room->used};
    return PLAIN;
}

#endif
