/* waystation.csvio._encode: the compiled encoder as Python sees it. Optional: plain.py does the same without it. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_encode_pass.h"

#define MOST_FIELDS 1600 /* columns of a PostgreSQL table */

static Span span_of(PyObject *bytes) /* as long as the object lives; nothing of what is no bytes */
{
    char *at = NULL;
    Py_ssize_t length = 0;
    if (PyBytes_AsStringAndSize(bytes, &at, &length) < 0)
        PyErr_Clear();
    return (Span){(const uint8_t *)at, (size_t)length};
}

static void free_pass(Pass *pass)
{
    for (size_t n = 0; pass->columns && n < pass->column_count; n++) {
        free(pass->columns[n].nulls);
        free(pass->columns[n].reasons);
        free_texts(&pass->columns[n].barred);
    }
    Buffer *const buffers[] = {&pass->rows,         &pass->rejects, &pass->unmarked, &pass->plain, &pass->speech.quoted,
                               &pass->speech.plain};
    for (size_t n = 0; n < sizeof buffers / sizeof *buffers; n++)
        free(buffers[n]->at);
    free(pass->columns);
    free(pass->fields);
    free(pass->asked);
}

/* -- what goes in: all of it belongs to Python, and lives as long as the call ------------------------------------------ */
static int no_dialect(void)
{
    PyErr_SetString(PyExc_ValueError, "no such dialect");
    return 0;
}

static int is_mark(int byte)
{
    return byte > 0 && byte < 128 && byte != '\n' && byte != '\r';
}

/* (delimiter, quote or -1, escape or -1, doublequote). False with an exception set. */
static int take_marks(Marks *marks, PyObject *given)
{
    int delimiter;
    if (!PyArg_ParseTuple(given, "iiip:marks", &delimiter, &marks->quote, &marks->escape, &marks->doublequote))
        return 0;
    const int quote = marks->quote, escape = marks->escape;
    if (!is_mark(delimiter) || (quote != -1 && !is_mark(quote)) || (escape != -1 && !is_mark(escape)) || delimiter == quote ||
        delimiter == escape || (quote == escape && quote != -1))
        return no_dialect();
    marks->delimiter = (uint8_t)delimiter;
    return 1;
}

static int begin(Pass *pass, PyObject *chunk, PyObject *marks, Py_ssize_t width, int ragged)
{
    const Span data = span_of(chunk);
    pass->data = data.at;
    pass->size = data.length;
    if (width < 1 || ragged < REJECT || ragged > FILL)
        return no_dialect();
    pass->ragged = (Ragged)ragged;
    if (!take_marks(&pass->reader.marks, marks))
        return 0;
    pass->width = (size_t)width;
    pass->fields = calloc(pass->width + 1, sizeof *pass->fields);
    if (!pass->fields) {
        PyErr_NoMemory();
        return 0;
    }
    pass->fields[pass->width].text = pass->data;
    return 1;
}

static int make_columns(Pass *pass, Py_ssize_t count)
{
    if (count > MOST_FIELDS - 2) {
        PyErr_SetString(PyExc_ValueError, "too many columns");
        return 0;
    }
    pass->columns = calloc((size_t)count + 1, sizeof *pass->columns);
    if (!pass->columns) {
        PyErr_NoMemory();
        return 0;
    }
    pass->column_count = (size_t)count;
    return 1;
}

static int place(const Pass *pass, Column *column, Py_ssize_t position, int may_lack)
{
    if (position >= 0 && (size_t)position < pass->width)
        column->position = (size_t)position;
    else if (position == -1 && may_lack)
        column->position = pass->width;
    else {
        PyErr_SetString(PyExc_IndexError, "a column's position lies outside the record");
        return 0;
    }
    return 1;
}

static int take_nulls(Column *column, PyObject *nulls)
{
    const Py_ssize_t count = PyTuple_Size(nulls);
    if (!(column->nulls = calloc((size_t)count + 1, sizeof *column->nulls))) {
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t n = 0; n < count; n++)
        column->nulls[column->null_count++] = span_of(PyTuple_GetItem(nulls, n));
    return 1;
}

