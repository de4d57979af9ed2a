/* waystation.storage._drain: take the rows of COPY … TO STDOUT from libpq, many at a time. Optional: drain.py does the same
   in Python, with one Python object for each row. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NUMBERS 2

typedef int (*GetCopyData)(void *connection, char **buffer, int async);
typedef void (*FreeMem)(void *buffer);

typedef struct {
    int64_t number;
    size_t start, size;
} Line;

typedef struct {
    char *bytes;
    size_t size, room;
    Line *lines; /* kept only where the lines are to be put in order */
    size_t count, lines_room;
    int64_t last[MOST_NUMBERS];
    int sorted;
} Block;

enum { MORE, END, BROKEN, NO_MEMORY, NO_NUMBER };

/* At least `wanted` bytes behind `at`, or NULL. */
static void *grow(void *at, size_t *room, size_t wanted)
{
    size_t bigger = *room ? *room : 1 << 16;
    while (bigger < wanted)
        bigger *= 2;
    void *moved = realloc(at, bigger);
    if (moved)
        *room = bigger;
    return moved;
}

/* Read the whole numbers before the row, each with the delimiter behind it; the place where the row begins, or NULL. */
static const char *take_numbers(const char *at, const char *end, char delimiter, int count, int64_t *found)
{
    for (int n = 0; n < count; n++) {
        uint64_t value = 0;
        const char *digits = at;
        while (at < end && *at >= '0' && *at <= '9' && at - digits < 19)
            value = value * 10 + (uint64_t)(*at++ - '0');
        if (at == digits || at == end || *at != delimiter || value > INT64_MAX)
            return NULL;
        at++;
        found[n] = (int64_t)value;
    }
    return at;
}

static int add_line(Block *block, const char *row, size_t size, int ordering)
{
    if (size > block->room - block->size) {
        char *moved = grow(block->bytes, &block->room, block->size + size);
        if (!moved)
            return 0;
        block->bytes = moved;
    }
    if (ordering) {
        if ((block->count + 1) * sizeof(Line) > block->lines_room) {
            Line *moved = grow(block->lines, &block->lines_room, (block->count + 1) * sizeof(Line));
            if (!moved)
                return 0;
            block->lines = moved;
        }
        if (block->count && block->last[0] < block->lines[block->count - 1].number)
            block->sorted = 0;
        block->lines[block->count] = (Line){block->last[0], block->size, size};
    }
    memcpy(block->bytes + block->size, row, size);
    block->size += size;
    block->count++;
    return 1;
}

static int read_lines(Block *block, GetCopyData get, FreeMem give_back, void *connection, char delimiter, int numbers,
                      Py_ssize_t most, int ordering)
{
    while (most == 0 || block->count < (size_t)most) {
        char *buffer = NULL;
        const int size = get(connection, &buffer, 0);
        if (size < 0)
            return size == -1 ? END : BROKEN;
        const char *row = take_numbers(buffer, buffer + size, delimiter, numbers, block->last);
        const int added = row ? add_line(block, row, (size_t)(buffer + size - row), ordering) : 0;
        give_back(buffer);
        if (!row)
            return NO_NUMBER;
        if (!added)
            return NO_MEMORY;
    }
    return MORE;
}

static int by_number(const void *one, const void *other)
{
    const int64_t a = ((const Line *)one)->number, b = ((const Line *)other)->number;
    return (a > b) - (a < b);
}

/* Put the lines in order: each in the place that its number has among all from the least to the greatest, if these are not
   many more than there are lines and none comes twice; else by comparing. */
static void put_in_order(Block *block)
{
    int64_t least = block->lines[0].number, greatest = least;
    for (size_t n = 1; n < block->count; n++) {
        const int64_t number = block->lines[n].number;
        least = number < least ? number : least;
        greatest = number > greatest ? number : greatest;
    }
    const uint64_t span = (uint64_t)greatest - (uint64_t)least; /* no number is negative */
    Line *placed = span / 8 < block->count ? calloc((size_t)span + 1, sizeof *placed) : NULL;
    size_t n = 0;
    for (; placed && n < block->count; n++) {
        Line *place = &placed[block->lines[n].number - least];
        if (place->size || !block->lines[n].size)
            break;
        *place = block->lines[n];
    }
    if (placed && n == block->count) {
        size_t count = 0;
        for (uint64_t at = 0; at <= span; at++)
            if (placed[at].size)
                block->lines[count++] = placed[at];
    } else {
        qsort(block->lines, block->count, sizeof(Line), by_number);
    }
    free(placed);
}

static PyObject *made(Block *block, int state)
{
    PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)block->size);
    if (!data)
        return NULL;
    char *out = PyBytes_AsString(data);
    Py_BEGIN_ALLOW_THREADS
    if (block->sorted) {
        if (block->size)
            memcpy(out, block->bytes, block->size);
    } else {
        put_in_order(block);
        for (size_t n = 0; n < block->count; n++) {
            memcpy(out, block->bytes + block->lines[n].start, block->lines[n].size);
            out += block->lines[n].size;
        }
    }
    Py_END_ALLOW_THREADS
    return Py_BuildValue("NnNi", data, (Py_ssize_t)block->count,
                         Py_BuildValue("(LL)", (long long)block->last[0], (long long)block->last[1]), state);
}

static PyObject *drain(PyObject *self, PyObject *args)
{
    unsigned long long get, give_back, connection;
    int delimiter, numbers, ordering;
    Py_ssize_t most;
    (void)self;
    if (!PyArg_ParseTuple(args, "KKKiinp:drain", &get, &give_back, &connection, &delimiter, &numbers, &most, &ordering))
        return NULL;
    if (numbers < 0 || numbers > MOST_NUMBERS || most < 0 || (ordering && numbers != 1)) {
        PyErr_SetString(PyExc_ValueError, "drain: wrong numbers");
        return NULL;
    }
    Block block = {.sorted = 1};
    int state;
    Py_BEGIN_ALLOW_THREADS
    state = read_lines(&block, (GetCopyData)(uintptr_t)get, (FreeMem)(uintptr_t)give_back, (void *)(uintptr_t)connection,
                       (char)delimiter, numbers, most, ordering);
    Py_END_ALLOW_THREADS
    PyObject *result = NULL;
    if (state == NO_MEMORY)
        PyErr_NoMemory();
    else if (state == NO_NUMBER)
        PyErr_SetString(PyExc_ValueError, "a row came without its number");
    else
        result = made(&block, state);
    free(block.bytes);
    free(block.lines);
    return result;
}

static PyMethodDef methods[] = {
    {"drain", drain, METH_VARARGS, "Rows of a COPY, many at a time: (bytes, rows, last numbers, 0 more | 1 end | 2 broken)."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "waystation.storage._drain", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__drain(void)
{
    return PyModuleDef_Init(&module);
}
