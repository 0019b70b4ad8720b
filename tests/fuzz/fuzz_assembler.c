/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assembler, by a program: the input is a row of operations (a record of a chosen type with
 * chosen numbers on one of four streams, the same many times over, a new or changed string, a cut,
 * a stream closed and another opened). Whatever the order, what comes out in batches must be what a
 * simple model of it expects, see expected.h and received.h.
 */
#include "analysis/assembler.h"
#include "analysis/signature.h"
#include "record/wire.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/received.h"

#define SIDES 4
#define IDS 12
#define STEPS_MAX 3000 /* records of one input */

/* Ids as clients may choose them, the last never announced. */
static const int32_t ids[IDS] = {0, 1, 2, 3, 4, 5, 6, 7, -7, 1 << 20, INT32_MAX, 99};
static const char *const unknown[IDS] = {"<?0>", "<?1>", "<?2>", "<?3>", "<?4>", "<?5>", "<?6>",
    "<?7>", "<?-7>", "<?1048576>", "<?2147483647>", "<?99>"}; /* what stands for it then */
static const char *const texts[] = {"", "a.B", "void a.B.c()", "c", "a.B.c",
    "public void a.B.c(int)", "main", "f.<locals>.g", "\xc3\xa4.\xe2\x82\xac", "<?99>", "<?-7>",
    "NANOSECONDS", "MICROSECONDS", "SECONDS", "x", "(", " int main (int argc, char** argv)"};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

struct side {
    struct stream *stream;
    struct registry registry;
    const char *texts[IDS]; /* NULL: not announced */
    int64_t unit;           /* 0: not known yet */
    uint64_t records;
    uint32_t run;
};

struct program {
    struct input input;
    struct assembler *assembler;
    struct side sides[SIDES];
    struct expected expected;
    struct received received;
    uint32_t runs[4], run_count; /* by number in the name; 0: not used yet */
    int64_t clock;
    uint64_t steps, others;
    struct buffer fields;
    LIST(char *) classes;
};

static const enum record_id event_types[][6] = {
    {RECORD_BEFORE_OPERATION, RECORD_ENTRY_LEVEL_BEFORE_OPERATION, RECORD_BEFORE_CONSTRUCTOR_OBJECT,
        RECORD_BEFORE_OPERATION, RECORD_BEFORE_OPERATION_OBJECT_INTERFACE,
        RECORD_ENTRY_LEVEL_BEFORE_OPERATION_OBJECT},
    {RECORD_AFTER_OPERATION, RECORD_AFTER_OPERATION, RECORD_AFTER_OPERATION, RECORD_AFTER_OPERATION,
        RECORD_AFTER_CONSTRUCTOR, RECORD_AFTER_CONSTRUCTOR_OBJECT},
    {RECORD_AFTER_OPERATION_FAILED, RECORD_AFTER_OPERATION_FAILED, RECORD_AFTER_OPERATION_FAILED,
        RECORD_AFTER_CONSTRUCTOR_FAILED, RECORD_AFTER_OPERATION_FAILED_OBJECT,
        RECORD_AFTER_CONSTRUCTOR_FAILED_OBJECT},
    {RECORD_JOIN, RECORD_MONITOR_EXIT, RECORD_SPLIT, RECORD_BEFORE_RECEIVED_REMOTE,
        RECORD_CONSTRUCTION, RECORD_MONITOR_ENTRY},
};
static const enum record_id rare_types[] = {RECORD_CALL_OPERATION, RECORD_CALL_CONSTRUCTOR,
    RECORD_CALL_OPERATION_OBJECT, RECORD_CALL_CONSTRUCTOR_OBJECT, RECORD_BEFORE_CONSTRUCTOR,
    RECORD_BEFORE_OPERATION, RECORD_BEFORE_THREAD_BASED, RECORD_AFTER_THREAD_BASED,
    RECORD_AFTER_FAILED_THREAD_BASED, RECORD_BEFORE_DATABASE, RECORD_AFTER_DATABASE,
    RECORD_DATABASE_FAILED};
