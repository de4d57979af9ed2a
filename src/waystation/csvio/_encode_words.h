/* What is wrong with a value, in the words of words.py, which are handed over with each call.

Said is what is common. The rest (characters that may or may not be printable, the insides of JSON, too many digits) is asked of
Python, a record at a time. Whatever is written here is text for COPY. */
#ifndef WAYSTATION_WORDS_H
#define WAYSTATION_WORDS_H

#include "_encode_types.h"

#define PHRASES(X)                                                                                                          \
    X(IS_NOT) X(BLANKS) X(PLUS) X(ZEROS) X(SEPARATORS) X(DECIMAL_SIGN) X(RANGE) X(BOOLEAN) X(WRITTEN) X(ENDLESS) X(YEARS)    \
    X(MONTH) X(DAYS) X(ZONE) X(CLOCK) X(FINE) X(UUID) X(REQUIRED) X(NUL) X(BYTE) X(ONE_FIELD) X(FIELDS)
#define NAME_OF(name) SAY_##name,
typedef enum { PHRASES(NAME_OF) PHRASE_COUNT } Phrase;

#define LONGEST_IN_REASON 60 /* characters; words.py */
#define ELLIPSIS "\xE2\x80\xA6"
#define TEXT(literal) ((Span){(const uint8_t *)(literal), sizeof(literal) - 1})

typedef enum { SAID, ASK, NO_BREATH } Said;

typedef struct {
    Span phrases[PHRASE_COUNT], months[12];
    Buffer *out;
    Buffer quoted, plain; /* room for a value in quotes, and for a number without separators */
} Speech;

/* A phrase with {0}, {1} … filled in. */
static Said say(Speech *speech, Phrase phrase, const Span *fillings)
{
    const uint8_t *at = speech->phrases[phrase].at, *end = at + speech->phrases[phrase].length;
    while (at < end) {
        const uint8_t *brace = memchr(at, '{', (size_t)(end - at)), *stop = brace ? brace : end;
        if (!add(speech->out, at, (size_t)(stop - at)))
            return NO_BREATH;
        if (!brace)
            break;
        const Span filling = fillings[brace[1] - '0'];
        if (!add(speech->out, filling.at, filling.length))
            return NO_BREATH;
        at = brace + 3;
    }
    return SAID;
}

/* -- values in quotes ------------------------------------------------------------------------------------------------- */
/* Whether a character is printable in every version of Unicode that Python may have: most letters, signs and ideographs. */
static int surely_printable(uint32_t character)
{
    static const uint32_t ranges[][2] = {
        {0x20, 0x7E},       {0xA1, 0xAC},       {0xAE, 0x377},      {0x3A3, 0x52F},     {0x5D0, 0x5EA},     {0x620, 0x64A},
        {0x660, 0x66F},     {0x904, 0x939},     {0xE01, 0xE3A},     {0x10D0, 0x10F0},   {0x1E00, 0x1F15},   {0x2010, 0x2027},
        {0x2030, 0x205E},   {0x20A0, 0x20BF},   {0x2100, 0x218B},   {0x2190, 0x23FF},   {0x2500, 0x2775},   {0x3001, 0x303F},
        {0x3041, 0x3096},   {0x3099, 0x30FF},   {0x3400, 0x4DB5},   {0x4E00, 0x9FEF},   {0xAC00, 0xD7A3},   {0xFF01, 0xFFBE},
        {0x1F300, 0x1F6D4}, {0x20000, 0x2A6D6},
    };
    for (size_t n = 0; n < sizeof ranges / sizeof *ranges; n++)
        if (character <= ranges[n][1])
            return character >= ranges[n][0];
    return 0;
}

/* The character at `at`, which is good UTF-8 of this length. */
static inline uint32_t character_at(const uint8_t *at, size_t length)
{
    if (length == 1)
        return *at;
    uint32_t made = *at & (0x7FU >> length);
    for (size_t n = 1; n < length; n++)
        made = made << 6 | (at[n] & 0x3FU);
    return made;
}

