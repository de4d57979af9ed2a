/* Numbers: whole, decimal and with exponents; numbers.py says the same in Python, and is the truth. */
#ifndef WAYSTATION_NUMBERS_H
#define WAYSTATION_NUMBERS_H

#include <float.h>
#include <locale.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "_encode_column.h"

static locale_t c_locale; /* strtod's decimal sign must be a point whatever the process was told */

/* -- whole numbers --------------------------------------------------------------------------------------------------- */
/* The magnitude of a whole number without leading zeros; false if it is none, or is more than `most` (one more below zero). */
ALWAYS int read_whole(const uint8_t *text, size_t length, uint64_t most, int *minus, uint64_t *value)
{
    *minus = text[0] == '-';
    text += *minus;
    length -= (size_t)*minus;
    if (length == 0 || length > 19 || (text[0] == '0' && length > 1))
        return 0;
    uint64_t made = 0; /* 19 digits always fit */
    for (size_t n = 0; n < length; n++) {
        if (!is_digit(text[n]))
            return 0;
        made = made * 10 + (uint64_t)(text[n] - '0');
    }
    *value = made;
    return made <= most + (uint64_t)*minus;
}

static Verdict check_integer(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    (void)column;
    int minus;
    uint64_t value;
    if (!read_whole(text, length, INT32_MAX, &minus, &value))
        return MISFIT;
    if (!reserve(out, 8))
        return NO_MEMORY;
    put32(out, 4);
    put32(out, (uint32_t)(minus ? 0 - value : value));
    return FITS;
}

static Verdict check_bigint(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    (void)column;
    int minus;
    uint64_t value;
    if (!read_whole(text, length, INT64_MAX, &minus, &value))
        return MISFIT;
    if (!reserve(out, 12))
        return NO_MEMORY;
    put32(out, 8);
    put64(out, minus ? 0 - value : value);
    return FITS;
}

/* -- decimal numbers: groups of four digits, the point between two groups; the digits after it are counted ------------- */
#define MOST_WHOLE 131072
#define MOST_FRACTION 16383

static inline unsigned group(const uint8_t *at, size_t count)
{
    unsigned value = 0;
    for (size_t n = 0; n < count; n++)
        value = value * 10 + (unsigned)(at[n] - '0');
    return value;
}

static Verdict check_numeric(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    (void)column;
    const uint8_t *end = text + length;
    const int minus = text[0] == '-';
    const uint8_t *whole = text + minus, *fraction = end;
    size_t wholes = digits(whole, end), fractions = 0;
    const uint8_t *at = whole + wholes;
    if (wholes > 1 && whole[0] == '0')
        return MISFIT;
    if (at < end) {
        if (*at != '.')
            return MISFIT;
        fraction = at + 1;
        fractions = digits(fraction, end);
        at = fraction + fractions;
        if (!fractions)
            return MISFIT;
    }
    if (at < end || wholes + fractions == 0 || wholes > MOST_WHOLE || fractions > MOST_FRACTION)
        return MISFIT;
    if (wholes == 1 && whole[0] == '0')
        wholes = 0;

    if (!reserve(out, 12 + 2 * ((wholes + 3) / 4 + (fractions + 3) / 4)))
        return NO_MEMORY;
    uint8_t *head = out->at + out->used, *first = head + 12, *next = first, *past = first;
    long weight = (long)((wholes + 3) / 4) - 1;
    /* The first group may be a short one. */
    for (size_t n = 0, count = wholes % 4 ? wholes % 4 : 4; n < wholes; n += count, count = 4) {
        poke16(next, (uint16_t)group(whole + n, count));
        if (next[0] || next[1])
            past = next + 2;
        next += 2;
    }
    for (size_t n = 0; n < fractions; n += 4) {
        static const unsigned scale[] = {1, 1000, 100, 10, 1};
        const size_t count = fractions - n < 4 ? fractions - n : 4;
        poke16(next, (uint16_t)(group(fraction + n, count) * scale[count]));
        if (next[0] || next[1])
            past = next + 2;
        else if (next == first) { /* a zero before every other digit */
            weight--;
            continue;
        }
        next += 2;
    }
    const size_t groups = (size_t)(past - first) / 2; /* zeros at the end are not sent */
    put32(out, (uint32_t)(8 + 2 * groups));
    put16(out, (uint16_t)groups);
    put16(out, groups ? (uint16_t)weight : 0);
    put16(out, groups && minus ? 0x4000 : 0);
    put16(out, (uint16_t)fractions);
    out->used += 2 * groups;
    return FITS;
}

