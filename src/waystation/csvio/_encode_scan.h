/* Looking for bytes, eight or sixteen at a time: line ends, delimiters and quotes; and the first byte that is no text. */
#ifndef WAYSTATION_SCAN_H
#define WAYSTATION_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__ /* every x86-64 has it */
#include <emmintrin.h>
#endif

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

static inline uint64_t eight(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/* A high bit where a byte of `word` is zero. The lowest bit that is set is always right; those above it may not be. */
static inline uint64_t zeros(uint64_t word)
{
    return (word - ONES) & ~word & HIGHS;
}

/* Leave with the place of the first hit among eight bytes; where that can't be told at once, single steps find it. */
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LEAVE_AT(at, hits) return (at) + (__builtin_ctzll(hits) >> 3)
#else
#define LEAVE_AT(at, hits) break
#endif

#ifdef __SSE2__
/* A bit for each of the sixteen bytes at `at` that is one of four. */
static inline unsigned sixteen(const uint8_t *at, __m128i a, __m128i b, __m128i c, __m128i d)
{
    const __m128i word = _mm_loadu_si128((const __m128i *)at);
    const __m128i one = _mm_or_si128(_mm_cmpeq_epi8(word, a), _mm_cmpeq_epi8(word, b));
    const __m128i other = _mm_or_si128(_mm_cmpeq_epi8(word, c), _mm_cmpeq_epi8(word, d));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(one, other));
}

/* Leave with the place of the first of four bytes, if it is before the last fifteen. */
#define LEAVE_BY_SIXTEEN(at, end, a, b, c, d) \
    { \
        const __m128i all_a = _mm_set1_epi8((char)(a)), all_b = _mm_set1_epi8((char)(b)); \
        const __m128i all_c = _mm_set1_epi8((char)(c)), all_d = _mm_set1_epi8((char)(d)); \
        for (; (end) - (at) >= 16; (at) += 16) { \
            const unsigned hits = sixteen(at, all_a, all_b, all_c, all_d); \
            if (hits) \
                return (at) + __builtin_ctz(hits); \
        } \
    }
#else
#define LEAVE_BY_SIXTEEN(at, end, a, b, c, d)
#endif

/* The first of three bytes in [at, end), or end. */
static inline const uint8_t *find3(const uint8_t *at, const uint8_t *end, uint8_t a, uint8_t b, uint8_t c)
{
    LEAVE_BY_SIXTEEN(at, end, a, b, c, c)
    const uint64_t all_a = ONES * a, all_b = ONES * b, all_c = ONES * c;
    for (; end - at >= 8; at += 8) {
        const uint64_t word = eight(at);
        const uint64_t hits = zeros(word ^ all_a) | zeros(word ^ all_b) | zeros(word ^ all_c);
        if (hits)
            LEAVE_AT(at, hits);
    }
    while (at < end && *at != a && *at != b && *at != c)
        at++;
    return at;
}

/* The first of four bytes in [at, end), or end. */
static inline const uint8_t *find4(const uint8_t *at, const uint8_t *end, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    LEAVE_BY_SIXTEEN(at, end, a, b, c, d)
    const uint64_t all_a = ONES * a, all_b = ONES * b, all_c = ONES * c, all_d = ONES * d;
    for (; end - at >= 8; at += 8) {
        const uint64_t word = eight(at);
        const uint64_t hits = zeros(word ^ all_a) | zeros(word ^ all_b) | zeros(word ^ all_c) | zeros(word ^ all_d);
        if (hits)
            LEAVE_AT(at, hits);
    }
    while (at < end && *at != a && *at != b && *at != c && *at != d)
        at++;
    return at;
}

/* A bit for each of sixty-four bytes that is this one, the first byte's the lowest. */
static inline uint64_t mask_of(const uint8_t *at, uint8_t byte)
{
    uint64_t mask = 0;
#ifdef __SSE2__
    const __m128i all = _mm_set1_epi8((char)byte);
    for (int n = 0; n < 64; n += 16)
        mask |= (uint64_t)sixteen(at + n, all, all, all, all) << n;
#else
    for (int n = 0; n < 64; n++)
        mask |= (uint64_t)(at[n] == byte) << n;
#endif
    return mask;
}

/* A bit for each place up to which an odd number of bits is set. */
static inline uint64_t turns(uint64_t bits)
{
    for (int n = 1; n < 64; n *= 2)
        bits ^= bits << n;
    return bits;
}

/* The first byte in [at, end) that JSON or COPY would escape, or that is no ASCII; or end. */
static inline const uint8_t *find_special(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 8; at += 8) {
        const uint64_t word = eight(at);
        /* Below 0x20 or above 0x7F: the high bit of the byte itself, or of itself less 0x20. */
        if ((word | (word - ONES * 0x20) | zeros(word ^ ONES * '"') | zeros(word ^ ONES * '\\')) & HIGHS)
            break;
    }
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* The length of the UTF-8 character at `at`, which is no ASCII; 0 if it is none (too long a form, a surrogate, cut …). */
static inline size_t utf8_length(const uint8_t *at, const uint8_t *end)
{
    const uint8_t lead = *at;
    const size_t left = (size_t)(end - at);
    if (lead < 0xC2 || lead > 0xF4 || left < 2)
        return 0;
    const uint8_t second = at[1];
    if (lead < 0xE0)
        return (second & 0xC0) == 0x80 ? 2 : 0;
    const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (second < low || second > high || left < 3 || (at[2] & 0xC0) != 0x80)
        return 0;
    if (lead < 0xF0)
        return 3;
    return left > 3 && (at[3] & 0xC0) == 0x80 ? 4 : 0;
}

/* The first byte in [at, end) that is NUL or not UTF-8, or end. */
static const uint8_t *find_no_text(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        /* A byte that is zero or above 127 shows in the high bits, of itself or of itself less one. */
        while (end - at >= 32) {
            const uint64_t a = eight(at), b = eight(at + 8), c = eight(at + 16), d = eight(at + 24);
            if ((a | (a - ONES) | b | (b - ONES) | c | (c - ONES) | d | (d - ONES)) & HIGHS)
                break;
            at += 32;
        }
        /* Then by single characters, for as long as a block may have been. */
        const uint8_t *stop = end - at > 32 ? at + 32 : end;
        while (at < stop) {
            size_t length = *at >= 0x80 ? utf8_length(at, end) : *at != 0;
            if (!length)
                return at;
            at += length;
        }
    }
    return end;
}

#endif
