/* Days and times, counted from 2000-01-01 and from midnight; days.py says the same in Python, and is the truth. */
#ifndef WAYSTATION_DAYS_H
#define WAYSTATION_DAYS_H

#include "_encode_column.h"

#define SECOND INT64_C(1000000) /* microseconds */
#define DAY (86400 * SECOND)

static inline int two(const uint8_t *at) /* two digits; -1 if they are none */
{
    return is_digit(at[0]) && is_digit(at[1]) ? (at[0] - '0') * 10 + (at[1] - '0') : -1;
}

typedef struct {
    int year, month, day;
    Span written; /* the month, as it stands in the file */
} Day;

static inline int leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int days_in(int year, int month)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return lengths[month - 1] + (month == 2 && leap(year));
}

/* YYYY-MM-DD, be there such a day or not. */
static inline int iso_shape(const uint8_t *at, Day *made)
{
    const int century = two(at), years = two(at + 2);
    made->month = two(at + 5);
    made->day = two(at + 8);
    made->year = century * 100 + years;
    made->written = (Span){at + 5, 2};
    return century >= 0 && years >= 0 && made->month >= 0 && made->day >= 0 && at[4] == '-' && at[7] == '-';
}

/* One or two digits. */
static inline int short_number(const uint8_t **at, const uint8_t *end, int *value, Span *written)
{
    const size_t count = digits(*at, end);
    if (count < 1 || count > 2)
        return 0;
    *written = (Span){*at, count};
    *value = count == 2 ? two(*at) : **at - '0';
    *at += count;
    return 1;
}

/* 31/12/2020 or 12/31/2020, with any of / . - twice. */
static int turned_shape(Span text, Order order, Day *made)
{
    const uint8_t *at = text.at, *end = at + text.length;
    int first, second;
    Span one, other;
    if (!short_number(&at, end, &first, &one) || at == end)
        return 0;
    const uint8_t mark = *at++;
    if ((mark != '/' && mark != '.' && mark != '-') || !short_number(&at, end, &second, &other))
        return 0;
    if (end - at != 5 || *at != mark || digits(at + 1, end) != 4)
        return 0;
    made->year = two(at + 1) * 100 + two(at + 3);
    made->month = order == DMY ? second : first;
    made->day = order == DMY ? first : second;
    made->written = order == DMY ? other : one;
    return 1;
}

/* The day as it is written in a column of this order; false if it is not. */
static inline int day_shape(Span text, Order order, Day *made)
{
    return (text.length == 10 && iso_shape(text.at, made)) || (order != YMD && turned_shape(text, order, made));
}

/* The number of a day; false if there is none such in the years 0001 to 9999. */
static inline int number_of_day(const Day *day, int32_t *number)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    if (day->year < 1 || day->month < 1 || day->month > 12 || day->day < 1 || day->day > days_in(day->year, day->month))
        return 0;
    const int past = day->year - 1; /* 730119 days lie between 0001-01-01 and 2000-01-01 */
    *number = past * 365 + past / 4 - past / 100 + past / 400 + before[day->month - 1] + (leap(day->year) && day->month > 2) +
              day->day - 1 - 730119;
    return 1;
}

/* Microseconds since midnight of HH:MM[:SS[.ffffff]], and its digits after the second; -1 if it is no time of the day.
`last`: whether 24:00 is one. */
static inline int64_t clock_of(const uint8_t *at, size_t length, int last, int *places)
{
    *places = 0;
    if (length < 5 || at[2] != ':')
        return -1;
    const int hour = two(at), minute = two(at + 3);
    int second = 0;
    int64_t micros = 0;
    if (length > 5) {
        if (length < 8 || at[5] != ':')
            return -1;
        second = two(at + 6);
    }
    if (length > 8) {
        const size_t count = digits(at + 9, at + length);
        if (at[8] != '.' || count < 1 || count > 6 || count != length - 9)
            return -1;
        for (size_t n = 0; n < 6; n++)
            micros = micros * 10 + (n < count ? at[9 + n] - '0' : 0);
        *places = (int)count;
    }
    if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return -1;
    micros += ((int64_t)hour * 60 + minute) * 60 * SECOND + second * SECOND;
    return hour < 24 || (last && micros == DAY) ? micros : -1;
}

static Verdict check_date(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    Day day;
    int32_t number;
    if (!day_shape((Span){text, length}, column->order, &day) || !number_of_day(&day, &number))
        return MISFIT;
    if (!reserve(out, 8))
        return NO_MEMORY;
    put32(out, 4);
    put32(out, (uint32_t)number);
    column->key = number;
    return FITS;
}

/* Where the day of a timestamp ends: at the first blank or T. */
static inline size_t length_of_day(const uint8_t *text, size_t length)
{
    size_t at = 0;
    while (at < length && text[at] != ' ' && text[at] != 'T')
        at++;
    return at;
}

static Verdict check_timestamp(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    const size_t split = length_of_day(text, length);
    Day day;
    int32_t number;
    int64_t micros = 0;
    int places = 0;
    if (!day_shape((Span){text, split}, column->order, &day) || !number_of_day(&day, &number))
        return MISFIT;
    if (split < length && (micros = clock_of(text + split + 1, length - split - 1, 0, &places)) < 0)
        return MISFIT;
    const int64_t value = number * DAY + micros;
    if (!reserve(out, 12))
        return NO_MEMORY;
    put32(out, 8);
    put64(out, (uint64_t)value);
    column->key = value * 8 + places; /* as texts, 10:00:00 < 10:00:00.0 < 10:00:00.00 */
    return FITS;
}

static Verdict check_time(Buffer *out, const uint8_t *text, size_t length, Column *column)
{
    (void)column;
    int places;
    const int64_t micros = clock_of(text, length, 1, &places);
    if (micros < 0)
        return MISFIT;
    if (!reserve(out, 12))
        return NO_MEMORY;
    put32(out, 8);
    put64(out, (uint64_t)micros);
    return FITS;
}

#endif