/* -- numbers with exponents ------------------------------------------------------------------------------------------ */
static inline int same_word(const uint8_t *text, size_t length, const char *word)
{
    if (strlen(word) != length)
        return 0;
    for (size_t n = 0; n < length; n++) {
        const uint8_t byte = text[n];
        if ((byte >= 'A' && byte <= 'Z' ? byte + 32 : byte) != word[n])
            return 0;
    }
    return 1;
}

static Verdict put_double(Buffer *out, uint64_t bits)
{
    if (!reserve(out, 12))
        return NO_MEMORY;
    put32(out, 8);
    put64(out, bits);
    return FITS;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return bits;
}

/* strtod on a copy, since it wants a NUL after the number. False if there is no memory. */
static int strtod_copy(const uint8_t *text, size_t length, double *value)
{
    char small[64];
    char *copy = length < sizeof small ? small : malloc(length + 1);
    if (!copy)
        return 0;
    memcpy(copy, text, length);
    copy[length] = 0;
    *value = strtod_l(copy, NULL, c_locale);
    if (copy != small)
        free(copy);
    return 1;
}

typedef struct {
    int minus;
    const uint8_t *whole, *fraction;
    size_t wholes, fractions; /* digits */
    long exponent;
} Float;

/* Take a number apart; false if it is none. */
static int read_float(const uint8_t *text, size_t length, Float *made)
{
    const uint8_t *end = text + length, *at = text;
    made->minus = text[0] == '-';
    at += made->minus;
    made->whole = at;
    made->fraction = end;
    made->wholes = digits(at, end);
    made->fractions = 0;
    made->exponent = 0;
    if (made->wholes > 1 && at[0] == '0')
        return 0;
    at += made->wholes;
    if (at < end && *at == '.') {
        made->fraction = at + 1;
        made->fractions = digits(made->fraction, end);
        at = made->fraction + made->fractions;
    }
    if (made->wholes + made->fractions == 0)
        return 0;
    if (at == end)
        return 1;
    if (*at != 'e' && *at != 'E')
        return 0;
    at++;
    const int down = at < end && *at == '-';
    at += down || (at < end && *at == '+');
    const size_t count = digits(at, end);
    if (count < 1 || count > 6 || at + count != end)
        return 0;
    made->exponent = (long)group(at, count) * (down ? -1 : 1);
    return 1;
}

static Verdict check_double(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    (void)column;
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const int minus = text[0] == '-', sign = minus || text[0] == '+';
    if (same_word(text, length, "nan"))
        return put_double(out, UINT64_C(0x7FF8000000000000));
    if (same_word(text + sign, length - (size_t)sign, "inf") || same_word(text + sign, length - (size_t)sign, "infinity"))
        return put_double(out, UINT64_C(0x7FF0000000000000) | (uint64_t)minus << 63);
    Float read;
    if (!read_float(text, length, &read))
        return MISFIT;

    uint64_t mantissa = 0; /* all the digits, or more than 2**53 */
    for (size_t n = 0; n < read.wholes + read.fractions && mantissa <= UINT64_C(1) << 53; n++) {
        const uint8_t digit = n < read.wholes ? read.whole[n] : read.fraction[n - read.wholes];
        mantissa = mantissa * 10 + (uint64_t)(digit - '0');
    }
    double value;
    if (mantissa == 0)
        return put_double(out, (uint64_t)minus << 63);
#if FLT_EVAL_METHOD == 0
    /* Both are exact as doubles, so that one rounding, the right one, is made. */
    if (mantissa <= UINT64_C(1) << 53) {
        const long power = read.exponent - (long)read.fractions;
        if (power >= -22 && power <= 22) {
            value = power < 0 ? (double)mantissa / powers[-power] : (double)mantissa * powers[power];
            return put_double(out, bits_of(minus ? -value : value));
        }
    }
#endif
    if (!strtod_copy(text, length, &value))
        return NO_MEMORY;
    if (value == 0 || value > DBL_MAX || value < -DBL_MAX)
        return MISFIT;
    return put_double(out, bits_of(value));
}


#endif
