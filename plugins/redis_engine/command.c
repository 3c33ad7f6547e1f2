/* One command: see command.h. */
#include "command.h"

#include "hex.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    char text[24];
    const int size = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    char *made = make(command, (size_t)size);
    if (made)
        memcpy(made, text, (size_t)size);
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

int command_end(struct command *command, struct outgoing *outgoing)
{
    const char *bytes[COMMAND_ARGUMENTS_MOST];
    size_t sizes[COMMAND_ARGUMENTS_MOST];
    char *text = NULL;
    if (command->is_broken)
        return -1;
    for (size_t i = 0; i < command->count; i++) {
        bytes[i] = command->arguments[i].bytes ? command->arguments[i].bytes
                                               : command->text + command->arguments[i].offset;
        sizes[i] = command->arguments[i].size;
    }
    /* An int before hiredis 1.0. */
    const long long size = redisFormatCommandArgv(&text, (int)command->count, bytes, sizes);
    if (size < 0)
        return -1;
    const int result = outgoing_add(outgoing, text, (size_t)size);
    redisFreeCommand(text);
    return result;
}

void command_finish(struct command *command)
{
    free(command->text);
    command->text = NULL;
    command->room = 0;
}
