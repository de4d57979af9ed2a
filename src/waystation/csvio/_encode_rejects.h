/* Text for the rejects: values as COPY wants to read them, fields as a JSON array in a field of COPY.

A byte that is not UTF-8, and NUL, which neither the database nor JSON can hold, stand as \xE9 and \x00: see rejects.py. */
#ifndef WAYSTATION_REJECTS_H
#define WAYSTATION_REJECTS_H

#include "_encode_words.h"

#define LONGEST_VALUE 200 /* characters; rejects.py */

/* The length of the character at `at`; 0 if it is NUL or a byte that is not UTF-8. */
static inline size_t text_length(const uint8_t *at, const uint8_t *end)
{
    return *at >= 0x80 ? utf8_length(at, end) : *at != 0;
}

/* `\xE9` in small letters, after so many backslashes; its room is reserved. */
static inline void put_byte(Buffer *out, uint8_t byte, size_t backslashes)
{
    static const uint8_t letters[] = "0123456789abcdef";
    for (size_t n = 0; n < backslashes; n++)
        put8(out, '\\');
    put8(out, 'x');
    put8(out, letters[byte >> 4]);
    put8(out, letters[byte & 15]);
}

/* What COPY wants behind a backslash in place of this byte; 0 if the byte stands for itself. */
static inline uint8_t copy_letter(uint8_t byte)
{
    return byte == '\\' ? '\\' : byte == '\n' ? 'n' : byte == '\r' ? 'r' : byte == '\t' ? 't' : 0;
}

/* A value, cut, as a field of COPY's text format. False if there is no memory. */
static int add_value(Buffer *out, Span value)
{
    const uint8_t *at = value.at, *end = at + value.length;
    size_t last = out->used; /* where the last character that fits begins */
    if (!reserve(out, LONGEST_VALUE * 5 + sizeof ELLIPSIS))
        return 0;
    for (size_t count = 0; at < end; count++) {
        if (count == LONGEST_VALUE) {
            out->used = last;
            put_bytes(out, ELLIPSIS, sizeof ELLIPSIS - 1);
            break;
        }
        last = out->used;
        const size_t length = text_length(at, end);
        const uint8_t letter = copy_letter(*at);
        if (letter) {
            put8(out, '\\');
            put8(out, letter);
        } else if (length)
            put_bytes(out, at, length);
        else
            put_byte(out, *at, 2);
        at += length ? length : 1;
    }
    return 1;
}

/* A field as a JSON string in a field of COPY's text format. False if there is no memory. */
static int add_json(Buffer *out, Span text)
{
    static const char letters[] = "btn\0fr"; /* \b to \r; \v has none */
    const uint8_t *at = text.at, *end = at + text.length;
    if (!add(out, "\"", 1))
        return 0;
    while (at < end) {
        const uint8_t *special = find_special(at, end);
        const size_t run = (size_t)(special - at);
        if (!reserve(out, run + 8))
            return 0;
        put_bytes(out, at, run);
        if ((at = special) == end)
            break;
        const uint8_t byte = *at;
        const size_t length = text_length(at, end);
        if (!length)
            put_byte(out, byte, 4);
        else if (byte >= 0x80)
            put_bytes(out, at, length);
        else if (byte == '"')
            put_bytes(out, "\\\\\"", 3);
        else if (byte == '\\')
            put_bytes(out, "\\\\\\\\", 4);
        else if (byte >= '\b' && byte <= '\r' && letters[byte - '\b']) {
            put_bytes(out, "\\\\", 2);
            put8(out, (uint8_t)letters[byte - '\b']);
        } else {
            put_bytes(out, "\\\\u00", 5);
            put8(out, byte < 0x10 ? '0' : '1');
            put8(out, (uint8_t)"0123456789abcdef"[byte & 15]);
        }
        at += length ? length : 1;
    }
    return add(out, "\"", 1);
}

/* Of a field that is no text: its first byte that is not UTF-8, or else its first NUL. NULL if it is text. */
static const uint8_t *bad_byte(Span value)
{
    const uint8_t *end = value.at + value.length, *first = find_no_text(value.at, end), *at = first;
    while (at < end && !*at)
        at = find_no_text(at + 1, end);
    return at < end ? at : first < end ? first : NULL;
}

static Said say_byte(Speech *speech, uint8_t byte)
{
    static const uint8_t letters[] = "0123456789ABCDEF";
    const uint8_t hexadecimal[] = {letters[byte >> 4], letters[byte & 15]};
    return say(speech, byte ? SAY_BYTE : SAY_NUL, (Span[]){{hexadecimal, 2}});
}

#endif