/* ((value, reason), …) */
static int take_barred(Column *column, PyObject *barred, uint64_t seed)
{
    const Py_ssize_t count = PyTuple_Size(barred);
    column->barred.seed = seed;
    if (!(column->reasons = calloc((size_t)count + 1, sizeof *column->reasons))) {
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t n = 0; n < count; n++) {
        PyObject *value, *reason;
        if (!PyArg_ParseTuple(PyTuple_GetItem(barred, n), "SS:a barred value", &value, &reason))
            return 0;
        const size_t number = enter(&column->barred, span_of(value));
        if (number == NO_ROOM) {
            PyErr_NoMemory();
            return 0;
        }
        column->reasons[number] = span_of(reason);
    }
    return 1;
}

/* Fill in a column; compiled.py makes what is given. False with an exception set. */
static int take_column(Pass *pass, Column *column, PyObject *given, uint64_t seed)
{
    Py_ssize_t position;
    const char *type;
    PyObject *name, *noun, *how, *decimal_sign, *signs, *nulls, *barred;
    int order;
    if (!PyArg_ParseTuple(given, "nsSSSiSO!O!ppO!:a column", &position, &type, &name, &noun, &how, &order, &decimal_sign,
                          &PyTuple_Type, &signs, &PyTuple_Type, &nulls, &column->required, &column->guarded,
                          &PyTuple_Type, &barred))
        return 0;
    if (!place(pass, column, position, 1))
        return 0;
    while (column->type < TYPE_COUNT && strcmp(TYPES[column->type].name, type) != 0)
        column->type++;
    const Span sign = span_of(decimal_sign);
    if (column->type == TYPE_COUNT || order < YMD || order > MDY || sign.length != 1 || PyTuple_Size(signs) > MOST_SIGNS) {
        PyErr_SetString(PyExc_KeyError, type);
        return 0;
    }
    column->check = TYPES[column->type].check;
    column->has_key = TYPES[column->type].has_key;
    column->name = span_of(name);
    column->noun = span_of(noun);
    column->how = span_of(how);
    column->order = (Order)order;
    column->decimal_sign = sign.at[0];
    for (Py_ssize_t n = 0; n < PyTuple_Size(signs); n++)
        column->signs[column->sign_count++] = span_of(PyTuple_GetItem(signs, n));
    const int number = column->check == check_integer || column->check == check_bigint || column->check == check_numeric ||
                       column->check == check_double;
    column->loose = number && (column->sign_count || column->decimal_sign != '.');
    if (!take_nulls(column, nulls) || !take_barred(column, barred, seed))
        return 0;
    column->guarded = column->guarded && column->check == check_text;
    column->special = column->loose || column->guarded || column->required || column->null_count || column->barred.count;
    return 1;
}

static int take_phrases(Span *phrases, size_t count, PyObject *given)
{
    if ((size_t)PyTuple_Size(given) != count) {
        PyErr_SetString(PyExc_ValueError, "not so many phrases");
        return 0;
    }
    for (size_t n = 0; n < count; n++)
        phrases[n] = span_of(PyTuple_GetItem(given, (Py_ssize_t)n));
    return 1;
}

/* -- what comes out ---------------------------------------------------------------------------------------------------- */
/* The bytes of a buffer, which is freed. */
static PyObject *bytes_of(Buffer *buffer)
{
    PyObject *made = PyBytes_FromStringAndSize((const char *)buffer->at, (Py_ssize_t)buffer->used);
    free(buffer->at);
    *buffer = (Buffer){0};
    return made;
}

/* [(low, high, rows with a value) for each column, or () where there is no value] */
static PyObject *zones_of(const Pass *pass)
{
    PyObject *zones = PyList_New((Py_ssize_t)pass->column_count);
    for (size_t n = 0; zones && n < pass->column_count; n++) {
        const Column *column = &pass->columns[n];
        PyObject *zone = column->seen ? Py_BuildValue("LLL", (long long)column->low, (long long)column->high, (long long)column->seen)
                                       : PyTuple_New(0);
        if (!zone || PyList_SetItem(zones, (Py_ssize_t)n, zone) < 0)
            Py_CLEAR(zones);
    }
    return zones;
}

