/* Buffers that grow, big-endian numbers written into them (what binary COPY is made of), and pieces of text. */
#ifndef WAYSTATION_OUTPUT_H
#define WAYSTATION_OUTPUT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALWAYS static inline __attribute__((always_inline))

typedef struct {
    uint8_t *at;
    size_t used, room;
} Buffer;

/* Bytes that somebody else owns. */
typedef struct {
    const uint8_t *at;
    size_t length;
} Span;

/* Make room for `more` bytes; false if there is no memory. */
static inline int reserve(Buffer *out, size_t more)
{
    if (out->room - out->used >= more)
        return 1;
    if (more > SIZE_MAX / 2 - out->used)
        return 0;
    size_t room = out->room * 2 > out->used + more ? out->room * 2 : out->used + more;
    uint8_t *at = realloc(out->at, room);
    if (!at)
        return 0;
    out->at = at;
    out->room = room;
    return 1;
}

/* The writers below want their room reserved. */
static inline void put8(Buffer *out, uint8_t value)
{
    out->at[out->used++] = value;
}

static inline void poke16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put16(Buffer *out, uint16_t value)
{
    poke16(out->at + out->used, value);
    out->used += 2;
}

static inline void put32(Buffer *out, uint32_t value)
{
    put16(out, (uint16_t)(value >> 16));
    put16(out, (uint16_t)value);
}

static inline void put64(Buffer *out, uint64_t value)
{
    put32(out, (uint32_t)(value >> 32));
    put32(out, (uint32_t)value);
}

static inline void put_bytes(Buffer *out, const void *from, size_t count)
{
    if (count)
        memcpy(out->at + out->used, from, count);
    out->used += count;
}

/* Bytes with the room for them; false if there is no memory. */
static inline int add(Buffer *out, const void *from, size_t count)
{
    if (!reserve(out, count))
        return 0;
    put_bytes(out, from, count);
    return 1;
}

/* A number in decimal digits, not negative, at least so many of them; at most 20. */
static inline Span decimal(uint64_t value, size_t least, uint8_t room[20])
{
    size_t at = 20;
    do {
        room[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value || 20 - at < least);
    return (Span){room + at, 20 - at};
}

static inline int same(Span a, Span b)
{
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

#endif