static const enum record_id other_types[] = {RECORD_KIEKER_METADATA, RECORD_CPU_UTILIZATION,
    RECORD_ACTIVATION_PARAMETER, RECORD_EMPTY, RECORD_UPDATE_PARAMETER, RECORD_REGISTRY,
    RECORD_NETWORK_UTILIZATION, RECORD_BRANCHING};

static int id_of(unsigned char byte)
{
    return byte % IDS;
}

static const char *text_of(const struct side *side, int id)
{
    return side->texts[id] ? side->texts[id] : unknown[id];
}

static int64_t in_ns(struct side *side, int64_t time)
{
    int64_t ns;

    if (side->unit == 0 && time > 0)
        side->unit = time > 100000000000000000 ? 1
                     : time > 100000000000000  ? 1000
                     : time > 100000000000     ? 1000000
                     : time > 1000000000       ? 1000000000
                                               : 1;
    return side->unit <= 1 || __builtin_mul_overflow(time, side->unit, &ns) ? time : ns;
}

static unsigned char *room(struct program *program, size_t size)
{
    must(buffer_reserve(&program->fields, size) == 0);
    program->fields.size += size;
    return program->fields.bytes + program->fields.size - size;
}

static void put_string(struct program *program)
{
    bytes_put32(room(program, 4), (uint32_t)ids[id_of(input_byte(&program->input))]);
}

/* Fields of any type, as the input says. */
static void put_fields(struct program *program, const struct record_type *type)
{
    program->fields.size = 0;
    for (unsigned i = 0; i < type->field_count; i++) {
        enum record_field_type field = type->fields[i].type;
        unsigned elements = field_is_array(field) ? input_byte(&program->input) % 4 : 1;

        if (field_is_array(field))
            bytes_put32(room(program, 4), elements);
        for (; elements > 0; elements--) {
            if (field_element(field) == FIELD_STR)
                put_string(program);
            else
                for (unsigned j = field_width(field_element(field)); j > 0; j--)
                    *room(program, 1) = input_byte(&program->input);
        }
    }
}

/* Near the ones before as a rule, and now and then any number at all. */
static int64_t next_time(struct program *program)
{
    uint8_t how = input_byte(&program->input);

    if (how == 255)
        program->clock = (int64_t)input_number(&program->input, 8);
    else if (how >= 250)
        program->clock = (int64_t)((uint64_t)program->clock - (how - 250));
    else
        program->clock = (int64_t)((uint64_t)program->clock + how);
    return program->clock;
}

static int64_t next_logged(struct program *program)
{
    uint8_t how = input_byte(&program->input);

    return how < 128 ? RECORD_NOT_LOGGED : (int64_t)((uint64_t)program->clock + how - 200);
}

static int64_t next_id(struct program *program)
{
    uint8_t how = input_byte(&program->input);

    return how == 255 ? (int64_t)input_number(&program->input, 8) : how % 4;
}

/* Gives what expected_digest says of the record. */
static uint64_t feed(
    struct program *program, struct side *side, enum record_id type, int64_t logged)
{
    struct record record = {.type = record_type(type),
        .fields = program->fields.bytes,
        .size = (uint32_t)program->fields.size,
        .logged = logged,
        .registry = &side->registry};

    side->records++;
    program->steps++;
    must(assembler_feed(program->assembler, side->stream, &record, program->clock) == 0);
    return expected_digest(&record);
}

static void set_field(
    struct program *program, const struct record_type *type, const char *name, uint64_t value)
{
    for (unsigned i = 0; i < type->field_count; i++)
        if (strcmp(type->fields[i].name, name) == 0) {
            if (field_width(type->fields[i].type) == 8)
                bytes_put64(program->fields.bytes + type->offset[i], value);
            else
                bytes_put32(program->fields.bytes + type->offset[i], (uint32_t)value);
        }
}