/* The value in quotes, cut, as words.py has it; ASK if it may not be printable. It is good UTF-8. */
static Said quote_value(Speech *speech, Span value)
{
    Buffer *out = &speech->quoted;
    out->used = 0;
    if (!reserve(out, 2 * 4 * LONGEST_IN_REASON + 8))
        return NO_BREATH;
    put8(out, '\'');
    const uint8_t *at = value.at, *end = at + value.length;
    size_t before_last = 0; /* where the last character but those that fit begins */
    for (size_t count = 0; at < end; count++) {
        if (count == LONGEST_IN_REASON) {
            out->used = before_last;
            put_bytes(out, ELLIPSIS, 3);
            break;
        }
        const size_t length = *at < 0x80 ? 1 : utf8_length(at, end);
        /* What is cut away may be what it likes. */
        if (!surely_printable(character_at(at, length)))
            return ASK;
        before_last = out->used;
        if (*at == '\\')
            put8(out, '\\');
        put_bytes(out, at, length);
        at += length;
    }
    put8(out, '\'');
    return SAID;
}

static Said say_of(Speech *speech, Phrase phrase, Span value, Span second, Span third)
{
    const Said said = quote_value(speech, value);
    return said == SAID ? say(speech, phrase, (Span[]){{speech->quoted.at, speech->quoted.used}, second, third}) : said;
}

/* -- numbers ---------------------------------------------------------------------------------------------------------- */
/* A number but for leading zeros or a plus: [+-]?[0-9][0-9.]* or +.[0-9]+ */
static int is_padded(Span text, size_t *points)
{
    const uint8_t *at = text.at, *end = at + text.length;
    const int plus = at < end && *at == '+';
    at += plus || (at < end && *at == '-');
    *points = 0;
    if (plus && end - at > 1 && *at == '.' && digits(at + 1, end) == (size_t)(end - at - 1)) {
        *points = 1;
        return 1;
    }
    if (at == end || !is_digit(*at))
        return 0;
    for (; at < end; at++) {
        if (*at == '.')
            ++*points;
        else if (!is_digit(*at))
            return 0;
    }
    return 1;
}

/* The value without blanks around it; ASK if Python must say what a blank is. */
static Said strip(Span value, Span *made)
{
    *made = value;
    while (made->length && made->at[0] == ' ') {
        made->at++;
        made->length--;
    }
    while (made->length && made->at[made->length - 1] == ' ')
        made->length--;
    if (!made->length)
        return SAID;
    const uint8_t first = made->at[0], last = made->at[made->length - 1];
    return first > ' ' && first < 0x7F && last > ' ' && last < 0x7F ? SAID : ASK;
}

/* What is wrong with a number, or else `text`: itself with a point and without separators. */
static Said why_no_plain(Speech *speech, const Column *column, Span value, Span *text)
{
    *text = value;
    if (!column->loose)
        return ASK;
    const Span sign = {&column->decimal_sign, 1};
    switch (plainly(column, value, &speech->plain, text)) {
    case PLAIN: return ASK;
    case OUT_OF_PLACE: return say_of(speech, SAY_SEPARATORS, value, column->noun, sign);
    case WRONG_SIGN: return say_of(speech, SAY_DECIMAL_SIGN, value, column->noun, sign);
    default: return NO_BREATH;
    }
}

static Said why_no_number(Speech *speech, const Column *column, Span value, Span text)
{
    size_t points;
    Span stripped;
    Phrase phrase = SAY_IS_NOT;
    if (strip(value, &stripped) == ASK)
        return ASK;
    if (stripped.length < value.length && is_padded(stripped, &points)) {
        phrase = SAY_BLANKS;
    } else if (is_padded(text, &points) && points < 2 && text.at[text.length - 1] != '.') {
        const int minus = text.at[0] == '-';
        if (text.at[0] == '+')
            phrase = SAY_PLUS;
        else if (text.length > (size_t)minus + 1 && text.at[minus] == '0' && is_digit(text.at[minus + 1]))
            phrase = SAY_ZEROS;
    }
    return say_of(speech, phrase, value, column->noun, (Span){0});
}