/* The records that Python is asked about, one after the other, and [(record, line, where in the rejects)]. */
static PyObject *asked_of(const Pass *pass)
{
    PyObject *records = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)pass->asked_size);
    PyObject *places = records ? PyList_New((Py_ssize_t)pass->asked_count) : NULL;
    char *at = records ? PyBytes_AsString(records) : NULL;
    for (size_t n = 0; places && n < pass->asked_count; n++) {
        const Asked *asked = &pass->asked[n];
        memcpy(at, pass->data + asked->start, asked->stop - asked->start);
        at += asked->stop - asked->start;
        PyObject *item = Py_BuildValue("LLn", (long long)asked->record, (long long)asked->line, (Py_ssize_t)asked->place);
        if (!item || PyList_SetItem(places, (Py_ssize_t)n, item) < 0)
            Py_CLEAR(places);
    }
    if (places)
        return Py_BuildValue("NN", records, places);
    Py_XDECREF(records);
    return NULL;
}

PyDoc_STRVAR(encode_doc, "encode(chunk, marks, width, ragged, columns, batch, first_record, first_line, phrases, months, seed)\n"
                         "-> (rows, rejects, good, records, lines, zones, (asked, places))\n\n"
                         "One pass over a chunk of whole records. See compiled.py, which calls it.");

static PyObject *encode(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *chunk, *marks, *columns, *phrases, *months;
    Py_ssize_t width;
    int ragged;
    long long batch, first_record, first_line;
    unsigned long long seed;
    if (!PyArg_ParseTuple(args, "SO!niO!LLLO!O!K", &chunk, &PyTuple_Type, &marks, &width, &ragged, &PyTuple_Type, &columns, &batch,
                          &first_record, &first_line, &PyTuple_Type, &phrases, &PyTuple_Type, &months, &seed))
        return NULL;
    Pass pass = {.batch = batch, .first_record = first_record, .first_line = first_line};
    PyObject *rows = NULL, *rejects = NULL, *zones = NULL, *asked = NULL, *made = NULL;
    int ready = begin(&pass, chunk, marks, width, ragged) && make_columns(&pass, PyTuple_Size(columns)) &&
                take_phrases(pass.speech.phrases, PHRASE_COUNT, phrases) && take_phrases(pass.speech.months, 12, months);
    for (size_t n = 0; ready && n < pass.column_count; n++)
        ready = take_column(&pass, &pass.columns[n], PyTuple_GetItem(columns, (Py_ssize_t)n), seed);
    if (!ready)
        goto end;

    int done;
    Py_BEGIN_ALLOW_THREADS
    done = reserve(&pass.rows, pass.size + pass.size / 2 + 64) && run_pass(&pass);
    Py_END_ALLOW_THREADS
    if (!done) {
        PyErr_NoMemory();
        goto end;
    }
    if ((rows = bytes_of(&pass.rows)) && (rejects = bytes_of(&pass.rejects)) && (zones = zones_of(&pass)) &&
        (asked = asked_of(&pass)))
        made = Py_BuildValue("OOLLLOO", rows, rejects, (long long)pass.good, (long long)pass.records,
                             (long long)pass.reader.lines, zones, asked);
end:
    Py_XDECREF(rows);
    Py_XDECREF(rejects);
    Py_XDECREF(zones);
    Py_XDECREF(asked);
    free_pass(&pass);
    return made;
}

/* The texts of a set, as a list of bytes. */
static PyObject *list_of(const Texts *texts)
{
    PyObject *made = PyList_New((Py_ssize_t)texts->count);
    for (size_t n = 0; made && n < texts->count; n++) {
        const Span text = text_at(texts, n);
        PyObject *item = PyBytes_FromStringAndSize((const char *)text.at, (Py_ssize_t)text.length);
        if (!item || PyList_SetItem(made, (Py_ssize_t)n, item) < 0)
            Py_CLEAR(made);
    }
    return made;
}

