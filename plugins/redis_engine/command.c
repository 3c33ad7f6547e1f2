/* One command: see command.h. */
#include "command.h"

#include "hex.h"

#include <stdlib.h>
#include <string.h>

/* --- Numbers */

static size_t decimal_size(uint64_t number)
{
    size_t digits = 1;
    for (; number >= 10; number /= 10)
        digits++;
    return digits;
}

/* @return What is behind it. */
static char *put_decimal(char *text, size_t digits, uint64_t number)
{
    for (size_t i = digits; i-- > 0; number /= 10)
        text[i] = (char)('0' + number % 10);
    return text + digits;
}

/* --- Arguments */

void command_begin(struct command *command)
{
    command->size = 0;
    command->count = 0;
    command->is_broken = false;
}

static void add(struct command *command, const char *bytes, size_t offset, size_t size)
{
    if (command->count == COMMAND_ARGUMENTS_MOST) {
        command->is_broken = true;
        return;
    }
    command->arguments[command->count].bytes = bytes;
    command->arguments[command->count].offset = offset;
    command->arguments[command->count].size = size;
    command->count++;
}

void command_add(struct command *command, toni_str bytes)
{
    add(command, bytes.size > 0 ? bytes.data : "", 0, bytes.size);
}

/* @return Room for an argument that is made here; NULL: there is none. */
static char *make(struct command *command, size_t size)
{
    if (command->room - command->size < size) {
        size_t room = command->room > 0 ? command->room : 1024;
        while (room - command->size < size)
            room *= 2;
        char *text = realloc(command->text, room);
        if (!text) {
            command->is_broken = true;
            return NULL;
        }
        command->text = text;
        command->room = room;
    }
    char *made = command->text + command->size;
    add(command, NULL, command->size, size);
    command->size += size;
    return made;
}

void command_add_hex(struct command *command, uint64_t number, size_t digits)
{
    char *made = make(command, digits);
    if (made)
        hex_put(made, digits, number);
}

void command_add_number(struct command *command, uint64_t number)
{
    const size_t digits = decimal_size(number);
    char *made = make(command, digits);
    if (made)
        (void)put_decimal(made, digits, number);
}

void command_add_key(struct command *command, char kind, toni_str name)
{
    const toni_str prefix = command->prefix;
    char *made = make(command, prefix.size + 3 + name.size);
    if (!made)
        return;
    memcpy(made, prefix.data, prefix.size);
    memcpy(made + prefix.size, (const char[]){':', kind, ':'}, 3);
    if (name.size > 0)
        memcpy(made + prefix.size + 3, name.data, name.size);
}

/* --- As RESP has it: hiredis's formatter calls sprintf for each argument, which was half of what a
 * publish cost. */

#define LINE_END 2 /* bytes */

static char *put_line_end(char *text)
{
    text[0] = '\r';
    text[1] = '\n';
    return text + LINE_END;
}

static size_t head_size(uint64_t number)
{
    return 1 + decimal_size(number) + LINE_END;
}

static char *put_head(char *text, char sign, uint64_t number)
{
    *text = sign;
    return put_line_end(put_decimal(text + 1, decimal_size(number), number));
}

static size_t size_of(const struct command *command)
{
    size_t size = head_size(command->count);
    for (size_t i = 0; i < command->count; i++)
        size += head_size(command->arguments[i].size) + command->arguments[i].size + LINE_END;
    return size;
}

int command_end(struct command *command, struct outgoing *outgoing)
{
    char *text = command->is_broken ? NULL : outgoing_add(outgoing, size_of(command));
    if (!text)
        return -1;
    text = put_head(text, '*', command->count);
    for (size_t i = 0; i < command->count; i++) {
        const size_t size = command->arguments[i].size;
        const char *bytes = command->arguments[i].bytes
                                ? command->arguments[i].bytes
                                : command->text + command->arguments[i].offset;
        text = put_head(text, '$', size);
        if (size > 0)
            memcpy(text, bytes, size);
        text = put_line_end(text + size);
    }
    return 0;
}

void command_finish(struct command *command)
{
    free(command->text);
    command->text = NULL;
    command->room = 0;
}