static Said why_no_whole(Speech *speech, const Column *column, Span value, Span least, Span greatest)
{
    Span stripped, text;
    if (strip(value, &stripped) == ASK)
        return ASK;
    const Said said = why_no_plain(speech, column, value, &text);
    if (said != ASK)
        return said;
    const size_t minus = text.length && text.at[0] == '-', count = digits(text.at + minus, text.at + text.length);
    if (count && count + minus == text.length && (text.at[minus] != '0' || count == 1))
        return say_of(speech, SAY_RANGE, value, least, greatest);
    return why_no_number(speech, column, value, text);
}

static Said why_no_integer(Speech *speech, const Column *column, Span value)
{
    return why_no_whole(speech, column, value, TEXT("-2147483648"), TEXT("2147483647"));
}

static Said why_no_bigint(Speech *speech, const Column *column, Span value)
{
    return why_no_whole(speech, column, value, TEXT("-9223372036854775808"), TEXT("9223372036854775807"));
}

static Said why_no_numeric(Speech *speech, const Column *column, Span value)
{
    Span stripped, text;
    if (value.length > MOST_FRACTION || strip(value, &stripped) == ASK) /* it may have too many digits: they are to be counted */
        return ASK;
    const Said said = why_no_plain(speech, column, value, &text);
    return said == ASK ? why_no_number(speech, column, value, text) : said;
}

static Said why_no_double(Speech *speech, const Column *column, Span value)
{
    Span stripped, text;
    Float made;
    if (strip(value, &stripped) == ASK)
        return ASK;
    const Said said = why_no_plain(speech, column, value, &text);
    if (said != ASK)
        return said;
    return read_float(text.at, text.length, &made) ? ASK : why_no_number(speech, column, value, text); /* too large or small */
}

/* -- days and times --------------------------------------------------------------------------------------------------- */
typedef struct {
    Span hour, minute, second, fraction, zone; /* the fraction with its point */
} Clock;

static inline int take_two(const uint8_t **at, const uint8_t *end, Span *made)
{
    if (end - *at < 2 || two(*at) < 0)
        return 0;
    *made = (Span){*at, 2};
    *at += 2;
    return 1;
}

static inline int take(const uint8_t **at, const uint8_t *end, uint8_t byte)
{
    if (*at == end || **at != byte)
        return 0;
    ++*at;
    return 1;
}

/* HH:MM[:SS[.f…]][zone], be there such a time or not. */
static int clock_shape(Span text, Clock *made)
{
    const uint8_t *at = text.at, *end = at + text.length;
    *made = (Clock){0};
    if (!take_two(&at, end, &made->hour) || !take(&at, end, ':') || !take_two(&at, end, &made->minute))
        return 0;
    if (take(&at, end, ':')) {
        if (!take_two(&at, end, &made->second))
            return 0;
        if (at < end && *at == '.') {
            const size_t count = digits(at + 1, end);
            if (!count)
                return 0;
            made->fraction = (Span){at, count + 1};
            at += count + 1;
        }
    }
    made->zone = (Span){at, (size_t)(end - at)};
    Span part;
    if (at == end || ((take(&at, end, 'Z') || take(&at, end, 'z')) && at == end))
        return 1;
    if ((!take(&at, end, '+') && !take(&at, end, '-')) || !take_two(&at, end, &part))
        return 0;
    if (at == end)
        return 1;
    take(&at, end, ':');
    return take_two(&at, end, &part) && at == end;
}

static inline int ends_in(Span text, const char *word)
{
    const size_t length = strlen(word);
    return text.length > length && same_word(text.at + text.length - length, length, word);
}

static Said why_not_written(Speech *speech, const Column *column, Span value)
{
    const int sign = value.at[0] == '+' || value.at[0] == '-';
    if (same_word(value.at + sign, value.length - (size_t)sign, "infinity"))
        return say_of(speech, SAY_ENDLESS, value, column->noun, (Span){0});
    const uint8_t *end = value.at + value.length, *at = value.at + digits(value.at, end);
    const int far = at - value.at > 4 && end - at >= 6 && *at == '-' && two(at + 1) >= 0 && at[3] == '-' && two(at + 4) >= 0;
    if (far || ends_in(value, " bc") || ends_in(value, " ad"))
        return say_of(speech, SAY_YEARS, value, column->noun, (Span){0});
    return say_of(speech, SAY_WRITTEN, value, column->noun, column->how);
}

