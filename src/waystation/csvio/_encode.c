/* waystation.csvio._encode: the compiled encoder as Python sees it. Optional: plain.py does the same without it. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_encode_pass.h"

#define MOST_FIELDS 1600 /* columns of a PostgreSQL table */

static void free_pass(Pass *pass)
{
    free(pass->columns);
    free(pass->fields);
    free(pass->rows.at);
    free(pass->scratch.at);
    free(pass->bad);
}

/* Fill in the columns from [(position, type), …]. False with an exception set. */
static int take_columns(Pass *pass, PyObject *plans)
{
    const Py_ssize_t count = PyList_Size(plans);
    if (count < 0)
        return 0;
    if (count > MOST_FIELDS - 2) {
        PyErr_SetString(PyExc_ValueError, "too many columns");
        return 0;
    }
    pass->column_count = (size_t)count;
    pass->columns = calloc(pass->column_count + 1, sizeof *pass->columns);
    if (!pass->columns) {
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t n = 0; n < count; n++) {
        Py_ssize_t position;
        const char *type;
        if (!PyArg_ParseTuple(PyList_GetItem(plans, n), "ns:a column", &position, &type))
            return 0;
        if (position < 0 || (size_t)position >= pass->width) {
            PyErr_SetString(PyExc_IndexError, "a column's position lies outside the record");
            return 0;
        }
        Column *column = &pass->columns[n];
        column->position = (size_t)position;
        for (size_t t = 0; t < TYPE_COUNT; t++)
            if (strcmp(TYPES[t].name, type) == 0) {
                column->check = TYPES[t].check;
                column->has_key = TYPES[t].has_key;
            }
        if (!column->check) {
            PyErr_Format(PyExc_KeyError, "%s", type);
            return 0;
        }
    }
    return 1;
}

/* [(low, high) for each column, or () where there is no value] */
static PyObject *zones_of(const Pass *pass)
{
    PyObject *zones = PyList_New((Py_ssize_t)pass->column_count);
    for (size_t n = 0; zones && n < pass->column_count; n++) {
        const Column *column = &pass->columns[n];
        PyObject *zone = column->seen ? Py_BuildValue("LL", (long long)column->low, (long long)column->high) : PyTuple_New(0);
        if (!zone || PyList_SetItem(zones, (Py_ssize_t)n, zone) < 0)
            Py_CLEAR(zones);
    }
    return zones;
}

/* The fields of a record whose quotes and bytes are right. */
static PyObject *fields_of(Pass *pass, const Bad *bad)
{
    const uint8_t *at = pass->data + bad->start, *end = pass->data + bad->stop;
    PyObject *list = PyList_New(0), *made = NULL;
    for (; list; at++) {
        Field field;
        read_field(pass, &at, end, &field);
        if (field.doubled && !single_quotes(pass, &field)) {
            PyErr_NoMemory();
            break;
        }
        PyObject *text = PyUnicode_DecodeUTF8((const char *)field.text, (Py_ssize_t)field.length, NULL);
        const int kept = text && PyList_Append(list, text) == 0;
        Py_XDECREF(text);
        if (!kept)
            break;
        if (at == end || *at != pass->delimiter) {
            made = PyList_AsTuple(list);
            break;
        }
    }
    Py_XDECREF(list);
    return made;
}

/* Records and lines from 0: [(record, line, column or WIDTH, fields)], other bad records one after the other, and
[(record, line) of each of those]. */
static PyObject *bad_of(Pass *pass)
{
    PyObject *misfits = PyList_New((Py_ssize_t)(pass->bad_count - pass->other_count));
    PyObject *others = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)pass->other_size);
    PyObject *places = PyList_New((Py_ssize_t)pass->other_count);
    char *at = others ? PyBytes_AsString(others) : NULL;
    Py_ssize_t misfit = 0, other = 0;
    int fine = misfits && at && places;
    for (size_t n = 0; fine && n < pass->bad_count; n++) {
        const Bad *bad = &pass->bad[n];
        const long long record = bad->record, line = bad->line;
        PyObject *item;
        if (bad->why == OTHER) {
            memcpy(at, pass->data + bad->start, bad->stop - bad->start);
            at += bad->stop - bad->start;
            item = Py_BuildValue("LL", record, line);
            fine = item && PyList_SetItem(places, other++, item) == 0;
        } else {
            PyObject *fields = fields_of(pass, bad);
            item = fields ? Py_BuildValue("LLlN", record, line, bad->why, fields) : NULL;
            fine = item && PyList_SetItem(misfits, misfit++, item) == 0;
        }
    }
    if (fine)
        return Py_BuildValue("NNN", misfits, others, places);
    Py_XDECREF(misfits);
    Py_XDECREF(others);
    Py_XDECREF(places);
    return NULL;
}

