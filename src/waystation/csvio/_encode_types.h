/* The types: which cells each takes, and the binary form of their values. types.py says the same in Python, and is the truth.

To add a type: write its check and what is said of cells that it does not take, and name both in TYPES. */
#ifndef WAYSTATION_TYPES_H
#define WAYSTATION_TYPES_H

#include "_encode_days.h"
#include "_encode_json.h"
#include "_encode_numbers.h"

static Verdict check_boolean(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    (void)column;
    static const char *const words[] = {"true", "t", "yes", "y", "on", "1", "false", "f", "no", "n", "off", "0"};
    for (size_t n = 0; n < 12; n++)
        if (same_word(text, length, words[n])) {
            if (!reserve(out, 5))
                return NO_MEMORY;
            put32(out, 1);
            put8(out, n < 6);
            return FITS;
        }
    return MISFIT;
}

static inline int hex(uint8_t byte) /* -1 if it is no hexadecimal digit */
{
    return is_digit(byte) ? byte - '0' : is_hex(byte) ? (byte | 32) - 'a' + 10 : -1;
}

static Verdict check_uuid(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    (void)column;
    if (length > 2 && text[0] == '{' && text[length - 1] == '}') {
        text++;
        length -= 2;
    }
    const int parted = length == 36;
    if (!parted && length != 32)
        return MISFIT;
    if (!reserve(out, 20))
        return NO_MEMORY;
    put32(out, 16);
    for (size_t n = 0; n < 16; n++, text += 2) {
        if (parted && (n == 4 || n == 6 || n == 8 || n == 10) && *text++ != '-')
            return MISFIT;
        const int high = hex(text[0]), low = hex(text[1]);
        if (high < 0 || low < 0)
            return MISFIT;
        put8(out, (uint8_t)(high << 4 | low));
    }
    return FITS;
}

/* NUL and what is not UTF-8 are found for the whole record. */
static Verdict check_text(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    (void)column;
    if (length > INT32_MAX || !reserve(out, 4 + length))
        return NO_MEMORY;
    put32(out, (uint32_t)length);
    put_bytes(out, text, length);
    return FITS;
}

static Verdict check_json(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    return is_json(text, text + length) ? check_text(out, text, length, column) : MISFIT;
}

#endif