/* The order index that is expected next in that trace, which most clients send. */
static int32_t order_behind(
    const struct program *program, enum trace_kind kind, unsigned stream, int64_t trace)
{
    int64_t last = -1;

    for (size_t i = 0; i < program->expected.traces.count; i++) {
        const struct expected_trace *other = &program->expected.traces.items[i];

        if (!other->finished && other->kind == kind && other->stream == stream &&
            other->kieker_id == trace)
            last = other->order;
    }
    return last == INT32_MAX ? INT32_MAX : (int32_t)(last + 1);
}

/* The class that a statement's one string names; lent until the program ends. */
static const char *class_in(struct program *program, const char *signature)
{
    struct signature parsed;
    char *text;

    signature_parse(signature, strlen(signature), "", 0, &parsed);
    text = strndup(parsed.component, parsed.component_length);
    must(text && list_add(&program->classes));
    return program->classes.items[program->classes.count - 1] = text;
}

static enum step_kind kind_of(const struct record_type *type)
{
    return type->role == ROLE_BEFORE   ? STEP_BEFORE
           : type->role == ROLE_AFTER  ? STEP_AFTER
           : type->role == ROLE_FAILED ? STEP_FAILED
           : type->role == ROLE_CALL   ? STEP_CALL
                                       : STEP_OTHER;
}

static void set_names(
    struct program *program, const struct record_type *type, int signature, int class, int cause)
{
    int statement = type->form == FORM_DATABASE;

    set_field(program, type, "operationSignature", (uint32_t)ids[signature]);
    set_field(program, type, "classSignature", (uint32_t)ids[statement ? signature : class]);
    set_field(program, type, "cause", (uint32_t)ids[cause]);
}

static void do_event(
    struct program *program, unsigned stream, const struct record_type *type, uint32_t repeat)
{
    struct side *side = &program->sides[stream];
    enum trace_kind trace_kind = type->form == FORM_THREAD ? TRACE_OF_THREAD : TRACE_OF_EVENTS;
    int64_t trace = next_id(program), time = next_time(program), logged = next_logged(program);
    int signature = id_of(input_byte(&program->input)), class = id_of(input_byte(&program->input)),
        cause = id_of(input_byte(&program->input)), callee = 0, callee_class = 0;
    uint8_t order = input_byte(&program->input);
    int32_t odd = order >= 250 ? (int32_t)input_number(&program->input, 4) : 0;

    if (type->role == ROLE_CALL) {
        callee = id_of(input_byte(&program->input));
        callee_class = id_of(input_byte(&program->input));
    }
    put_fields(program, type);
    for (; repeat > 0 && program->steps < STEPS_MAX; repeat--) {
        struct fact fact = {.kind = kind_of(type),
            .form = type->form,
            .order = order >= 250 ? odd : order_behind(program, trace_kind, stream, trace),
            .signature_id = ids[signature],
            .class_id = ids[class],
            .signature = text_of(side, signature),
            .class = text_of(side, class),
            .cause = text_of(side, cause),
            .callee = text_of(side, callee),
            .callee_class = text_of(side, callee_class),
            .by_ids = side->registry.redefined == 0 && type->form != FORM_DATABASE};

        set_field(program, type, "timestamp", (uint64_t)time);
        set_field(program, type, "traceId", (uint64_t)trace);
        set_field(program, type, "threadId", (uint64_t)trace);
        set_field(program, type, "orderIndex", (uint32_t)fact.order);
        if (fact.kind != STEP_OTHER)
            set_names(program, type, signature, class, cause);
        if (type->form == FORM_DATABASE)
            fact.class = class_in(program, fact.signature);
        set_field(program, type, "calleeOperationSignature", (uint32_t)ids[callee]);
        set_field(program, type, "calleeClassSignature", (uint32_t)ids[callee_class]);
        fact.time = in_ns(side, time);
        fact.logged = logged == RECORD_NOT_LOGGED ? logged : in_ns(side, logged);
        fact.digest = feed(program, side, record_type_id(type), logged);
        expected_event(&program->expected, trace_kind, stream, side->run, trace, &fact);
        time = (int64_t)((uint64_t)time + 1);
    }
}