PyDoc_STRVAR(encode_doc, "encode(chunk, delimiter, quote, width, plans, batch, first_record)\n"
                         "-> (rows, good, records, lines, zones, (misfits, others, places))\n\n"
                         "One pass over a chunk of whole records. See compiled.py, which calls it.");

static PyObject *encode(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *chunk, *plans;
    int delimiter, quote;
    Py_ssize_t width;
    long long batch, first_record;
    if (!PyArg_ParseTuple(args, "SiinO!LL", &chunk, &delimiter, &quote, &width, &PyList_Type, &plans, &batch, &first_record))
        return NULL;
    if (delimiter < 1 || delimiter > 127 || quote < 1 || quote > 127 || delimiter == quote || delimiter == '\n' ||
        delimiter == '\r' || quote == '\n' || quote == '\r' || width < 1)
        return PyErr_Format(PyExc_ValueError, "no such dialect");

    Pass pass = {0};
    char *data;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(chunk, &data, &size) < 0)
        return NULL;
    pass.data = (const uint8_t *)data;
    pass.size = (size_t)size;
    pass.delimiter = (uint8_t)delimiter;
    pass.quote = (uint8_t)quote;
    pass.width = (size_t)width;
    pass.batch = batch;
    pass.first_record = first_record;

    PyObject *made = NULL;
    pass.fields = calloc(pass.width, sizeof *pass.fields);
    if (!pass.fields) {
        PyErr_NoMemory();
        goto end;
    }
    if (!take_columns(&pass, plans))
        goto end;

    int done;
    Py_BEGIN_ALLOW_THREADS
    done = reserve(&pass.rows, pass.size + pass.size / 2 + 64) && run_pass(&pass);
    Py_END_ALLOW_THREADS
    if (!done) {
        PyErr_NoMemory();
        goto end;
    }

    PyObject *rows = PyBytes_FromStringAndSize((const char *)pass.rows.at, (Py_ssize_t)pass.rows.used);
    free(pass.rows.at); /* at once: it is the largest */
    pass.rows.at = NULL;
    const long long lines = pass.lines; /* reading bad records again adds to the count */
    PyObject *zones = rows ? zones_of(&pass) : NULL;
    PyObject *bad = zones ? bad_of(&pass) : NULL;
    if (bad) {
        const long long good = pass.records - (long long)pass.bad_count;
        made = Py_BuildValue("NLLLNN", rows, good, (long long)pass.records, lines, zones, bad);
    } else {
        Py_XDECREF(rows);
        Py_XDECREF(zones);
    }
end:
    free_pass(&pass);
    return made;
}

static int prepare(PyObject *module)
{
    if (!c_locale)
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    PyObject *names = PyFrozenSet_New(NULL);
    for (size_t n = 0; names && n < TYPE_COUNT; n++) {
        PyObject *name = PyUnicode_FromString(TYPES[n].name);
        if (!name || PySet_Add(names, name) < 0)
            Py_CLEAR(names);
        Py_XDECREF(name);
    }
    if (!names)
        return -1;
    const int added = PyModule_AddObjectRef(module, "TYPES", names);
    Py_DECREF(names);
    return added;
}

static PyMethodDef methods[] = {{"encode", encode, METH_VARARGS, encode_doc}, {NULL, NULL, 0, NULL}};

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
