/* The types: which cells each takes, and the binary form of their values. types.py says the same in Python, and is the truth.

A check gets the text of a cell that is not empty. It writes the field (its length, then its value) and returns FITS; or
returns MISFIT, having written what the caller takes back; or NO_MEMORY. Those of dates also give a key, which sorts as the
values' texts do. To add a type: write its check, and name it in TYPES. */
#ifndef WAYSTATION_TYPES_H
#define WAYSTATION_TYPES_H

#include <float.h>
#include <locale.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "_encode_output.h"

typedef enum { FITS, MISFIT, NO_MEMORY } Verdict;
typedef Verdict (*Check)(Buffer *out, const uint8_t *text, size_t length, int64_t *key);

static locale_t c_locale; /* strtod's decimal sign must be a point whatever the process was told */

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

/* -- whole numbers --------------------------------------------------------------------------------------------------- */
static Verdict check_bigint(Buffer *out, const uint8_t *text, size_t length, int64_t *key)
{
    (void)key;
    const int minus = text[0] == '-';
    text += minus;
    length -= (size_t)minus;
    if (length == 0 || length > 19 || (text[0] == '0' && length > 1))
        return MISFIT;
    uint64_t value = 0; /* 19 digits always fit */
    for (size_t n = 0; n < length; n++) {
        if (!is_digit(text[n]))
            return MISFIT;
        value = value * 10 + (uint64_t)(text[n] - '0');
    }
    if (value > (uint64_t)INT64_MAX + (uint64_t)minus)
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

static Verdict check_numeric(Buffer *out, const uint8_t *text, size_t length, int64_t *key)
{
    (void)key;
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

static Verdict check_double(Buffer *out, const uint8_t *text, size_t length, int64_t *key)
{
    (void)key;
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const uint8_t *end = text + length, *at = text;
    const int minus = text[0] == '-', sign = minus || text[0] == '+';
    if (same_word(text, length, "nan"))
        return put_double(out, UINT64_C(0x7FF8000000000000));
    if (same_word(text + sign, length - (size_t)sign, "inf") || same_word(text + sign, length - (size_t)sign, "infinity"))
        return put_double(out, UINT64_C(0x7FF0000000000000) | (uint64_t)minus << 63);

    at += minus;
    const uint8_t *whole = at, *fraction = end;
    const size_t wholes = digits(at, end);
    size_t fractions = 0;
    if (wholes > 1 && whole[0] == '0')
        return MISFIT;
    at += wholes;
    if (at < end && *at == '.') {
        fraction = at + 1;
        fractions = digits(fraction, end);
        at = fraction + fractions;
    }
    if (wholes + fractions == 0)
        return MISFIT;
    long exponent = 0;
    if (at < end) {
        if (*at != 'e' && *at != 'E')
            return MISFIT;
        at++;
        const int down = at < end && *at == '-';
        at += down || (at < end && *at == '+');
        const size_t count = digits(at, end);
        if (count < 1 || count > 6 || at + count != end)
            return MISFIT;
        exponent = (long)group(at, count) * (down ? -1 : 1);
    }

    uint64_t mantissa = 0; /* all the digits, or more than 2**53 */
    for (size_t n = 0; n < wholes + fractions && mantissa <= UINT64_C(1) << 53; n++) {
        const uint8_t digit = n < wholes ? whole[n] : fraction[n - wholes];
        mantissa = mantissa * 10 + (uint64_t)(digit - '0');
    }
    double value;
    if (mantissa == 0)
        return put_double(out, (uint64_t)minus << 63);
#if FLT_EVAL_METHOD == 0
    /* Both are exact as doubles, so that one rounding, the right one, is made. */
    if (mantissa <= UINT64_C(1) << 53) {
        const long power = exponent - (long)fractions;
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

/* -- true and false -------------------------------------------------------------------------------------------------- */
static Verdict check_boolean(Buffer *out, const uint8_t *text, size_t length, int64_t *key)
{
    (void)key;
    static const char *const words[] = {"true", "t", "yes", "y", "on", "1", "false", "f", "no", "n", "off", "0"};
    for (size_t n = 0; n < 12; n++)
        if (same_word(text, length, words[n])) {
            if (!reserve(out, 5))
                return NO_MEMORY;
            put32(out, 1);
            out->at[out->used++] = n < 6;
            return FITS;
        }
    return MISFIT;
}

/* -- days and times, counted from 2000-01-01 --------------------------------------------------------------------------- */
static inline int two(const uint8_t *at) /* two digits; -1 if they are none */
{
    return is_digit(at[0]) && is_digit(at[1]) ? (at[0] - '0') * 10 + (at[1] - '0') : -1;
}

/* The days up to YYYY-MM-DD; false if it is no day of the years 0001 to 9999. */
static inline int day_of(const uint8_t *at, int32_t *day)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    const int century = two(at), years = two(at + 2), month = two(at + 5), date = two(at + 8);
    if (century < 0 || years < 0 || month < 1 || month > 12 || date < 1 || at[4] != '-' || at[7] != '-')
        return 0;
    const int year = century * 100 + years;
    const int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year == 0 || date > lengths[month - 1] + (leap && month == 2))
        return 0;
    const int past = year - 1; /* 730119 days lie between 0001-01-01 and 2000-01-01 */
    *day = past * 365 + past / 4 - past / 100 + past / 400 + before[month - 1] + (leap && month > 2) + date - 1 - 730119;
    return 1;
}

static Verdict check_date(Buffer *out, const uint8_t *text, size_t length, int64_t *key)
{
    int32_t day;
    if (length != 10 || !day_of(text, &day))
        return MISFIT;
    if (!reserve(out, 8))
        return NO_MEMORY;
    put32(out, 4);
    put32(out, (uint32_t)day);
    *key = day;
    return FITS;
}

static Verdict check_timestamp(Buffer *out, const uint8_t *text, size_t length, int64_t *key)
{
    int32_t day;
    if (length < 10 || !day_of(text, &day))
        return MISFIT;
    int hour = 0, minute = 0, second = 0;
    int64_t micros = 0, places = 0;
    if (length > 10) {
        if (length < 16 || (text[10] != ' ' && text[10] != 'T') || text[13] != ':')
            return MISFIT;
        hour = two(text + 11);
        minute = two(text + 14);
        if (length > 16) {
            if (length < 19 || text[16] != ':')
                return MISFIT;
            second = two(text + 17);
        }
        if (length > 19) {
            places = (int64_t)digits(text + 20, text + length);
            if (text[19] != '.' || places < 1 || places > 6 || (size_t)places != length - 20)
                return MISFIT;
            micros = group(text + 20, (size_t)places);
            for (int64_t n = places; n < 6; n++)
                micros *= 10;
        }
        if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
            return MISFIT;
    }
    const int64_t value = (((int64_t)day * 24 + hour) * 60 + minute) * INT64_C(60000000) + second * INT64_C(1000000) + micros;
    if (!reserve(out, 12))
        return NO_MEMORY;
    put32(out, 8);
    put64(out, (uint64_t)value);
    *key = value * 8 + places; /* as texts, 10:00:00 < 10:00:00.0 < 10:00:00.00 */
    return FITS;
}

/* -- text: NUL and what is not UTF-8 are found for the whole record ---------------------------------------------------- */
static Verdict check_text(Buffer *out, const uint8_t *text, size_t length, int64_t *key)
{
    (void)key;
    if (length > INT32_MAX || !reserve(out, 4 + length))
        return NO_MEMORY;
    put32(out, (uint32_t)length);
    put_bytes(out, text, length);
    return FITS;
}

static const struct {
    const char *name;
    Check check;
    int has_key;
} TYPES[] = {
    {"bigint", check_bigint, 0}, {"numeric", check_numeric, 0},     {"double", check_double, 0}, {"boolean", check_boolean, 0},
    {"date", check_date, 1},     {"timestamp", check_timestamp, 1}, {"text", check_text, 0},
};
#define TYPE_COUNT (sizeof TYPES / sizeof *TYPES)

#endif
