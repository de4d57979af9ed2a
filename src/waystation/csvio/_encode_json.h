/* Whether a text is JSON (RFC 8259), nested no more than so deep. It is read by a loop, not by calls within calls. */
#ifndef WAYSTATION_JSON_H
#define WAYSTATION_JSON_H

#include "_encode_column.h"
#include "_encode_scan.h"

#define JSON_DEPTH 256 /* types.py says why */

static inline const uint8_t *past_blanks(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

static inline int is_hex(uint8_t byte)
{
    return is_digit(byte) || (uint8_t)((byte | 32) - 'a') < 6;
}

/* The byte after the string whose quote stands before `at`; NULL if it is none. */
static const uint8_t *past_string(const uint8_t *at, const uint8_t *end)
{
    for (;;) {
        at = find_special(at, end);
        if (at == end || *at < 0x20)
            return NULL;
        if (*at == '"')
            return at + 1;
        if (*at != '\\') { /* no ASCII */
            at++;
            continue;
        }
        if (end - at < 2)
            return NULL;
        if (at[1] != 'u') {
            if (!memchr("\"\\/bfnrt", at[1], 8))
                return NULL;
            at += 2;
            continue;
        }
        if (end - at < 6 || !is_hex(at[2]) || !is_hex(at[3]) || !is_hex(at[4]) || !is_hex(at[5]))
            return NULL;
        at += 6;
    }
}

/* The byte after the number at `at`; NULL if it is none. */
static const uint8_t *past_number(const uint8_t *at, const uint8_t *end)
{
    at += at < end && *at == '-';
    size_t count = digits(at, end);
    if (!count || (count > 1 && *at == '0'))
        return NULL;
    at += count;
    if (at < end && *at == '.') {
        if (!(count = digits(at + 1, end)))
            return NULL;
        at += 1 + count;
    }
    if (at < end && (*at | 32) == 'e') {
        at++;
        at += at < end && (*at == '-' || *at == '+');
        if (!(count = digits(at, end)))
            return NULL;
        at += count;
    }
    return at;
}

static inline const uint8_t *past_word(const uint8_t *at, const uint8_t *end, const char *word, size_t length)
{
    return (size_t)(end - at) >= length && memcmp(at, word, length) == 0 ? at + length : NULL;
}

/* The byte after the string and the colon that begin a member of an object; NULL if they are not there. */
static const uint8_t *past_name(const uint8_t *at, const uint8_t *end)
{
    at = past_blanks(at, end);
    if (at == end || *at != '"' || !(at = past_string(at + 1, end)))
        return NULL;
    at = past_blanks(at, end);
    return at < end && *at == ':' ? at + 1 : NULL;
}

static int is_json(const uint8_t *at, const uint8_t *end)
{
    uint8_t closers[JSON_DEPTH]; /* of the arrays and objects that are open */
    size_t depth = 0;
    for (;;) {
        /* A value begins here. */
        at = past_blanks(at, end);
        if (at == end)
            return 0;
        if (*at == '[' || *at == '{') {
            if (depth == JSON_DEPTH)
                return 0;
            const uint8_t closer = *at == '[' ? ']' : '}';
            closers[depth++] = closer;
            const uint8_t *next = past_blanks(at + 1, end);
            if (next == end || *next != closer) {
                at = closer == '}' ? past_name(next, end) : next;
                if (!at)
                    return 0;
                continue;
            }
            depth--;
            at = next + 1;
        } else {
            switch (*at) {
            case '"': at = past_string(at + 1, end); break;
            case 't': at = past_word(at, end, "true", 4); break;
            case 'f': at = past_word(at, end, "false", 5); break;
            case 'n': at = past_word(at, end, "null", 4); break;
            default: at = past_number(at, end);
            }
            if (!at)
                return 0;
        }
        /* A value ended here: so may what it stands in. */
        for (at = past_blanks(at, end); depth && at < end && *at == closers[depth - 1]; at = past_blanks(at + 1, end))
            depth--;
        if (!depth)
            return at == end;
        if (at == end || *at != ',')
            return 0;
        at++;
        if (closers[depth - 1] == '}' && !(at = past_name(at, end)))
            return 0;
    }
}

#endif