PyDoc_STRVAR(distinct_doc, "distinct(chunk, marks, width, ragged, [(position, nulls), …], seed) -> [[value, …], …]\n\n"
                           "The values of some columns that are not null, each once, as bytes.");

static PyObject *distinct(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *chunk, *marks, *columns, *made = NULL;
    Py_ssize_t width;
    int ragged;
    unsigned long long seed;
    if (!PyArg_ParseTuple(args, "SO!niO!K", &chunk, &PyTuple_Type, &marks, &width, &ragged, &PyTuple_Type, &columns, &seed))
        return NULL;
    Pass pass = {0};
    const Py_ssize_t count = PyTuple_Size(columns);
    Texts *texts = calloc((size_t)count + 1, sizeof *texts);
    int ready = texts && begin(&pass, chunk, marks, width, ragged) && make_columns(&pass, count);
    for (Py_ssize_t n = 0; ready && n < count; n++) {
        Py_ssize_t position;
        PyObject *nulls;
        ready = PyArg_ParseTuple(PyTuple_GetItem(columns, n), "nO!:a column", &position, &PyTuple_Type, &nulls) &&
                place(&pass, &pass.columns[n], position, 0) && take_nulls(&pass.columns[n], nulls);
        texts[n].seed = seed;
    }
    if (!texts)
        PyErr_NoMemory();
    if (ready) {
        int done;
        Py_BEGIN_ALLOW_THREADS
        done = collect(&pass, texts);
        Py_END_ALLOW_THREADS
        made = done ? PyList_New(count) : PyErr_NoMemory();
        for (Py_ssize_t n = 0; made && n < count; n++) {
            PyObject *values = list_of(&texts[n]);
            if (!values || PyList_SetItem(made, n, values) < 0)
                Py_CLEAR(made);
        }
    }
    for (Py_ssize_t n = 0; texts && n < count; n++)
        free_texts(&texts[n]);
    free(texts);
    free_pass(&pass);
    return made;
}

PyDoc_STRVAR(last_end_doc, "last_end(data, marks) -> offset\n\n"
                           "Where the last record ends that is complete; 0 if none is. See chunks.py.");

static PyObject *last_end(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *data, *marks;
    Reader reader = {0};
    if (!PyArg_ParseTuple(args, "SO!", &data, &PyTuple_Type, &marks) || !take_marks(&reader.marks, marks))
        return NULL;
    const Span given = span_of(data);
    size_t end;
    Py_BEGIN_ALLOW_THREADS
    end = find_last_end(&reader, given.at, given.length);
    Py_END_ALLOW_THREADS
    return PyLong_FromSize_t(end);
}

/* -- the module -------------------------------------------------------------------------------------------------------- */
/* Add a tuple of names; -1 with an exception set. */
static int add_names(PyObject *module, const char *name, const char *const *names, size_t count)
{
    PyObject *made = PyTuple_New((Py_ssize_t)count);
    for (size_t n = 0; made && n < count; n++) {
        PyObject *item = PyUnicode_FromString(names[n]);
        if (!item || PyTuple_SetItem(made, (Py_ssize_t)n, item) < 0)
            Py_CLEAR(made);
    }
    const int added = made ? PyModule_AddObjectRef(module, name, made) : -1;
    Py_XDECREF(made);
    return added;
}

static int prepare(PyObject *module)
{
#define TEXT_OF(name) #name,
    static const char *const phrases[] = {PHRASES(TEXT_OF)};
    const char *types[TYPE_COUNT];
    for (size_t n = 0; n < TYPE_COUNT; n++)
        types[n] = TYPES[n].name;
    if (!c_locale && !(c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0))) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return add_names(module, "TYPES", types, TYPE_COUNT) || add_names(module, "PHRASES", phrases, PHRASE_COUNT) ? -1 : 0;
}

static PyMethodDef methods[] = {
    {"encode", encode, METH_VARARGS, encode_doc},
    {"distinct", distinct, METH_VARARGS, distinct_doc},
    {"last_end", last_end, METH_VARARGS, last_end_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)prepare}, {0, NULL}};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_encode",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__encode(void)
{
    return PyModuleDef_Init(&definition);
}