static void do_execution(struct program *program, unsigned stream, uint32_t repeat)
{
    struct side *side = &program->sides[stream];
    const struct record_type *type = record_type(RECORD_OPERATION_EXECUTION);
    int64_t trace = next_id(program), tin = next_time(program), tout = next_time(program);
    int64_t logged = next_logged(program);
    int signature = id_of(input_byte(&program->input)), host = id_of(input_byte(&program->input));
    uint8_t eoi = input_byte(&program->input), ess = input_byte(&program->input);
    struct fact_execution fact = {.signature = text_of(side, signature),
        .host = text_of(side, host),
        .execution.eoi = eoi == 255 ? (int32_t)input_number(&program->input, 4) : eoi % 16,
        .execution.ess = ess == 255 ? (int32_t)input_number(&program->input, 4) : ess % 8};

    put_fields(program, type);
    set_field(program, type, "operationSignature", (uint32_t)ids[signature]);
    set_field(program, type, "hostname", (uint32_t)ids[host]);
    set_field(program, type, "traceId", (uint64_t)trace);
    set_field(program, type, "tin", (uint64_t)tin);
    set_field(program, type, "tout", (uint64_t)tout);
    set_field(program, type, "ess", (uint32_t)fact.execution.ess);
    for (; repeat > 0 && program->steps < STEPS_MAX; repeat--) {
        set_field(program, type, "eoi", (uint32_t)fact.execution.eoi);
        fact.execution.tin = in_ns(side, tin);
        fact.execution.tout = in_ns(side, tout);
        fact.digest = feed(program, side, RECORD_OPERATION_EXECUTION, logged);
        if (logged != RECORD_NOT_LOGGED)
            in_ns(side, logged);
        expected_execution(&program->expected, stream, side->run, trace, &fact);
        fact.execution.eoi += fact.execution.eoi != INT32_MAX;
    }
}

static void do_metadata(struct program *program, unsigned stream)
{
    struct side *side = &program->sides[stream];
    enum record_id type =
        input_byte(&program->input) % 4 ? RECORD_TRACE_METADATA : RECORD_APPLICATION_TRACE_METADATA;
    int64_t trace = next_id(program), logged = next_logged(program);
    uint64_t digest;

    put_fields(program, record_type(type));
    set_field(program, record_type(type), "traceId", (uint64_t)trace);
    digest = feed(program, side, type, logged);
    /* Of a second one nothing is taken. */
    if (expected_metadata(&program->expected, stream, side->run, trace, digest) &&
        logged != RECORD_NOT_LOGGED)
        in_ns(side, logged);
}

static void take_unit(struct side *side, int32_t id)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"NANOSECONDS", 1}, {"MICROSECONDS", 1000}, {"SECONDS", 1000000000}};

    for (int i = 0; i < IDS; i++)
        for (size_t j = 0; j < 3; j++)
            if (ids[i] == id && side->texts[i] && strcmp(side->texts[i], units[j].name) == 0)
                side->unit = units[j].ns;
}

static void do_other(struct program *program, unsigned stream)
{
    struct side *side = &program->sides[stream];
    enum record_id id = other_types[input_byte(&program->input) % 8];
    const struct record_type *type = record_type(id);
    int64_t logged = next_logged(program);

    put_fields(program, type);
    must(list_add(&program->expected.others) != NULL);
    program->expected.others.items[program->others++] = feed(program, side, id, logged);
    if (id == RECORD_KIEKER_METADATA)
        take_unit(side, (int32_t)bytes_get32(program->fields.bytes + type->offset[6]));
    if (logged != RECORD_NOT_LOGGED)
        in_ns(side, logged);
    if (type->field_count > 0 && strcmp(type->fields[0].name, "timestamp") == 0)
        in_ns(side, (int64_t)bytes_get64(program->fields.bytes));
}

/* A string is announced, or announced anew with another text. */
static void do_entry(struct program *program, unsigned stream)
{
    struct side *side = &program->sides[stream];
    int id = id_of(input_byte(&program->input));
    const char *text = texts[input_byte(&program->input) % TEXTS];

    if (id == IDS - 1)
        return;
    must(registry_put(&side->registry, ids[id], text, strlen(text)) == 0);
    must(assembler_entry(
             program->assembler, side->stream, registry_get(&side->registry, ids[id])) == 0);
    side->texts[id] = text;
}