static Said why_no_day(Speech *speech, const Column *column, Span value, const Day *day)
{
    uint8_t year[20], count[20];
    if (day->year == 0)
        return say_of(speech, SAY_YEARS, value, column->noun, (Span){0});
    if (day->month < 1 || day->month > 12)
        return say_of(speech, SAY_MONTH, value, column->noun, day->written);
    const Said said = quote_value(speech, value);
    if (said != SAID)
        return said;
    const Span fillings[] = {
        {speech->quoted.at, speech->quoted.used},
        column->noun,
        speech->months[day->month - 1],
        decimal((uint64_t)day->year, 4, year),
        decimal((uint64_t)days_in(day->year, day->month), 1, count),
    };
    return say(speech, SAY_DAYS, fillings);
}

static Said why_no_date(Speech *speech, const Column *column, Span value)
{
    Day day;
    return day_shape(value, column->order, &day) ? why_no_day(speech, column, value, &day) : why_not_written(speech, column, value);
}

/* The clock of a value is written as one, but is none. `last`: whether 24:00 would be one. */
static Said why_no_clock(Speech *speech, const Column *column, Span value, const Clock *clock, int last)
{
    if (clock->zone.length)
        return say_of(speech, SAY_ZONE, value, column->noun, clock->zone);
    const int hour = two(clock->hour.at), minute = two(clock->minute.at);
    const int second = clock->second.length ? two(clock->second.at) : 0;
    int wrong = hour > 23 || minute > 59 || second > 59;
    if (last && hour == 24 && !minute && !second) { /* as long as there is no fraction but of zeros */
        wrong = 0;
        for (size_t n = 1; n < clock->fraction.length; n++)
            wrong |= clock->fraction.at[n] != '0';
    }
    if (!wrong)
        return say_of(speech, SAY_FINE, value, column->noun, (Span){0});
    return say_of(speech, SAY_CLOCK, value, column->noun, last ? TEXT("24:00:00") : TEXT("23:59:59"));
}

static Said why_no_timestamp(Speech *speech, const Column *column, Span value)
{
    const size_t split = length_of_day(value.at, value.length);
    const Span written = {value.at, split};
    const int alone = split == value.length;
    Day day;
    Clock clock = {0};
    int32_t number;
    if ((!alone && !clock_shape((Span){value.at + split + 1, value.length - split - 1}, &clock)) ||
        !day_shape(written, column->order, &day))
        return why_not_written(speech, column, value);
    if (!number_of_day(&day, &number))
        return why_no_day(speech, column, value, &day);
    return why_no_clock(speech, column, value, &clock, 0);
}

static Said why_no_time(Speech *speech, const Column *column, Span value)
{
    Clock clock;
    if (!clock_shape(value, &clock))
        return say_of(speech, SAY_WRITTEN, value, column->noun, column->how);
    return why_no_clock(speech, column, value, &clock, 1);
}

/* -- the others ------------------------------------------------------------------------------------------------------- */
static Said why_no_boolean(Speech *speech, const Column *column, Span value)
{
    return say_of(speech, SAY_BOOLEAN, value, column->noun, (Span){0});
}

static Said why_no_uuid(Speech *speech, const Column *column, Span value)
{
    return say_of(speech, SAY_UUID, value, column->noun, (Span){0});
}

static Said ask(Speech *speech, const Column *column, Span value)
{
    (void)speech;
    (void)column;
    (void)value;
    return ASK;
}

static const struct {
    const char *name;
    Check check;
    Said (*why_not)(Speech *speech, const Column *column, Span value);
    int has_key;
} TYPES[] = {
    {"integer", check_integer, why_no_integer, 0},
    {"bigint", check_bigint, why_no_bigint, 0},
    {"numeric", check_numeric, why_no_numeric, 0},
    {"double", check_double, why_no_double, 0},
    {"boolean", check_boolean, why_no_boolean, 0},
    {"date", check_date, why_no_date, 1},
    {"timestamp", check_timestamp, why_no_timestamp, 1},
    {"time", check_time, why_no_time, 0},
    {"uuid", check_uuid, why_no_uuid, 0},
    {"json", check_json, ask, 0},
    {"text", check_text, ask, 0},
};
#define TYPE_COUNT (sizeof TYPES / sizeof *TYPES)

#endif
