/* A buffer that grows, and big-endian numbers written into it: what binary COPY is made of. */
#ifndef WAYSTATION_OUTPUT_H
#define WAYSTATION_OUTPUT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *at;
    size_t used, room;
} Buffer;

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

static inline void put_bytes(Buffer *out, const uint8_t *from, size_t count)
{
    if (count)
        memcpy(out->at + out->used, from, count);
    out->used += count;
}

#endif