/* An agent's hello, which names the run, as its stream's first entry. */
static void do_hello(struct program *program, struct side *side, unsigned run)
{
    struct registry_entry entry = {.symbol = REGISTRY_NO_SYMBOL};
    char text[64];

    snprintf(text, sizeof(text), "kieker:agent version=1 run=r%u", run);
    entry.text = text;
    entry.length = (uint32_t)strlen(text);
    must(assembler_entry(program->assembler, side->stream, &entry) == 0);
    if (program->runs[run] == 0)
        program->runs[run] = ++program->run_count;
    side->run = program->runs[run];
}

static void open_side(struct program *program, unsigned stream)
{
    struct side *side = &program->sides[stream];
    uint8_t hello = input_byte(&program->input);

    *side = (struct side){
        .stream = assembler_open_stream(program->assembler, "127.0.0.1:1", 1), .run = 1};
    must(side->stream != NULL);
    registry_init(&side->registry);
    if (hello % 8 < 4)
        do_hello(program, side, hello % 4);
}

static void do_cut(struct program *program)
{
    struct batch *batch;

    expected_cut(&program->expected);
    batch = assembler_cut(program->assembler);
    must(batch != NULL);
    received_batch(&program->received, &program->expected, batch);
    batch_free(batch);
}

static void close_side(struct program *program, unsigned stream, const char *fault)
{
    struct side *side = &program->sides[stream];

    assembler_position(side->stream, side->records);
    must(assembler_close_stream(program->assembler, side->stream, fault, program->clock) == 0);
    expected_close(&program->expected, stream);
    registry_fini(&side->registry);
}

static void do_close(struct program *program, unsigned stream)
{
    close_side(program, stream, stream & 1 ? "cut_off" : NULL);
    open_side(program, stream);
}

static void run(struct program *program)
{
    uint32_t repeat = 1;

    while (input_left(&program->input) > 0 && program->steps < STEPS_MAX) {
        uint8_t byte = input_byte(&program->input), operation = byte % 32;
        unsigned stream = byte / 32 % SIDES;

        if (operation < 20)
            do_event(program, stream,
                record_type(event_types[operation / 5][input_byte(&program->input) % 6]), repeat);
        else if (operation == 31)
            do_event(
                program, stream, record_type(rare_types[input_byte(&program->input) % 12]), repeat);
        else if (operation < 23)
            do_execution(program, stream, repeat);
        else if (operation < 25)
            do_metadata(program, stream);
        else if (operation == 25)
            do_other(program, stream);
        else if (operation < 28)
            do_entry(program, stream);
        else if (operation == 28)
            do_cut(program);
        else if (operation == 29)
            do_close(program, stream);
        repeat = operation == 30 ? 1 + (uint32_t)input_number(&program->input, 2) % 2048 : 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct program program = {.input = {bytes, bytes + size}, .run_count = 1};
    struct assembler_start start = {0};
    struct assembler_figures figures;
    struct model model;

    must(model_init(&model) == 0);
    program.assembler = assembler_new(&model, &start, "fuzz");
    must(program.assembler != NULL);
    expected_init(&program.expected);
    received_init(&program.received);
    for (unsigned i = 0; i < SIDES; i++)
        open_side(&program, i);
    run(&program);
    for (unsigned i = 0; i < SIDES; i++)
        close_side(&program, i, NULL);
    do_cut(&program);
    assembler_figures(program.assembler, &figures);
    must(figures.traces_running == 0 && figures.records == program.steps);
    must(figures.traces_finished == program.received.finished);
    must(figures.calls == program.received.calls);
    must(program.received.records == program.steps && program.received.others == program.others);
    must(assembler_pending(program.assembler) == 0);
    buffer_fini(&program.fields);
    for (size_t i = 0; i < program.classes.count; i++)
        free(program.classes.items[i]);
    list_fini(&program.classes);
    received_fini(&program.received);
    expected_fini(&program.expected);
    assembler_free(program.assembler);
    return 0;
}
