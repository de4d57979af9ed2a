/* A set of texts, each with its number in the order of arrival. */
#ifndef WAYSTATION_TEXTS_H
#define WAYSTATION_TEXTS_H

#include "_encode_output.h"

typedef struct {
    size_t start, length; /* in `bytes` */
    uint64_t hash;
} Text;

typedef struct {
    Buffer bytes;
    Text *items;
    size_t count, room;
    size_t *slots; /* numbers of items + 1; `mask` + 1 of them */
    size_t mask;
    uint64_t seed; /* not to be guessed, lest a file be made of texts that all collide */
} Texts;

#define NOT_THERE SIZE_MAX
#define NO_ROOM (SIZE_MAX - 1)

static inline uint64_t stir(uint64_t state, uint64_t word)
{
    state = (state ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    state = (state ^ state >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return state ^ state >> 29;
}

static inline uint64_t hash_of(uint64_t seed, Span text)
{
    uint64_t state = seed ^ text.length, word = 0;
    const uint8_t *at = text.at;
    size_t left = text.length;
    for (; left >= 8; at += 8, left -= 8) {
        memcpy(&word, at, 8);
        state = stir(state, word);
    }
    word = 0;
    memcpy(&word, at, left);
    return stir(stir(state, word), seed);
}

static inline Span text_at(const Texts *texts, size_t number)
{
    return (Span){texts->bytes.at + texts->items[number].start, texts->items[number].length};
}

/* Where a text is or would be. */
static inline size_t *slot_of(const Texts *texts, Span text, uint64_t hash)
{
    for (size_t at = (size_t)hash & texts->mask;; at = (at + 1) & texts->mask) {
        size_t *slot = &texts->slots[at];
        if (!*slot || (texts->items[*slot - 1].hash == hash && same(text_at(texts, *slot - 1), text)))
            return slot;
    }
}

/* The number of a text, or NOT_THERE. */
static inline size_t number_of(const Texts *texts, Span text)
{
    if (!texts->count)
        return NOT_THERE;
    const size_t slot = *slot_of(texts, text, hash_of(texts->seed, text));
    return slot ? slot - 1 : NOT_THERE;
}

static int grow(Texts *texts)
{
    const size_t room = texts->room ? texts->room * 2 : 32;
    Text *items = realloc(texts->items, room * sizeof *items);
    if (!items)
        return 0;
    texts->items = items;
    texts->room = room;
    size_t *slots = calloc(room * 2, sizeof *slots);
    if (!slots)
        return 0;
    free(texts->slots);
    texts->slots = slots;
    texts->mask = room * 2 - 1;
    for (size_t n = 0; n < texts->count; n++) {
        size_t at = (size_t)items[n].hash & texts->mask;
        while (slots[at])
            at = (at + 1) & texts->mask;
        slots[at] = n + 1;
    }
    return 1;
}

/* Put a text into the set, if it is not there; its number, or NO_ROOM. */
static size_t enter(Texts *texts, Span text)
{
    if (texts->count == texts->room && !grow(texts))
        return NO_ROOM;
    const uint64_t hash = hash_of(texts->seed, text);
    size_t *slot = slot_of(texts, text, hash);
    if (!*slot) {
        texts->items[texts->count] = (Text){texts->bytes.used, text.length, hash};
        if (!add(&texts->bytes, text.at, text.length))
            return NO_ROOM;
        *slot = ++texts->count;
    }
    return *slot - 1;
}

static void free_texts(Texts *texts)
{
    free(texts->bytes.at);
    free(texts->items);
    free(texts->slots);
}

#endif
